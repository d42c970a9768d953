#pragma once

#include <optional>
#include <span>
#include <vector>

#include "core/nn/fusable.h"
#include "core/nn/module.h"
#include "core/ops/chain.h"

namespace nw::graph {

/// A module of a model, and the numbered slots that it reads and writes.
struct Step {
  nn::Module* module = nullptr;
  std::vector<int> inputs;    // slots; below 0: none
  std::vector<int> outputs;   // slots
  std::vector<int> finished;  // slots that nobody reads later
  bool overwrites = false;    // an input, which then holds the result
  bool has_parameters = false;
};

/// Neighbouring steps whose results in between nobody else reads, run as one: elementwise modules,
/// or one that ends in an activation and that activation. What comes out is the same, bit for bit.
class FusedSteps {
 public:
  /// Finds them; `read_later`: slots that are read when all steps are done.
  static std::vector<FusedSteps> find(std::span<const Step> steps, std::span<const int> read_later);

  /// The numbers of the first and the last of the steps.
  size_t first() const { return first_; }
  size_t last() const { return last_; }
  /// The last step's result; nothing where they must be run one by one: someone watches one of
  /// them, or the backend or the numbers do not allow it.
  std::optional<Tensor> run(std::span<const Step> steps, std::span<const Tensor> slots);

 private:
  friend class FusionSearch;
  bool is_watched(std::span<const Step> steps) const;
  Tensor run_product(std::span<const Step> steps, std::span<const Tensor> slots) const;
  std::optional<Tensor> run_chain(std::span<const Step> steps, std::span<const Tensor> slots);

  size_t first_ = 0;
  size_t last_ = 0;
  bool is_product_ = false;  // and an activation
  Chain shape_;              // without its ops, which the dtype may have a say in
  std::vector<int> inputs_;  // the slots of the chain's inputs
  std::optional<ops::ElementChain> chain_;
  DType dtype_ = DType::Float32;  // for which chain_ is
};

}  // namespace nw::graph
