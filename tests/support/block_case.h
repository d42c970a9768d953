#pragma once

#include <string>
#include <vector>

#include "core/trial/block_case.h"
#include "tests/support/draw.h"

namespace nw::test {

using trial::arranged;
using trial::BlockCase;
using trial::draw_case;

/// In which precision PyTorch computes.
enum class Precision : uint8_t { Own, Float64 };

/// Python that runs the case with run_block() of oracle_blocks.py. `gradients` names what the
/// outputs are fed with in backward (empty: no backward), `state` what the entries of the first
/// state_dict are replaced with (None: not; empty: nothing is).
std::string python_of(const BlockCase& drawn, const std::vector<std::string>& gradients,
                      Precision precision = Precision::Own,
                      const std::vector<std::string>& state = {});

}  // namespace nw::test
