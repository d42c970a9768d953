#include "core/data/memory_dataset.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/parallel.h"

namespace nw::data {
namespace {

/// Numbers that are worth a thread.
constexpr int64_t kGrain = 16'384;

class MemoryDataset final : public Dataset {
 public:
  MemoryDataset(Samples samples, Targets targets)
      : samples_(std::move(samples)),
        targets_(std::move(targets)),
        sample_numel_(nw::numel(samples_.sizes)),
        target_numel_(nw::numel(targets_.sizes)),
        size_(target_count()) {
    NW_ASSERT(size_ > 0);
    NW_ASSERT(sample_count() == size_);
  }

  int64_t size() const override { return size_; }
  Dims sample_sizes() const override { return samples_.sizes; }
  Dims target_sizes() const override { return targets_.sizes; }
  DType target_dtype() const override { return is_class() ? DType::Int64 : DType::Float32; }
  int64_t class_count() const override { return targets_.classes; }
  std::vector<std::string> class_names() const override { return targets_.class_names; }

  void read(std::span<const int64_t> indices, const Tensor& x, const Tensor& y) const override {
    check(indices, x, y);
    float* out = x.data<float>();
    const auto count = static_cast<int64_t>(indices.size());
    parallel_for(count, kGrain / sample_numel_ + 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        read_sample(indices[static_cast<size_t>(i)], out + i * sample_numel_);
      }
    });
    if (is_class()) {
      copy_targets(indices, targets_.labels, y.data<int64_t>());
    } else {
      copy_targets(indices, targets_.values, y.data<float>());
    }
  }

 private:
  bool is_class() const { return targets_.classes > 0; }
  int64_t target_count() const {
    const size_t count = is_class() ? targets_.labels.size() : targets_.values.size();
    return static_cast<int64_t>(count) / target_numel_;
  }
  int64_t sample_count() const {
    const size_t count = samples_.bytes.empty() ? samples_.floats.size() : samples_.bytes.size();
    return static_cast<int64_t>(count) / sample_numel_;
  }

  void check(std::span<const int64_t> indices, const Tensor& x, const Tensor& y) const {
    const auto count = static_cast<int64_t>(indices.size());
    NW_ASSERT(x.is_contiguous() && x.numel() == count * sample_numel_);
    NW_ASSERT(y.is_contiguous() && y.numel() == count * target_numel_);
    for (int64_t index : indices) {
      NW_CHECK(index >= 0 && index < size_, "[data] sample ", index, " is outside 0 … ", size_ - 1);
    }
  }

  void read_sample(int64_t index, float* out) const {
    const int64_t begin = index * sample_numel_;
    if (samples_.bytes.empty()) {
      std::copy_n(samples_.floats.data() + begin, sample_numel_, out);
      return;
    }
    const uint8_t* in = samples_.bytes.data() + begin;
    for (int64_t i = 0; i < sample_numel_; ++i) out[i] = static_cast<float>(in[i]) / 255.0f;
  }

  template <typename T>
  void copy_targets(std::span<const int64_t> indices, const std::vector<T>& from, T* out) const {
    for (int64_t index : indices) {
      out = std::copy_n(from.data() + index * target_numel_, target_numel_, out);
    }
  }

  Samples samples_;
  Targets targets_;
  int64_t sample_numel_;
  int64_t target_numel_;
  int64_t size_;
};

}  // namespace

std::shared_ptr<const Dataset> memory_dataset(Samples samples, Targets targets) {
  return std::make_shared<MemoryDataset>(std::move(samples), std::move(targets));
}

}  // namespace nw::data
