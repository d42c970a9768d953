#pragma once

#include <cstdint>
#include <vector>

namespace nw::data {

struct DistributedSamplerOptions {
  int64_t num_replicas = 1;
  int64_t rank = 0;  // 0 … num_replicas − 1
  bool shuffle = true;
  uint64_t seed = 0;  // the same on all ranks
  /// Leaves the last samples out where they cannot be dealt evenly; else some samples are dealt
  /// twice.
  bool drop_last = false;
};

/// Deals the indices of a data set to ranks, equally many to each, as
/// torch.utils.data.DistributedSampler: the same indices from the same seed and epoch. Fewer
/// samples than ranks with drop_last, or none at all, leave every rank with none.
class DistributedSampler {
 public:
  /// Throws Error for a rank outside, fewer than one rank, or a negative number of samples.
  DistributedSampler(int64_t samples, const DistributedSamplerOptions& options);

  /// The order is another one in each epoch; call it before indices().
  void set_epoch(int64_t epoch) { epoch_ = epoch; }
  /// This rank's samples, in their order.
  std::vector<int64_t> indices() const;
  /// How many.
  int64_t size() const { return count_; }

 private:
  int64_t samples_;
  DistributedSamplerOptions options_;
  int64_t count_ = 0;
  int64_t epoch_ = 0;
};

}  // namespace nw::data
