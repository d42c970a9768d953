#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "core/backend/backend.h"
#include "core/base/random.h"
#include "core/data/dataset.h"

namespace nw::data {

struct Batch {
  Tensor x;           // (n, sample…)
  Tensor y;           // (n, target…)
  int64_t whole = 0;  // samples of the batch over all ranks
  /// Samples that are here; 0 where a small batch has none for this rank, and no tensors then.
  int64_t size() const { return x.defined() ? x.size(0) : 0; }
};

/// One rank's part of each batch: every `count`-th sample, from sample `rank` on.
struct Share {
  int64_t rank = 0;
  int64_t count = 1;
  /// How many of `samples` that is.
  int64_t of(int64_t samples) const {
    return samples > rank ? (samples - rank + count - 1) / count : 0;
  }
};

/// Throws Error naming both numbers and the remedy when a batch would ask for more samples than
/// there are. `samples` is what remains to train on once validation has its share.
void check_batch_size(int64_t batch_size, int64_t samples);

/// Walks over a data set in batches, in PyTorch's order: each start() draws from `generator`
/// exactly as iter(DataLoader(..., shuffle=...)) does from the default generator. The last batch
/// may be smaller, also when it is the only one. Batch memory is reused: one buffer for full
/// batches and one for the last; batches for another device than the CPU are sent there beside its
/// work, in two buffers in turns. All ranks draw the same order, and each reads its
/// share.
class Loader {
 public:
  /// Throws Error for an empty data set and for a batch size below 1.
  Loader(std::shared_ptr<const Dataset> dataset, int64_t batch_size, bool shuffle, Share share = {},
         Device device = kCpu);

  void start(Generator& generator);
  /// Leaves out the next `batches`.
  void skip(int64_t batches);
  /// False at the end of the epoch. The batch is valid until the next call.
  bool next(Batch& batch);
  /// Of batches for another device: reads the next one now and sends it there, while the device
  /// works.
  void prefetch();
  int64_t batch_count() const;
  int64_t sample_count() const { return dataset_->size(); }

 private:
  Batch& buffer(int64_t count);
  bool read(Batch& batch);
  bool send(Batch& batch);
  Batch& room(const Batch& batch);

  std::shared_ptr<const Dataset> dataset_;
  int64_t batch_size_;
  bool shuffle_;
  Share share_;
  std::vector<int64_t> order_;
  std::vector<int64_t> own_;  // the share of a batch
  int64_t position_ = 0;
  Device device_;
  std::optional<Batch> sent_;  // the next one, if it was read already
  // Of another device: the batches there, by turns of full and of last ones; when the copies to
  // them are done; and when the work was that may have used the batches before the current one.
  std::array<std::array<Batch, 2>, 2> rooms_;
  std::array<size_t, 2> turns_{};
  std::unique_ptr<Event> arrived_;
  std::unique_ptr<Event> left_;
  Batch full_;
  Batch last_;
};

}  // namespace nw::data
