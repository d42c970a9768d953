#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "core/autograd/engine.h"
#include "core/autograd/profile.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/graph/model.h"
#include "core/nn/fusable.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"

/// Nets whose neighbouring steps run as one, and the same steps one by one, which a hook on each
/// makes them.
namespace nw::test::fusion {

inline constexpr int64_t kClasses = 3;
inline constexpr std::string_view kChainNode = "Chain";
inline constexpr std::string_view kProductNode = "Linear and activation";

inline nn::Args args_of(std::initializer_list<std::pair<std::string, nn::Value>> values) {
  nn::Args args;
  for (const auto& [name, value] : values) args.set(name, value);
  return args;
}

/// Nodes that take from whichever nodes stand before them.
class Drawing {
 public:
  explicit Drawing(Draw& draw) : draw_(draw) {}

  graph::NodeId add(const std::string& block, nn::Args args,
                    std::initializer_list<graph::NodeId> from) {
    graph::Node node;
    node.id = graph.next_id();
    node.block = block;
    node.args = std::move(args);
    const nn::Block& kind = *nn::blocks().find(block);
    size_t port = 0;
    for (const graph::NodeId id : from) {
      graph.wires.push_back({{id, "output"}, {node.id, kind.inputs[port++].name}});
    }
    graph.nodes.push_back(node);
    return node.id;
  }

  /// A block without state that does one thing to each number, with any arguments.
  graph::NodeId elementwise(graph::NodeId from) {
    const nn::Block& block =
        *kinds()[static_cast<size_t>(draw_.integer(0, static_cast<int64_t>(kinds().size()) - 1))];
    nn::Args args = draw_.args(block);
    if (args.has("inplace") && draw_.chance(0.5)) args.set("inplace", false);
    return add(block.id, args, {from});
  }

  graph::Graph graph;

 private:
  /// Those of the palette that say so of themselves, and take one input.
  static const std::vector<const nn::Block*>& kinds() {
    static const std::vector<const nn::Block*> found = [] {
      std::vector<const nn::Block*> all;
      for (const nn::Block& block : nn::blocks().all()) {
        if (block.role != nn::Role::Layer || block.inputs.size() != 1) continue;
        if (block.category != "activation") continue;
        Draw draw(1);
        const auto module = block.make(block.complete(draw.args(block)));
        if (dynamic_cast<const nn::Elementwise*>(module.get()) != nullptr) all.push_back(&block);
      }
      return all;
    }();
    return found;
  }

  Draw& draw_;
};

/// A net of a convolution or product, elementwise blocks in any order, each reading some of the
/// numbers before it, and a last product.
inline graph::Graph any_net(Draw& draw, bool image) {
  Drawing drawing(draw);
  const graph::NodeId input = drawing.add("Input", {}, {});
  const graph::NodeId first =
      image ? drawing.add("Conv2d",
                          args_of({{"out_channels", int64_t{3}}, {"kernel_size", int64_t{3}}}),
                          {input})
            : drawing.add("Linear", args_of({{"out_features", int64_t{5}}}), {input});
  std::vector<graph::NodeId> whole{first};
  std::vector<graph::NodeId> small;  // of sizes that repeat to the others'
  if (image)
    small.push_back(
        drawing.add("AdaptiveAvgPool2d", args_of({{"output_size", int64_t{1}}}), {first}));
  const auto any = [&](const std::vector<graph::NodeId>& nodes) {
    return nodes[static_cast<size_t>(draw.integer(0, static_cast<int64_t>(nodes.size()) - 1))];
  };
  const int64_t count = draw.integer(2, 9);
  for (int64_t i = 0; i < count; ++i) {
    const graph::NodeId from = draw.chance(0.75) ? whole.back() : any(whole);
    if (draw.chance(0.5)) {
      whole.push_back(drawing.elementwise(from));
      continue;
    }
    const graph::NodeId other = !small.empty() && draw.chance(0.3) ? small[0] : any(whole);
    const char* block = draw.chance(0.6) ? "Add" : "Multiply";
    whole.push_back(drawing.add(block, {},
                                draw.chance(0.5) ? std::initializer_list{from, other}
                                                 : std::initializer_list{other, from}));
  }
  graph::NodeId last = whole.back();
  if (image) last = drawing.add("Flatten", {}, {last});
  if (!image && draw.chance(0.5)) {
    last = drawing.add("Linear", args_of({{"out_features", int64_t{4}}}), {last});
    last = drawing.elementwise(last);
  }
  last = drawing.add("Linear", args_of({{"out_features", kClasses}}), {last});
  drawing.add("CrossEntropyLoss", {}, {last});
  return drawing.graph;
}

/// What a step of training gives.
struct Outcome {
  std::string error;
  std::vector<Tensor> numbers;  // prediction, loss, gradients
  uint64_t kept_bytes = 0;      // by forward, for backward
  int64_t chains = 0;
  int64_t products = 0;
};

struct Setting {
  uint64_t seed;
  data::Signature data;
  Device device = kCpu;
  DType dtype = DType::Float32;
  std::optional<DType> autocast = {};
  bool training = true;
  bool input_learns = false;
  bool channels_last = false;
  bool nan = false;  // among the input
};

inline Outcome run_step(const graph::Graph& graph, const Setting& setting, bool watched) {
  Outcome outcome;
  manual_seed(setting.seed);
  const auto model = graph::build(graph, setting.data);
  model->to(setting.dtype);
  model->to(setting.device);
  model->train(setting.training);
  model->set_autocast(setting.autocast);
  if (watched) {
    for (nn::Module* module : model->modules()) {
      if (module == model.get()) continue;
      module->register_forward_hook(
          [](nn::Module&, const Tensors&, const Tensors&) -> std::optional<Tensors> { return {}; });
    }
  }
  Draw draw(setting.seed);
  Dims sizes{4};
  for (const int64_t size : setting.data.sample) sizes.push_back(size);
  Tensor x = draw.numbers(sizes, setting.dtype);
  if (setting.channels_last && sizes.size() == 4) {
    const Tensor turned = empty({sizes[0], sizes[2], sizes[3], sizes[1]}, setting.dtype);
    const Dims& s = turned.strides();
    const Tensor there = turned.as_strided(sizes, {s[0], s[3], s[1], s[2]}, 0);
    raw::copy_(there, x);
    x = there;
  }
  for (int64_t i = 0; setting.nan && i < x.numel(); i += 3) {
    raw::fill_(x.as_strided({}, {}, x.offset() + i), std::nan(""));
  }
  x = raw::to(x, setting.device);
  x.set_requires_grad(setting.input_learns);
  const Tensor target = raw::to(draw.whole({4}, 0, kClasses - 1), setting.device);
  const auto used = [&] { return backend_of(setting.device).memory(setting.device).allocated; };
  const uint64_t before = used();
  const Tensor y = model->forward({x})[0];
  outcome.kept_bytes = used() - before;
  const Tensor loss = model->loss(y, target, x);
  autograd::BackwardProfile profile;
  autograd::backward(loss);
  const auto calls = [&](std::string_view node) {
    const auto entry = profile.entries().find(node);
    return entry == profile.entries().end() ? int64_t{0} : entry->second.calls;
  };
  outcome.chains = calls(kChainNode);
  outcome.products = calls(kProductNode);
  const auto add = [&](const Tensor& numbers) {
    outcome.numbers.push_back(raw::to(numbers.detach(), kCpu));
  };
  add(y);
  add(loss);
  if (setting.input_learns) add(x.grad());
  for (const Tensor& parameter : model->parameters()) {
    if (parameter.grad().defined()) add(parameter.grad());
  }
  return outcome;
}

inline Outcome step(const graph::Graph& graph, const Setting& setting, bool watched) {
  try {
    return run_step(graph, setting, watched);
  } catch (const Error& error) {
    Outcome outcome;
    outcome.error = error.text();
    return outcome;
  }
}

/// Empty: the same, bit for bit, and no more memory.
inline std::string compare(const Outcome& fused, const Outcome& apart) {
  if (fused.error != apart.error) return "error '" + fused.error + "' for '" + apart.error + "'";
  if (fused.numbers.size() != apart.numbers.size()) return "other gradients";
  for (size_t i = 0; i < fused.numbers.size(); ++i) {
    const std::string found = bit_difference(fused.numbers[i], apart.numbers[i], "number");
    if (!found.empty()) return concat("number ", i, ": ", found);
  }
  if (fused.kept_bytes > apart.kept_bytes) {
    return concat("keeps ", fused.kept_bytes, " bytes for ", apart.kept_bytes);
  }
  return {};
}

inline std::string drawn(const graph::Graph& graph) {
  std::string words;
  for (const graph::Node& node : graph.nodes) {
    words += concat(node.id, " ", node.block, "(");
    for (const graph::Wire& wire : graph.wires) {
      if (wire.to.node == node.id) words += concat(wire.from.node, " ");
    }
    words += ") ";
  }
  return words;
}

inline data::Signature features() {
  return {{6}, {}, DType::Int64, kClasses};
}

/// What was fused in any number of nets, and what was wrong with one; empty: nothing.
struct Tally {
  int64_t chains = 0;
  int64_t products = 0;
  int sound = 0;
  std::string problem;

  /// Draws and tries a net of any kind.
  void add_any(Draw& draw, Device device) {
    const bool image = draw.chance(0.5);
    const graph::Graph graph = any_net(draw, image);
    Setting setting{draw.seed(),
                    image ? data::Signature{{2, 7, 6}, {}, DType::Int64, kClasses} : features()};
    setting.device = device;
    constexpr DType kTypes[] = {DType::Float32, DType::Float64, DType::BFloat16, DType::Float16};
    setting.dtype = kTypes[draw.chance(0.5) ? 0 : draw.integer(0, 3)];
    if (setting.dtype == DType::Float32 && draw.chance(0.2)) setting.autocast = DType::BFloat16;
    setting.training = draw.chance(0.8);
    setting.input_learns = draw.chance(0.3);
    setting.channels_last = draw.chance(0.3);
    add(graph, setting);
  }

  void add(const graph::Graph& graph, const Setting& setting) {
    const Outcome fused = step(graph, setting, false);
    const Outcome apart = step(graph, setting, true);
    chains += fused.chains;
    products += fused.products;
    sound += fused.error.empty();
    std::string found = compare(fused, apart);
    if (apart.chains + apart.products > 0) found = "a watched step is fused";
    if (found.empty()) return;
    problem = concat(found, " in ", drawn(graph), "of ", name(setting.dtype),
                     setting.autocast ? ", autocast" : "",
                     setting.channels_last ? ", channels last" : "");
  }
};

}  // namespace nw::test::fusion
