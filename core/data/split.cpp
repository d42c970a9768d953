#include "core/data/split.h"

#include "core/base/error.h"

namespace nw::data {
namespace {

/// Looks at some samples of another data set.
class Subset final : public Dataset {
 public:
  Subset(std::shared_ptr<const Dataset> whole, std::vector<int64_t> indices)
      : whole_(std::move(whole)), indices_(std::move(indices)) {}

  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  Dims sample_sizes() const override { return whole_->sample_sizes(); }
  DType sample_dtype() const override { return whole_->sample_dtype(); }
  Dims target_sizes() const override { return whole_->target_sizes(); }
  DType target_dtype() const override { return whole_->target_dtype(); }
  int64_t class_count() const override { return whole_->class_count(); }
  std::vector<std::string> class_names() const override { return whole_->class_names(); }

  void read(std::span<const int64_t> indices, const Tensor& x, const Tensor& y) const override {
    // One buffer for each thread: reading a batch allocates nothing once warm. Taken away while in
    // use, since the whole may be a subset too.
    static thread_local std::vector<int64_t> buffer;
    std::vector<int64_t> mapped = std::move(buffer);
    mapped.clear();
    for (int64_t index : indices) {
      NW_CHECK(index >= 0 && index < size(), "[data] sample ", index, " is outside 0 … ",
               size() - 1);
      mapped.push_back(indices_[static_cast<size_t>(index)]);
    }
    whole_->read(mapped, x, y);
    buffer = std::move(mapped);
  }

 private:
  std::shared_ptr<const Dataset> whole_;
  std::vector<int64_t> indices_;
};

}  // namespace

std::shared_ptr<const Dataset> subset(std::shared_ptr<const Dataset> whole,
                                      std::vector<int64_t> indices) {
  for (int64_t index : indices) {
    NW_CHECK(index >= 0 && index < whole->size(), "[subset] sample ", index, " is outside 0 … ",
             whole->size() - 1);
  }
  return std::make_shared<Subset>(std::move(whole), std::move(indices));
}

Halves random_split(const std::shared_ptr<const Dataset>& whole, int64_t second_count,
                    Generator& generator) {
  const int64_t total = whole->size();
  NW_CHECK(second_count >= 0 && second_count <= total, "[random_split] cannot put ", second_count,
           " of ", total, " samples aside. Choose a number from 0 to ", total);
  const std::vector<int64_t> order = generator.randperm(total);
  const auto middle = order.begin() + (total - second_count);
  const auto part = [&](auto begin, auto end) -> std::shared_ptr<const Dataset> {
    return begin == end ? nullptr : subset(whole, {begin, end});
  };
  return {part(order.begin(), middle), part(middle, order.end())};
}

}  // namespace nw::data
