#include "core/trial/block_case.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/backend/creation.h"
#include "core/nn/call.h"
#include "core/trial/port_sizes.h"

namespace nw::trial {
namespace {

/// Now and then sizes that the block may refuse: one off, one too many, one missing.
void tamper(Draw& draw, Dims& sizes) {
  if (sizes.empty()) return;
  const auto at = static_cast<size_t>(draw.integer(0, static_cast<int64_t>(sizes.size()) - 1));
  switch (draw.integer(0, 2)) {
    case 0:
      sizes.erase(at);
      break;
    case 1:
      sizes[at] += 1;
      break;
    default:
      if (sizes.size() < 6) sizes.insert(at, 1);
  }
}

/// Where among the dimensions of a layout the classes lie; −1: nowhere.
int64_t class_dimension(const std::string& layout) {
  const auto names = words(layout);
  const auto it = std::find(names.begin(), names.end(), "C");
  return it == names.end() ? -1 : it - names.begin();
}

/// Classes in the sizes that the port names, or else in those of the first input without its
/// classes.
Tensor draw_classes(Draw& draw, const BlockCase& drawn, const nn::Args& all, const nn::Port& port,
                    SizeDraw& named) {
  const Dims& first = drawn.inputs[0].sizes();
  const std::string layout = layout_of(drawn.block->inputs[0], all);
  auto at = static_cast<size_t>(std::max<int64_t>(class_dimension(layout), 0));
  if (at >= first.size()) at = 0;
  Dims sizes = first;
  const int64_t count = sizes.empty() ? 1 : std::max<int64_t>(sizes[at], 1);
  if (port.layout.find_first_of("*=") == std::string::npos) {
    sizes = named.sizes(port, first);
  } else if (!sizes.empty()) {
    sizes.erase(at);
  }
  const Tensor target = draw.whole(sizes, 0, count - 1);
  if (target.numel() == 0) return target;
  if (const nn::Value* ignored = drawn.args.find("ignore_index")) {
    for (int64_t i = 0; i < target.numel(); ++i) {
      if (draw.chance(0.2)) target.data<int64_t>()[i] = std::get<int64_t>(*ignored);
    }
  }
  if (draw.chance(0.1)) target.data<int64_t>()[0] = draw.chance(0.5) ? count : -1;
  return target;
}

int64_t plane_of(const Dims& sizes) {
  int64_t plane = 1;
  for (size_t i = 2; i < sizes.size(); ++i) plane *= sizes[i];
  return plane;
}

/// Where PyTorch 1.13 contradicts itself: Hardswish's slope at 3 depends on the place in memory.
bool is_doubtful(const nn::Block& block, double value) {
  return block.id == "Hardswish" && value == 3;
}

/// Numbers around the places where functions bend, too.
Tensor draw_floating(Draw& draw, const nn::Block& block, const Dims& sizes, DType dtype) {
  const Tensor x = draw.numbers(sizes, DType::Float64);
  const bool rounds = draw.chance(0.25);
  const double scale = draw.chance(0.15) ? 10 : 1;
  for (int64_t i = 0; i < x.numel(); ++i) {
    double& value = x.data<double>()[i];
    value = rounds ? std::round(value * scale * 2) / 2 : value * scale;
    if (is_doubtful(block, value)) value = 2.5;
  }
  if (is_complex(dtype)) return draw.numbers(sizes, dtype);
  return raw::to(x, dtype);
}

/// Where parts of `first` begin, which becomes a row; `closed`: the last one tells where it ends.
Tensor draw_starts(Draw& draw, Tensor& first, const Dims& sizes, bool closed) {
  const bool learns = first.requires_grad();
  const Tensor dense = raw::contiguous(first.detach());
  first = dense.as_strided(Dims{dense.numel()}, Dims{1}, dense.offset());
  if (learns) first.set_requires_grad();
  const bool regular = sizes.size() == 1 && sizes[0] > 0;
  const Tensor starts =
      draw.whole(regular && closed ? Dims{sizes[0] + 1} : sizes, 0, dense.numel());
  if (!regular) return starts;
  int64_t* values = starts.data<int64_t>();
  std::sort(values, values + starts.numel());
  if (closed) values[starts.numel() - 1] = dense.numel();
  if (draw.chance(0.95)) values[0] = 0;
  return starts;
}

Tensor draw_port(Draw& draw, BlockCase& drawn, const nn::Args& all, const nn::Port& port,
                 SizeDraw& sizes) {
  const bool first = drawn.inputs.empty();
  if (port.numbers == nn::PortNumbers::Classes && draw.chance(0.8)) {
    return draw_classes(draw, drawn, all, port, sizes);
  }
  const bool like_first = port.numbers == nn::PortNumbers::Classes;
  Dims wanted = like_first ? drawn.inputs[0].sizes()
                           : sizes.sizes(port, first ? Dims{} : drawn.inputs[0].sizes());
  if (draw.chance(0.14 / std::max(2.0, static_cast<double>(drawn.block->inputs.size())))) {
    tamper(draw, wanted);
    drawn.regular = false;
  }
  const int64_t wrong = draw.chance(0.03) ? 1 : 0;
  switch (port.numbers) {
    case nn::PortNumbers::Indices: {
      const int64_t below = !port.below.empty() ? std::get<int64_t>(*all.find(port.below))
                                                : plane_of(drawn.inputs[0].sizes());
      return draw.whole(wanted, 0, std::max<int64_t>(below - 1 + wrong, 0));
    }
    case nn::PortNumbers::Lengths:
      return draw.whole(wanted, 1, std::max<int64_t>(sizes.named(port.below), 1) + wrong);
    case nn::PortNumbers::Starts:
      return draw_starts(draw, drawn.inputs[0], wanted,
                         all.has("include_last_offset") && all.boolean("include_last_offset"));
    case nn::PortNumbers::Mask:
      return draw.coins(wanted, 0.2);
    case nn::PortNumbers::Signs:
      return raw::to(draw.signs(wanted), drawn.dtype);
    case nn::PortNumbers::Probabilities:
      return raw::to(draw.probabilities(wanted), drawn.dtype);
    default:
      return draw_floating(draw, *drawn.block, wanted, drawn.dtype);
  }
}

DType draw_dtype(Draw& draw) {
  const double at = draw.real(0, 1);
  if (at < 0.40) return DType::Float32;
  if (at < 0.75) return DType::Float64;
  if (at < 0.83) return DType::Float16;
  if (at < 0.92) return DType::BFloat16;
  return at < 0.96 ? DType::Complex64 : DType::Complex128;
}

}  // namespace

std::string BlockCase::text() const {
  std::string sizes;
  for (const Tensor& input : inputs) {
    sizes += " " + (input.defined() ? describe(input) : std::string("None"));
    if (input.defined() && !input.is_contiguous()) {
      sizes += " strides (" + to_string(input.strides()) + ")";
    }
  }
  std::string call;
  for (const nn::Param& param : block->params) {
    if (param.call && args.has(param.name)) {
      call += " " + param.name + "=" + nn::to_python(*args.find(param.name));
    }
  }
  return concat(nn::python_call(*block, args), call, " ", name(dtype),
                training ? " training" : " evaluating", " ", forwards, "× seed ", seed, " on",
                sizes);
}

BlockCase draw_case(Draw& draw, const nn::Block& block, std::optional<DType> dtype) {
  BlockCase drawn{.block = &block,
                  .args = draw.args(block),
                  .dtype = dtype ? *dtype : draw_dtype(draw),
                  .training = draw.chance(0.6),
                  .seed = draw.seed() % 100'000};
  if (draw.chance(0.3)) drawn.forwards = static_cast<int>(draw.integer(2, 3));
  for (const nn::Param& param : block.params) {
    drawn.args.set(param.name, nn::normalized(param, *drawn.args.find(param.name)));
  }
  const nn::Args all = block.complete(drawn.args);
  SizeDraw sizes(draw, block, all);
  if (draw.chance(0.08)) {
    sizes.drop_batch();
    drawn.regular = false;
  }
  const bool no_samples = draw.chance(0.04);
  // Optional arguments of forward; nearly every loss needs its target.
  std::map<std::string, bool> given;
  const double wires = block.role == nn::Role::Loss ? 0.9 : 0.5;
  for (const nn::Port& port : block.inputs) {
    const std::string& argument = port.argument.empty() ? port.name : port.argument;
    const bool wired =
        !port.optional || given.try_emplace(argument, draw.chance(wires)).first->second;
    if (!wired) {
      drawn.inputs.push_back(Tensor());
      continue;
    }
    Tensor x = draw_port(draw, drawn, all, port, sizes);
    if (no_samples && drawn.inputs.empty() && x.dim() > 0) {
      Dims none = x.sizes();
      none[0] = 0;
      x = empty(none, x.dtype(), kCpu);
      drawn.regular = false;
    }
    const bool learns =
        (is_floating(x.dtype()) || is_complex(x.dtype())) && port.numbers != nn::PortNumbers::Signs;
    x = arranged(draw, x);
    if (learns) x.set_requires_grad();
    drawn.inputs.push_back(x);
  }
  return drawn;
}

}  // namespace nw::trial
