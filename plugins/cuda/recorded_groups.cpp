#include "plugins/cuda/recorded_groups.h"

#include <algorithm>
#include <utility>

namespace nw::cuda {
namespace {

thread_local std::vector<std::weak_ptr<InRecording>> recorded;

}  // namespace

std::vector<std::weak_ptr<InRecording>> take_recorded() {
  return std::exchange(recorded, {});
}

void note_recorded(const std::weak_ptr<InRecording>& one) {
  const bool known = std::any_of(recorded.begin(), recorded.end(), [&](const auto& other) {
    return !other.owner_before(one) && !one.owner_before(other);
  });
  if (!known) recorded.push_back(one);
}

}  // namespace nw::cuda
