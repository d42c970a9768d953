#include "core/data/distributed_sampler.h"

#include <numeric>

#include "core/base/error.h"
#include "core/base/random.h"

namespace nw::data {

DistributedSampler::DistributedSampler(int64_t samples, const DistributedSamplerOptions& options)
    : samples_(samples), options_(options) {
  const int64_t ranks = options.num_replicas;
  NW_CHECK(ranks >= 1, "[DistributedSampler] num_replicas must be at least 1, is ", ranks);
  NW_CHECK(options.rank >= 0 && options.rank < ranks,
           "[DistributedSampler] rank must be from 0 to ", ranks - 1, ", is ", options.rank);
  NW_CHECK(samples >= 0, "[DistributedSampler] samples must be at least 0, is ", samples);
  count_ = options.drop_last ? samples / ranks : (samples + ranks - 1) / ranks;
}

std::vector<int64_t> DistributedSampler::indices() const {
  std::vector<int64_t> order(static_cast<size_t>(samples_));
  if (options_.shuffle) {
    Generator generator(options_.seed + static_cast<uint64_t>(epoch_));
    generator.randperm(order);
  } else {
    std::iota(order.begin(), order.end(), int64_t{0});
  }
  std::vector<int64_t> own;
  own.reserve(static_cast<size_t>(count_));
  for (int64_t i = 0; i < count_; ++i) {
    // Behind the end the order begins anew.
    const int64_t place = options_.rank + i * options_.num_replicas;
    own.push_back(order[static_cast<size_t>(place % samples_)]);
  }
  return own;
}

}  // namespace nw::data
