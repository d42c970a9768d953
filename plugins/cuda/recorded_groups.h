#pragma once

#include <memory>
#include <vector>

namespace nw::cuda {

/// Whose work is part of a recording, and who wants to know when that is done again.
class InRecording {
 public:
  virtual ~InRecording() = default;
  /// The recording was queued once more, on this thread's stream.
  virtual void replayed() = 0;
};

/// Those that took part in what this thread recorded since it was asked last; each once.
std::vector<std::weak_ptr<InRecording>> take_recorded();
/// To be called by who queues work while this thread records.
void note_recorded(const std::weak_ptr<InRecording>& one);

}  // namespace nw::cuda
