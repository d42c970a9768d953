#include "core/graph/flow.h"

#include <algorithm>

#include "core/backend/creation.h"

namespace nw::graph {
namespace {

constexpr int64_t kBatchStep = Probe::kOtherBatch - Probe::kBatch;

/// A dimension as a·N + b.
struct Extent {
  int64_t a = 0;
  int64_t b = 0;
  bool linear = true;
};

Extent extent(int64_t one, int64_t other) {
  if ((other - one) % kBatchStep != 0) return {0, 0, false};
  const int64_t a = (other - one) / kBatchStep;
  return {a, one - a * Probe::kBatch, true};
}

std::string text_of(const Extent& e) {
  if (!e.linear) return "?";
  if (e.a == 0) return std::to_string(e.b);
  const std::string batch = e.a == 1 ? "N" : concat(e.a, "N");
  if (e.b == 0) return batch;
  return concat(batch, e.b > 0 ? "+" : "−", std::abs(e.b));
}

std::string joined(const Dims& sizes, size_t begin, size_t end) {
  return to_string(Dims(sizes.begin() + begin, sizes.begin() + end));
}

/// The first output dimension takes input dimensions until their product reaches it, and so on.
/// False when the output is no regrouping of the input.
bool regroup(const Dims& in, const Dims& out, std::array<size_t, kMaxDims>& ends) {
  size_t at = 0;
  for (size_t d = 0; d < out.size(); ++d) {
    int64_t product = 1;
    const size_t begin = at;
    while (at < in.size() && (at == begin || product < out[d])) product *= in[at++];
    if (d + 1 == out.size()) {
      while (at < in.size()) product *= in[at++];
    }
    if (at == begin || product != out[d]) return false;
    ends[d] = at;
  }
  return at == in.size();
}

/// Carries over what the input's dimensions were merged from, and notes new mergers.
void trace(const Probe& input, bool has_parameters, Probe& output) {
  if (!input.one.defined()) return;
  const Dims& in = input.one.sizes();
  const Dims& out = output.one.sizes();
  if (in == out && !has_parameters) output.origin = input.origin;
  std::array<size_t, kMaxDims> ends{};
  if (out.size() >= in.size() || out.empty() || !regroup(in, out, ends)) return;
  size_t begin = 0;
  for (size_t d = 0; d < out.size(); ++d) {
    const bool merged = ends[d] - begin > 1;
    output.origin[d] = merged ? joined(in, begin, ends[d]) : input.origin[begin];
    begin = ends[d];
  }
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Writes `word` for every number in the text that is `number`.
std::string with_number_as(std::string text, int64_t number, std::string_view word) {
  const std::string digits = std::to_string(number);
  for (size_t at = text.find(digits); at != text.npos; at = text.find(digits, at + 1)) {
    const size_t end = at + digits.size();
    const bool whole =
        (at == 0 || !is_digit(text[at - 1])) && (end == text.size() || !is_digit(text[end]));
    if (whole) text = concat(text.substr(0, at), word, text.substr(end));
  }
  return text;
}

/// The end of the number behind the last "gets "; npos if there is none.
size_t end_of_received(const std::string& text, int64_t& number) {
  const size_t gets = text.rfind("gets ");
  if (gets == text.npos) return text.npos;
  size_t end = gets + 5;
  while (end < text.size() && is_digit(text[end])) ++end;
  if (end == gets + 5 || end - gets > 20) return text.npos;
  number = std::stoll(text.substr(gets + 5, end - gets - 5));
  return end;
}

/// Adds what comes in at each port: "; input is N×3, target is N int64".
std::string with_shapes(std::string text, const std::vector<Probe>& inputs,
                        const std::vector<nn::Port>& ports) {
  std::string_view separator = "; ";
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].one.defined()) continue;
    text += concat(separator, ports[i].name, " is ", inputs[i].flow().text);
    separator = ", ";
  }
  return text;
}

}  // namespace

Probe Probe::batch_of(const Dims& sample, DType dtype) {
  Dims sizes = sample;
  sizes.insert(0, kBatch);
  Probe probe;
  probe.one = empty(sizes, dtype, kMeta);
  sizes[0] = kOtherBatch;
  probe.other = empty(sizes, dtype, kMeta);
  return probe;
}

Flow Probe::flow() const {
  Flow flow;
  flow.known = true;
  flow.dtype = one.dtype();
  for (size_t d = 0; d < one.sizes().size(); ++d) {
    const Extent e = extent(one.sizes()[d], other.sizes()[d]);
    flow.sizes.push_back(e.linear ? e.a + e.b : one.sizes()[d]);
    flow.text += concat(d > 0 ? "×" : "", text_of(e));
  }
  if (one.sizes().empty()) flow.text = "scalar";
  if (flow.dtype != DType::Float32) flow.text += concat(" ", name(flow.dtype));
  return flow;
}

std::vector<Probe> run_probes(nn::Module& module, const std::vector<Probe>& inputs,
                              bool has_parameters) {
  Tensors first;
  Tensors second;
  for (const Probe& input : inputs) {
    first.push_back(input.one);
    second.push_back(input.other);
  }
  const Tensors one = module.call(first);
  const Tensors other = module.call(second);
  std::vector<Probe> outputs(one.size());
  for (size_t i = 0; i < one.size(); ++i) {
    outputs[i].one = one[i];
    outputs[i].other = other[i];
    if (!one[i].defined()) continue;  // an output that the arguments switch off
    if (!inputs.empty()) trace(inputs[0], has_parameters, outputs[i]);
  }
  return outputs;
}

std::string explain(const Error& error, const std::vector<Probe>& inputs,
                    const std::vector<nn::Port>& ports) {
  std::string text = with_number_as(error.text(), Probe::kBatch, "N");
  text = with_number_as(std::move(text), Probe::kOtherBatch, "N");
  const Probe& input = inputs.at(0);
  const bool several = inputs.size() > 1 && inputs[1].one.defined();
  int64_t received = 0;
  const size_t end = end_of_received(text, received);
  if (several || end == text.npos) return with_shapes(text, inputs, ports);
  for (size_t d = input.one.sizes().size(); d-- > 0;) {
    if (input.one.sizes()[d] == received && !input.origin[d].empty()) {
      return concat(text.substr(0, end), " (", input.origin[d], ")", text.substr(end));
    }
  }
  const std::string shape = input.flow().text;
  const bool told = text.find(shape) != text.npos || text.substr(end).starts_with(" (");
  return told ? text : concat(text.substr(0, end), " (", shape, ")", text.substr(end));
}

std::vector<Fix> fixes_of(const Error& error, const Node& node, const nn::Block& block) {
  const Remedy& remedy = error.remedy();
  if (remedy.parameter.empty()) return {};
  std::vector<Fix> fixes{{concat("Set ", remedy.parameter, " to ", remedy.value), node.id,
                          remedy.parameter, remedy.value}};
  const nn::Param* param = block.find(remedy.parameter);
  if (param != nullptr && param->inferred && node.args.has(remedy.parameter)) {
    fixes.push_back({concat("Take ", remedy.parameter, " from the wire"), node.id, remedy.parameter,
                     nn::None{}});
  }
  return fixes;
}

}  // namespace nw::graph
