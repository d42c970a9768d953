#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/nn/call.h"
#include "core/nn/containers.h"
#include "core/ops/arithmetic.h"
#include "core/ops/reduction.h"

/// Small nets and inputs that tests and PyTorch's scripts make alike.
namespace nw::test {

/// nn.Sequential of layers in Python's words, with torch's initial weights of that seed.
inline std::shared_ptr<nn::Sequential> net_of(std::initializer_list<const char*> layers,
                                              uint64_t seed = 1) {
  manual_seed(seed);
  auto net = std::make_shared<nn::Sequential>();
  for (const char* layer : layers) net->append(nn::make_module(nn::parse_call(layer)));
  return net;
}

inline std::shared_ptr<nn::Sequential> small_net(uint64_t seed = 1) {
  return net_of({"nn.Linear(4, 8)", "nn.Tanh()", "nn.Linear(8, 3)"}, seed);
}

/// Rows of numbers that depend on step and row alone, all exact in float32.
inline Tensor rows(int64_t step, const std::vector<int64_t>& which, int64_t width = 4) {
  const auto count = static_cast<int64_t>(which.size());
  const Tensor x = empty({count, width});
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t j = 0; j < width; ++j) {
      const int64_t number = (which[static_cast<size_t>(i)] * 31 + j * 17 + step * 13) % 23 - 11;
      x.data<float>()[i * width + j] = static_cast<float>(number) / 8.0f;
    }
  }
  return x;
}

/// The rows of `total` that rank `rank` of `ranks` has.
inline std::vector<int64_t> share_of(int64_t total, int64_t rank, int64_t ranks) {
  std::vector<int64_t> own;
  for (int64_t i = rank; i < total; i += ranks) own.push_back(i);
  return own;
}

/// A loss whose mean is over the rows.
inline Tensor loss_of(const Tensor& y) {
  return ops::mean(ops::mul(y, y) + y * 0.5);
}

/// Two layers behind one, of which only one is used, or both.
class Fork : public nn::Module {
 public:
  enum class Use : uint8_t { First, Second, Both };
  explicit Fork(uint64_t seed = 1) {
    manual_seed(seed);
    const auto layer = [&](const char* name, const char* code) {
      add_module(name, std::shared_ptr<nn::Module>(nn::make_module(nn::parse_call(code))));
    };
    layer("body", "nn.Linear(4, 5)");
    layer("first", "nn.Linear(5, 2)");
    layer("second", "nn.Linear(5, 2)");
  }
  std::string kind() const override { return "Fork"; }
  Tensors forward(const Tensors& inputs) override {
    const Tensor body = get_submodule("body")(inputs[0]);
    Tensors out;
    if (use != Use::Second) out.push_back(get_submodule("first")(body));
    if (use != Use::First) out.push_back(get_submodule("second")(body));
    return out;
  }
  Use use = Use::Both;
};

/// All parameters in a row.
inline std::vector<float> weights_of(const nn::Module& module) {
  std::vector<float> all;
  for (const Tensor& param : module.parameters()) {
    all.insert(all.end(), param.data<float>(), param.data<float>() + param.numel());
  }
  return all;
}
/// All gradients in a row; none counts as NaN.
inline std::vector<float> gradients_of(const nn::Module& module) {
  std::vector<float> all;
  for (const Tensor& param : module.parameters()) {
    const Tensor grad = param.grad().defined() ? raw::contiguous(param.grad())
                                               : full(param.sizes(), std::nan(""), param.dtype());
    all.insert(all.end(), grad.data<float>(), grad.data<float>() + grad.numel());
  }
  return all;
}

/// The largest difference; infinite when one has a NaN that the other has not, or more numbers.
inline double distance(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return INFINITY;
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) != std::isnan(b[i])) return INFINITY;
    if (!std::isnan(a[i])) largest = std::max(largest, std::abs(double(a[i]) - double(b[i])));
  }
  return largest;
}

}  // namespace nw::test
