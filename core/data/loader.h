#pragma once

#include <memory>
#include <vector>

#include "core/base/random.h"
#include "core/data/dataset.h"

namespace nw::data {

struct Batch {
  Tensor x;  // (n, sample…)
  Tensor y;  // (n, target…)
  int64_t size() const { return x.size(0); }
};

/// Throws Error naming both numbers and the remedy when a batch would ask for more samples than
/// there are. `samples` is what remains to train on once validation has its share.
void check_batch_size(int64_t batch_size, int64_t samples);

/// Walks over a data set in batches, in PyTorch's order: each start() draws from `generator`
/// exactly as iter(DataLoader(..., shuffle=...)) does from the default generator. The last batch
/// may be smaller, also when it is the only one. Batch memory is reused: one buffer for full
/// batches and one for the last.
class Loader {
 public:
  /// Throws Error for an empty data set and for a batch size below 1.
  Loader(std::shared_ptr<const Dataset> dataset, int64_t batch_size, bool shuffle);

  void start(Generator& generator);
  /// Leaves out the next `batches`.
  void skip(int64_t batches);
  /// False at the end of the epoch. The batch is valid until the next call.
  bool next(Batch& batch);
  int64_t batch_count() const;
  int64_t sample_count() const { return dataset_->size(); }

 private:
  Batch& buffer(int64_t count);

  std::shared_ptr<const Dataset> dataset_;
  int64_t batch_size_;
  bool shuffle_;
  std::vector<int64_t> order_;
  int64_t position_ = 0;
  Batch full_;
  Batch last_;
};

}  // namespace nw::data
