#include "core/ops/activation.h"
#include "core/ops/arithmetic.h"
#include "core/plugin/plugin.h"

namespace {

using namespace nw;

constexpr double kAmplitude = 1.7159;
constexpr double kSlope = 2.0 / 3.0;

/// y = 1.7159 · tanh(2x/3): x (*) -> y (*). No parameters.
/// Source: LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998, section 4.4.
class LeCunTanh : public nn::UnaryModule {
 public:
  std::string kind() const override { return "LeCunTanh"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& x) override { return ops::tanh(x * kSlope) * kAmplitude; }
};

nn::Block lecun_tanh_block() {
  nn::Block block;
  block.id = "LeCunTanh";
  block.category = "activation";
  block.icon = "tanh";
  block.summary = "A tanh stretched so that inputs of variance 1 leave with variance near 1.";
  block.formula = "y = 1.7159 · tanh(2x / 3)";
  block.when_to_use = "To rebuild the networks of the 1990s, the first LeNet among them.";
  block.reference = "https://doi.org/10.1007/3-540-49430-8_2";
  block.make = [](const nn::Args&) -> std::unique_ptr<nn::Module> {
    return std::make_unique<LeCunTanh>();
  };
  return block;
}

constexpr plugin::Plugin kPlugin{
    .name = "lecun_tanh",
    .summary = "The activation of the first LeNet, as an example of a block in a plugin.",
    .load = [](plugin::Host& host) { host.add_block(lecun_tanh_block()); },
};

}  // namespace

NW_PLUGIN(kPlugin)
