#include "tests/support/op_oracle.h"

#include <cmath>
#include <sstream>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/base/error.h"
#include "tests/support/compare.h"

namespace nw::test {
namespace {

constexpr const char* kNames[] = {"a", "b", "c"};

bool is_inexact(DType dtype) {
  return is_floating(dtype) || is_complex(dtype);
}

std::string python(const Scalar& value) {
  if (value.is_real()) {
    std::ostringstream text;
    text.precision(17);  // all its digits
    text << "float('" << value.to_double() << "')";
    return text.str();
  }
  return to_string(value);
}

/// PyTorch lacks it, or fails by a fault of its own.
bool is_missing(const std::string& error) {
  return error.find("not implemented for 'Half'") != std::string::npos ||
         error.find("not implemented for 'BFloat16'") != std::string::npos ||
         error.find("ComplexHalf") != std::string::npos ||
         error.find("returned an invalid gradient") != std::string::npos ||
         error.find("please report a bug to PyTorch") != std::string::npos ||
         error.find("Could this error message be improved") != std::string::npos;
}

/// 16-bit numbers beside others: PyTorch rounds more of its gradients to 16 bits than it must.
bool mixes_halves(const Tensors& inputs) {
  bool mixed = false;
  bool halves = false;
  for (const Tensor& input : inputs) {
    halves = halves || is_half(input.dtype());
    mixed = mixed || input.dtype() != inputs[0].dtype();
  }
  return halves && mixed;
}

}  // namespace

struct OpOracle::Case {
  Tensors inputs;
  Scalar scalar = 0;
  int64_t dim = 0;
  bool specials = false;

  std::string text(const OpRow& row) const {
    std::string out = row.name + ": " + row.python + " with";
    for (size_t i = 0; i < inputs.size(); ++i) {
      out += concat(" ", kNames[i], " ", describe(inputs[i]), " strides ",
                    to_string(inputs[i].strides()));
    }
    return out + concat(" s ", to_string(scalar), " d ", dim);
  }
};

DType OpOracle::dtype() {
  // Half of them floating point, for the gradients.
  if (draw_.chance(0.4)) return draw_.chance(0.5) ? DType::Float32 : DType::Float64;
  return static_cast<DType>(draw_.integer(0, kDTypeCount - 1));
}

Tensor OpOracle::numbers(const Dims& sizes, DType dtype, double width, bool positive,
                         bool specials) {
  const Tensor wide = empty(sizes, DType::Complex128, kCpu);
  auto* to = wide.data<std::complex<double>>();
  for (int64_t i = 0; i < wide.numel(); ++i) {
    const auto one = [&]() -> double {
      if (!is_inexact(dtype)) {
        const bool is_unsigned = positive || dtype == DType::UInt8;
        return static_cast<double>(draw_.integer(is_unsigned ? 0 : -4, 5));
      }
      if (specials && !is_complex(dtype) && draw_.chance(0.3)) {
        const double kinds[] = {0.0, -0.0, 0.5, 1.5, -1.0, 1.0, HUGE_VAL, -HUGE_VAL, NAN};
        return kinds[draw_.integer(0, 8)];
      }
      const double value = draw_.real(-width, width);
      return positive ? 0.05 + std::abs(value) : value;
    };
    to[i] = {one(), is_complex(dtype) ? one() : 0.0};
  }
  return raw::to(wide, dtype);
}

Tensor OpOracle::laid_out(const Tensor& dense, bool may_repeat) {
  const Dims& sizes = dense.sizes();
  if (sizes.empty() || dense.numel() == 0 || draw_.chance(0.4)) return dense;
  Dims strides(sizes.size());
  int64_t step = draw_.chance(0.5) ? 1 : 2;
  const int64_t kind = draw_.integer(0, may_repeat ? 3 : 2);
  if (kind == 0) {  // turned
    for (size_t i = 0; i < sizes.size(); ++i) {
      strides[i] = step;
      step *= sizes[i];
    }
  } else if (kind == 1 && sizes.size() >= 3) {
    strides = channels_last_strides(sizes);
  } else {  // sliced
    for (size_t i = sizes.size(); i-- > 0;) {
      strides[i] = step;
      step *= sizes[i] + 1;
    }
    const auto repeated = static_cast<size_t>(draw_.integer(0, dense.dim() - 1));
    if (kind == 3) strides[repeated] = 0;
  }
  int64_t reach = 1;
  for (size_t i = 0; i < sizes.size(); ++i) reach += (sizes[i] - 1) * strides[i];
  const Tensor view = zeros(Dims{reach}, dense.dtype(), kCpu).as_strided(sizes, strides, 0);
  raw::copy_(view, dense);
  return view;
}

OpOracle::Case OpOracle::draw_case(const OpRow& row) {
  Case drawn;
  drawn.specials = draw_.chance(0.2);
  Dims whole;
  const int64_t rank = draw_.integer(0, 4);
  for (int64_t i = 0; i < rank; ++i) {
    whole.push_back(draw_.chance(0.05) ? 0 : draw_.integer(1, 5));
  }
  const DType first = dtype();
  for (int i = 0; i < row.inputs; ++i) {
    Dims sizes = whole;
    if (row.broadcasts && i > 0) {
      while (!sizes.empty() && draw_.chance(0.2)) sizes.erase(0);
      for (int64_t& size : sizes) {
        if (draw_.chance(0.15)) size = 1;
      }
    }
    DType own = draw_.chance(0.5) ? first : dtype();
    // Infinities and NaN in complex functions are nobody's convention.
    while (drawn.specials && is_complex(own)) own = dtype();
    drawn.inputs.push_back(
        laid_out(numbers(sizes, own, row.width, row.positive, drawn.specials), row.repeats));
  }
  const int64_t kind = draw_.integer(0, 7);
  if (kind == 0) drawn.scalar = draw_.chance(0.5);
  if (kind == 1 || kind == 2) drawn.scalar = draw_.integer(row.positive ? 0 : -3, 4);
  if (kind > 2) drawn.scalar = static_cast<double>(draw_.integer(row.positive ? 1 : -10, 10)) / 4;
  // One that 16 bits do not hold.
  if (kind == 6) drawn.scalar = draw_.real(row.positive ? 0.1 : -2.5, 2.5);
  if (kind == 7 && !drawn.specials)
    drawn.scalar = std::complex<double>(draw_.integer(-2, 2), draw_.integer(1, 2));
  drawn.dim = draw_.integer(-std::max<int64_t>(rank, 1), std::max<int64_t>(rank - 1, 0));
  return drawn;
}

std::string OpOracle::check(const OpRow& row) {
  const Case drawn = draw_case(row);
  const std::string text = compare(row, drawn);
  return text.empty() ? text : drawn.text(row) + "\n" + text;
}

std::string OpOracle::compare(const OpRow& row, const Case& drawn) {
  Tensors leaves;
  Oracle::Inputs inputs;
  std::string code = "s = " + python(drawn.scalar) + concat("\nd = ", drawn.dim, "\n");
  for (size_t i = 0; i < drawn.inputs.size(); ++i) {
    const Tensor leaf = drawn.inputs[i].detach();
    if (is_inexact(leaf.dtype())) {
      leaf.set_requires_grad();
      code += concat(kNames[i], ".requires_grad_()\n");
    }
    leaves.push_back(leaf);
    inputs.emplace_back(kNames[i], drawn.inputs[i]);
  }
  code += "y = " + row.python + "\n";
  std::vector<std::string> outputs = {"y"};
  Tensor ours;
  std::string error;
  try {
    ours = row.ours(leaves, drawn.scalar, drawn.dim);
  } catch (const Error& thrown) {
    error = thrown.text();
  }
  if (!error.empty()) {
    const auto torch = oracle_.run(code, inputs, {});
    if (torch.ok()) return "ours refuses: " + error + "; torch accepts";
    ++refused_;
    return {};
  }
  const bool backward = !mixes_halves(drawn.inputs) && ours.requires_grad() &&
                        is_inexact(ours.dtype()) && !drawn.specials;
  if (backward) {
    const Tensor grad = numbers(ours.sizes(), ours.dtype(), 1, false, false);
    inputs.emplace_back("g", grad);
    code += "y.backward(g)\n";
    for (size_t i = 0; i < leaves.size(); ++i) {
      if (!leaves[i].requires_grad()) continue;
      const std::string name = concat("g", kNames[i]);
      code += concat(name, " = torch.zeros_like(", kNames[i], ") if ", kNames[i],
                     ".grad is None else ", kNames[i], ".grad\n");
      outputs.push_back(name);
    }
    autograd::backward(ours, grad);
  }
  const auto torch = oracle_.run(code, inputs, outputs);
  if (!torch.ok()) {
    if (is_missing(torch.error)) return {};
    return "ours gives " + describe(ours) + "; torch: " + torch.error;
  }
  if (auto text = difference(ours, torch["y"], "result", row.slack); !text.empty()) return text;
  ++compared_;
  Tensors metas;
  for (const Tensor& input : drawn.inputs) {
    metas.push_back(raw::to(input, kMeta));
  }
  const Tensor meta = row.ours(metas, drawn.scalar, drawn.dim);
  if (describe(meta) != describe(ours)) return "on meta " + describe(meta);
  if (!backward) return {};
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (!leaves[i].requires_grad()) continue;
    const Tensor& got = leaves[i].grad();
    const Tensor grad =
        got.defined() ? got : zeros(leaves[i].sizes(), leaves[i].dtype(), leaves[i].device());
    const std::string name = concat("g", kNames[i]);
    if (auto text = difference(grad, torch[name], "gradient of " + name.substr(1), 4 * row.slack);
        !text.empty()) {
      return text;
    }
    ++gradients_;
  }
  return {};
}

}  // namespace nw::test
