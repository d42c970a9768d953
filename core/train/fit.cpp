#include "core/train/fit.h"

#include <algorithm>
#include <numeric>

#include "core/autograd/engine.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/out_of_memory.h"
#include "core/base/random.h"

namespace nw::train {
namespace {

/// Of the room that is left, what a guess leaves free: blocks do not fill segments.
constexpr double kFilled = 0.95;
constexpr int kGuesses = 4;

Tensor rows(int64_t count, Dims sizes, DType dtype) {
  sizes.insert(0, count);
  return empty(sizes, dtype, kCpu);
}

/// Passes of a model, of which nothing stays.
class Trial {
 public:
  Trial(graph::Model& model, const data::Dataset& dataset)
      : model_(model), dataset_(dataset), generator_(default_generator()) {
    const std::vector<Tensor> parameters = model.parameters();
    if (!parameters.empty()) device_ = parameters.front().device();
    for (const auto& [key, tensor] : model.state_dict().entries) {
      kept_.emplace_back(tensor, raw::clone(raw::to(tensor, kCpu)));
    }
    clear();
  }
  ~Trial() {
    clear();
    for (const auto& [tensor, before] : kept_) raw::copy_(tensor, before);
    default_generator() = generator_;
  }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  /// The most bytes that were in use; 0: there were not enough.
  uint64_t peak(int64_t batch) {
    clear();
    Backend& backend = backend_of(device_);
    backend.reset_peak(device_);
    try {
      pass(batch);
      backend.synchronize(device_);
    } catch (const OutOfMemory&) {
      return 0;
    }
    return backend.memory(device_).peak;
  }

  /// What this program can have of the device.
  uint64_t room() {
    clear();
    const MemoryUse use = backend_of(device_).memory(device_);
    return use.free + use.reserved;
  }

 private:
  void clear() {
    for (const Tensor& parameter : model_.parameters()) parameter.set_grad({});
    backend_of(device_).empty_cache(device_);
  }

  void pass(int64_t batch) {
    std::vector<int64_t> order(static_cast<size_t>(batch));
    std::iota(order.begin(), order.end(), int64_t{0});
    const Tensor x = rows(batch, dataset_.sample_sizes(), dataset_.sample_dtype());
    const Tensor y = rows(batch, dataset_.target_sizes(), dataset_.target_dtype());
    dataset_.read(order, x, y);
    const Tensor input = raw::to(x, device_);
    const Tensor target = raw::to(y, device_);
    autograd::backward(model_.loss(model_.call({input})[0], target, input));
  }

  graph::Model& model_;
  const data::Dataset& dataset_;
  Generator generator_;
  Device device_ = kCpu;
  std::vector<std::pair<Tensor, Tensor>> kept_;
};

}  // namespace

int64_t largest_batch(graph::Model& model, const data::Dataset& dataset, int64_t tried) {
  Trial trial(model, dataset);
  int64_t fits = tried;
  uint64_t bytes = 0;
  while (bytes == 0 && fits > 1) bytes = trial.peak(fits /= 2);
  if (bytes == 0) return 0;
  const uint64_t half = fits > 1 ? trial.peak(fits / 2) : 0;
  if (half == 0 || half >= bytes) return fits;

  const double each = static_cast<double>(bytes - half) / static_cast<double>(fits - fits / 2);
  const double left = kFilled * static_cast<double>(trial.room()) - static_cast<double>(bytes);
  int64_t guess = fits + static_cast<int64_t>(std::max(left, 0.0) / each);
  guess = std::min({guess, tried - 1, dataset.size()});
  int64_t fails = tried;
  for (int i = 0; i < kGuesses && guess > fits && guess < fails; ++i) {
    (trial.peak(guess) != 0 ? fits : fails) = guess;
    guess = fits + (fails - fits) / 2;
  }
  return fits;
}

}  // namespace nw::train
