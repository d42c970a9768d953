#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/block_case.h"
#include "tests/support/oracle.h"

namespace nw::test {

/// What our implementation made of a case, or why it refused.
struct Outcome {
  std::string error;
  std::shared_ptr<nn::Module> module;
  std::string printed;
  std::string names;            // keys and sizes of the state_dict before the first forward
  std::vector<Tensor> initial;  // its tensors; undefined where a parameter had no sizes yet
  std::vector<Tensor> outputs;  // without the undefined ones
  Tensors fed;                  // what an inplace module was fed with, as it is afterwards
};

Outcome run_ours(const BlockCase& drawn);

/// How the gradients lie in memory that outputs are fed with.
enum class GradientLayout : uint8_t { Any, Contiguous };

/// What both did alike.
struct Verdict {
  std::string problem = {};  // the first difference in words; empty: none
  bool accepted = false;     // by both
  bool backward = false;     // gradients were compared, too
  bool no_judge = false;     // PyTorch has no code for it, or dies of it
  bool by_spread = false;    // ill-conditioned: rounding explains what differs
};

/// Runs the case in both and compares the initial weights (bit for bit), state_dict keys, printed
/// text, outputs, gradients, the state afterwards, sizes on meta and inferred arguments; or that
/// both refuse. Where numbers differ, those that PyTorch gives in float64 may agree with ours
/// instead, or PyTorch's own may stray as far when its numbers change by one rounding. A dtype of
/// 16 bits or a complex one that only PyTorch refuses proves nothing.
Verdict compare_with_torch(Draw& draw, Oracle& oracle, const BlockCase& drawn,
                           GradientLayout layout = GradientLayout::Any);

/// Counts what was compared, for the page that tells what is proved.
class Coverage {
 public:
  void count(const BlockCase& drawn, const Verdict& verdict);
  /// Parameters that no accepted case gave another value than the default.
  std::vector<std::string> undrawn(const nn::Block& block) const;
  /// Appends one JSON object a line to the file that NW_COVERAGE names, if it does.
  void write(const nn::Block& block) const;

 private:
  struct Counts {
    int forward = 0, backward = 0, state = 0, init = 0;
  };
  std::map<std::pair<std::string, DType>, Counts> counts_;  // by option ("" is the block) and dtype
};

}  // namespace nw::test
