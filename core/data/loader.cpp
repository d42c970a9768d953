#include "core/data/loader.h"

#include <algorithm>
#include <numeric>

#include "core/backend/creation.h"
#include "core/base/error.h"

namespace nw::data {
namespace {

Dims with_count(int64_t count, const Dims& sizes) {
  Dims out = sizes;
  out.insert(0, count);
  return out;
}

}  // namespace

void check_batch_size(int64_t batch_size, int64_t samples) {
  NW_CHECK(samples > 0,
           "[data] there are no samples to train on. Choose a data set that has some, or a smaller "
           "validation share");
  NW_CHECK(batch_size >= 1, "[data] batch_size must be at least 1, is ", batch_size);
  if (batch_size > samples) {
    throw Error(concat("[data] batch_size ", batch_size, " is larger than the ", samples,
                       " training samples. Set batch_size to ", samples, " or less"),
                Remedy{"batch_size", samples});
  }
}

Loader::Loader(std::shared_ptr<const Dataset> dataset, int64_t batch_size, bool shuffle)
    : dataset_(std::move(dataset)), batch_size_(batch_size), shuffle_(shuffle) {
  NW_CHECK(dataset_ != nullptr && dataset_->size() > 0,
           "[data] the data set has no samples. Choose one that has some");
  NW_CHECK(batch_size >= 1, "[data] batch_size must be at least 1, is ", batch_size);
  order_.resize(static_cast<size_t>(dataset_->size()));
  std::iota(order_.begin(), order_.end(), int64_t{0});
  position_ = dataset_->size();
}

void Loader::start(Generator& generator) {
  generator.random_int63();  // torch's seed for worker processes, drawn though there are none
  if (shuffle_) {
    Generator sampler(static_cast<uint64_t>(generator.random_int63()));
    sampler.randperm(order_);
  }
  position_ = 0;
}

Batch& Loader::buffer(int64_t count) {
  Batch& batch = count == batch_size_ ? full_ : last_;
  if (!batch.x.defined()) {
    batch.x = empty(with_count(count, dataset_->sample_sizes()), dataset_->sample_dtype());
    batch.y = empty(with_count(count, dataset_->target_sizes()), dataset_->target_dtype());
  }
  return batch;
}

void Loader::skip(int64_t batches) {
  position_ = std::min(position_ + batches * batch_size_, dataset_->size());
}

bool Loader::next(Batch& batch) {
  const int64_t count = std::min(batch_size_, dataset_->size() - position_);
  if (count <= 0) return false;
  Batch& filled = buffer(count);
  dataset_->read(
      std::span(order_).subspan(static_cast<size_t>(position_), static_cast<size_t>(count)),
      filled.x, filled.y);
  filled.x.storage()->bump_version();
  filled.y.storage()->bump_version();
  position_ += count;
  batch = filled;
  return true;
}

int64_t Loader::batch_count() const {
  return (dataset_->size() + batch_size_ - 1) / batch_size_;
}

}  // namespace nw::data
