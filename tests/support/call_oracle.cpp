#include "tests/support/call_oracle.h"

#include <QTest>
#include <algorithm>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "tests/support/compare.h"

namespace nw::test {

std::string list(const std::vector<int64_t>& values) {
  std::string text = "[";
  for (const int64_t value : values) text += std::to_string(value) + ", ";
  return text + "]";
}
std::string list(const Dims& values) {
  return list(std::vector<int64_t>(values.begin(), values.end()));
}
std::string none_or(const std::optional<int64_t>& value) {
  return value ? std::to_string(*value) : "None";
}

Dims Drawn::sizes(int64_t least_rank, int64_t most_rank) {
  Dims out(static_cast<size_t>(draw.integer(least_rank, most_rank)));
  for (int64_t& size : out) size = draw.chance(0.06) ? 0 : draw.integer(1, 4);
  return out;
}

DType Drawn::dtype() {
  constexpr DType kAll[] = {DType::Float32,   DType::Float64,    DType::Float16, DType::BFloat16,
                            DType::Complex64, DType::Complex128, DType::Int64,   DType::Int32,
                            DType::Int16,     DType::Int8,       DType::UInt8,   DType::Bool};
  if (draw.chance(0.5)) return kAll[draw.integer(0, 1)];
  return kAll[draw.integer(0, kDTypeCount - 1)];
}

Tensor Drawn::tensor(const Dims& sizes, DType dtype) {
  const bool inexact = is_floating(dtype) || is_complex(dtype);
  const bool marks = dtype == DType::Bool;
  const Tensor dense = inexact ? draw.numbers(sizes, dtype)
                               : raw::to(draw.whole(sizes, marks ? 0 : 1, marks ? 1 : 9), dtype);
  return laid_out(dense).set_requires_grad(inexact);
}

int64_t Drawn::dim(int64_t rank) {
  if (rank == 0) return draw.integer(-1, 0);
  return draw.integer(-rank, rank - 1);
}

Dims Drawn::order(int64_t rank) {
  Dims out;
  for (int64_t i = 0; i < rank; ++i) out.insert(static_cast<size_t>(draw.integer(0, i)), i);
  for (int64_t& d : out) d = draw.chance(0.3) ? d - rank : d;
  return out;
}

std::optional<int64_t> Drawn::maybe(int64_t least, int64_t most) {
  if (draw.chance(0.3)) return {};
  return draw.integer(least, most);
}

Tensor Drawn::laid_out(const Tensor& dense) {
  const Dims& sizes = dense.sizes();
  const int64_t kind = draw.integer(0, 4);
  Tensor x = empty(sizes, dense.dtype(), kCpu);
  Dims strides = contiguous_strides(sizes);
  if (kind == 1) {
    int64_t step = 1;
    for (size_t i = 0; i < sizes.size(); ++i) {
      strides[i] = step;
      step *= std::max<int64_t>(sizes[i], 1);
    }
    x = x.as_strided(sizes, strides, 0);
  } else if (kind == 2) {
    for (int64_t& stride : strides) stride *= 2;
    x = empty(Dims{2 * numel(sizes) + 1}, dense.dtype(), kCpu).as_strided(sizes, strides, 1);
  } else if (kind == 3 && sizes.size() >= 3) {
    x = x.as_strided(sizes, channels_last_strides(sizes), 0);
  }
  raw::copy_(x, dense);
  return x;
}

namespace {

bool wants_grad(const Tensor& tensor) {
  return tensor.defined() && tensor.requires_grad();
}

/// What came of a call: results and gradients by name, or an error.
struct Outcome {
  std::map<std::string, Tensor> tensors;
  std::string error;
};

/// 0, or 1 and the strides of the dimensions above 1 where `output` is a view of `input`.
Tensor steps_through(const Tensor& output, const Tensor& input) {
  const bool shares = output.storage() == input.storage() && output.numel() > 0;
  std::vector<int64_t> steps{shares ? 1 : 0};
  for (size_t i = 0; shares && i < output.sizes().size(); ++i) {
    if (output.sizes()[i] > 1) steps.push_back(output.strides()[i]);
  }
  return tensor_of<int64_t>(steps, {static_cast<int64_t>(steps.size())});
}

/// Runs our side and draws a gradient for each output that has a history.
Outcome run_ours(const Call& call, Drawn& d, Oracle::Inputs& grads) {
  Outcome outcome;
  try {
    const Tensors outputs = call.ours();
    Tensors wanted, starts;
    for (size_t i = 0; i < outputs.size(); ++i) {
      outcome.tensors[concat("y", i)] = outputs[i];
      outcome.tensors[concat("view", i)] = steps_through(outputs[i], call.inputs[0].second);
      if (!wants_grad(outputs[i])) continue;
      wanted.push_back(outputs[i]);
      starts.push_back(d.draw.numbers(outputs[i].sizes(), outputs[i].dtype()));
      grads.emplace_back(concat("g", i), starts.back());
    }
    if (wanted.empty()) return outcome;
    autograd::backward(wanted, starts);
    for (const auto& [name, input] : call.inputs) {
      if (wants_grad(input)) outcome.tensors["grad_" + name] = input.grad();
    }
  } catch (const Error& error) {
    outcome.error = error.text();
  }
  return outcome;
}

/// The Python that does the same.
std::string script(const Call& call, const Oracle::Inputs& grads) {
  std::string code;
  for (const auto& [name, input] : call.inputs) {
    if (wants_grad(input)) code += name + ".requires_grad_()\n";
  }
  code += "y = " + call.python + "\nif isinstance(y, torch.Tensor): y = [y]\n";
  code += "result = {f'y{i}': one for i, one in enumerate(y)}\n";
  // Which results are views of the first input, and how they step through it.
  code += "for i, one in enumerate(y):\n";
  code += "    shares = one.storage().data_ptr() == " + call.inputs[0].first;
  code += ".storage().data_ptr() and one.numel() > 0\n";
  code += "    steps = [s for s, n in zip(one.stride(), one.shape) if n > 1] if shares else []\n";
  code += "    result[f'view{i}'] = torch.tensor([int(shares)] + steps)\n";
  if (grads.empty()) return code;
  std::string outputs, starts;
  for (const auto& [name, grad] : grads) {
    outputs += "y[" + name.substr(1) + "], ";
    starts += name + ", ";
  }
  code += "torch.autograd.backward([" + outputs + "], [" + starts + "])\n";
  for (const auto& [name, input] : call.inputs) {
    if (!wants_grad(input)) continue;
    code += "if " + name + ".grad is not None: result['grad_" + name + "'] = " + name + ".grad\n";
  }
  return code;
}

std::string difference_of(const Call& call, const Outcome& ours, const Oracle::Reply& torch) {
  std::string what = call.python;
  for (const auto& [name, input] : call.inputs) what += ", " + name + ": " + describe(input);
  // Ours may do what torch has not written for a dtype.
  for (const char* text : {"not implemented for", "Use .reshape(...) instead"}) {
    if (torch.error.find(text) != std::string::npos) return {};
  }
  if (!torch.ok() || !ours.error.empty()) {
    if (torch.ok() == ours.error.empty()) return {};
    return concat(what, ": ours ", ours.error.empty() ? "works" : ours.error, ", torch ",
                  torch.ok() ? "works" : torch.error);
  }
  if (torch.tensors.size() != ours.tensors.size()) {
    return concat(what, ": ", ours.tensors.size(), " tensors, torch's ", torch.tensors.size());
  }
  for (const auto& [name, tensor] : ours.tensors) {
    // Sums of 16-bit numbers may cancel: the tolerance is then one of the terms'.
    const double slack = tensor.defined() && is_half(tensor.dtype()) ? 4 : 1;
    const std::string text = difference(tensor, torch[name], what + ": " + name, slack);
    if (!text.empty()) return text;
  }
  return {};
}

}  // namespace

std::string compare_calls(Oracle& oracle, const std::function<Call(Drawn&)>& make, uint64_t seed,
                          int count) {
  Drawn drawn(seed);
  int refused = 0;
  for (int i = 0; i < count; ++i) {
    const Call call = make(drawn);
    Oracle::Inputs inputs = call.inputs;
    Oracle::Inputs grads;
    const Outcome ours = run_ours(call, drawn, grads);
    inputs.insert(inputs.end(), grads.begin(), grads.end());
    const auto torch = oracle.run(script(call, grads), inputs, {});
    const std::string problem = difference_of(call, ours, torch);
    if (!problem.empty()) return problem;
    refused += ours.error.empty() ? 0 : 1;
  }
  if (2 * refused > count) return concat(refused, " of ", count, " drawn calls are refused");
  return {};
}

void add_rows(const Makers& makers) {
  QTest::addColumn<QString>("op");
  for (const auto& [name, make] : makers) {
    QTest::newRow(name.c_str()) << QString::fromStdString(name);
  }
}

void compare_row(Oracle& oracle, const Makers& makers, int count) {
  QFETCH(QString, op);
  const uint64_t seed = test_seed() ^ qHash(op, 0);
  const std::string problem = compare_calls(oracle, makers.at(op.toStdString()), seed, count);
  QVERIFY2(problem.empty(), problem.c_str());
}

}  // namespace nw::test
