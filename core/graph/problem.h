#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/nn/value.h"

namespace nw::graph {

using NodeId = int64_t;
inline constexpr NodeId kNoNode = 0;

enum class Severity : uint8_t { Info, Warning, Error };

/// A change that mends a Problem at a click: sets one parameter of one node.
struct Fix {
  std::string text;  // "Set in_features to 576"
  NodeId node = kNoNode;
  std::string param;
  nn::Value value;
};

/// Something to tell about a graph, at a place. Value type: crosses threads and the border to the
/// window.
struct Problem {
  Severity severity = Severity::Error;
  NodeId node = kNoNode;  // kNoNode: the graph as a whole
  std::string port;       // empty: the node as a whole
  std::string text;  // "[Linear] expects 400 features on the last dimension, gets 576 (16×6×6)"
  std::vector<Fix> fixes;
};

}  // namespace nw::graph
