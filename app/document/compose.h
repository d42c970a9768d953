#pragma once

#include <vector>

#include "app/document/transaction.h"

namespace nw::app {

/// Edits of several steps that a gesture stands for. Each adds to the transaction and gives the new
/// node or nodes.

/// Puts a block after `after` (kNoNode: the end of the network) and wires it where ports fit. In
/// the middle of a chain, and before a loss, it is put in between and what follows makes room.
graph::NodeId appendBlock(Transaction& edit, const nn::Block& block, graph::NodeId after);

/// Puts a block on a wire: from -> block -> to. Half of it when the block lacks a port.
graph::NodeId insertBlock(Transaction& edit, const nn::Block& block, const graph::Wire& wire,
                          Position at);

/// Puts a block at the free end of a wire: the end with kNoNode. An empty port there: the first.
graph::NodeId placeWiredBlock(Transaction& edit, const nn::Block& block, Position at,
                              graph::Wire wire);

/// Adds nodes and wires of another graph, moved aside until none covers a node of this one. Names
/// that are taken get a number.
std::vector<graph::NodeId> addFragment(Transaction& edit, const graph::Graph& fragment);

}  // namespace nw::app
