#include "core/data/loader.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/backend/creation.h"
#include "core/backend/fetch.h"
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

Loader::Loader(std::shared_ptr<const Dataset> dataset, int64_t batch_size, bool shuffle,
               Share share, Device device)
    : dataset_(std::move(dataset)),
      batch_size_(batch_size),
      shuffle_(shuffle),
      share_(share),
      device_(device) {
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
  sent_.reset();
}

Batch& Loader::buffer(int64_t count) {
  Batch& batch = count == share_.of(batch_size_) ? full_ : last_;
  if (!batch.x.defined() || device_ != kCpu) {
    const Dims x = with_count(count, dataset_->sample_sizes());
    const Dims y = with_count(count, dataset_->target_sizes());
    batch.x = empty_staging(x, dataset_->sample_dtype(), device_);
    batch.y = empty_staging(y, dataset_->target_dtype(), device_);
  }
  return batch;
}

void Loader::skip(int64_t batches) {
  position_ = std::min(position_ + batches * batch_size_, dataset_->size());
  sent_.reset();
}

bool Loader::next(Batch& batch) {
  if (device_ == kCpu) return read(batch);
  left_ = backend_of(device_).mark(device_);
  if (sent_) {
    batch = *std::exchange(sent_, std::nullopt);
  } else if (!send(batch)) {
    return false;
  }
  if (arrived_) arrived_->follow();
  return true;
}

void Loader::prefetch() {
  if (device_ == kCpu || sent_) return;
  Batch batch;
  if (send(batch)) sent_ = batch;
}

/// Memory of the device for a batch, which nobody uses when left_ has come.
Batch& Loader::room(const Batch& batch) {
  const size_t kind = batch.size() == share_.of(batch_size_) ? 0 : 1;
  Batch& room = rooms_[kind][turns_[kind]++ % 2];
  if (room.x.defined() && room.x.sizes() == batch.x.sizes()) return room;
  room.x = empty(batch.x.sizes(), batch.x.dtype(), device_);
  room.y = empty(batch.y.sizes(), batch.y.dtype(), device_);
  left_ = backend_of(device_).mark(device_);  // what used this memory before was queued by now
  return room;
}

/// Reads the next batch and sends it to the device, beside the work that is queued there.
bool Loader::send(Batch& batch) {
  if (!read(batch)) return false;
  if (!batch.x.defined()) return true;
  Backend& backend = backend_of(device_);
  Batch& there = room(batch);
  there.whole = batch.whole;
  {
    const std::unique_ptr<Aside> aside = backend.aside(device_);
    if (left_) left_->follow();
    for (const auto& [from, to] : {std::pair(batch.x, there.x), std::pair(batch.y, there.y)}) {
      const size_t bytes = static_cast<size_t>(from.numel()) * item_bytes(from.dtype());
      backend.transfer({from.raw(), kCpu, to.raw(), device_, bytes});
      to.storage()->bump_version();
    }
    arrived_ = backend.mark(device_);
  }
  batch = there;
  return true;
}

bool Loader::read(Batch& batch) {
  const int64_t whole = std::min(batch_size_, dataset_->size() - position_);
  if (whole <= 0) return false;
  const auto begin = order_.begin() + position_;
  position_ += whole;
  own_.clear();
  for (int64_t i = share_.rank; i < whole; i += share_.count) own_.push_back(begin[i]);
  if (own_.empty()) {
    batch = {{}, {}, whole};
    return true;
  }
  Batch& filled = buffer(share_.of(whole));
  filled.whole = whole;
  dataset_->read(own_, filled.x, filled.y);
  filled.x.storage()->bump_version();
  filled.y.storage()->bump_version();
  batch = filled;
  return true;
}

int64_t Loader::batch_count() const {
  return (dataset_->size() + batch_size_ - 1) / batch_size_;
}

}  // namespace nw::data
