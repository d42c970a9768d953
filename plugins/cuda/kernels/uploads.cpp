#include "plugins/cuda/kernels/uploads.h"

#include <map>
#include <mutex>

#include "core/backend/creation.h"
#include "plugins/cuda/keeper.h"

namespace nw::cuda {
namespace {

constexpr size_t kMostKept = 256;

}  // namespace

Tensor uploaded(std::vector<int64_t> words, const Tensor& like) {
  static std::mutex mutex;
  static auto& all = *new std::map<std::pair<int, std::vector<int64_t>>, Tensor>;
  const Dims sizes{static_cast<int64_t>(words.size())};
  const std::lock_guard lock(mutex);
  const auto key = std::pair(like.device().index, std::move(words));
  const auto known = all.find(key);
  if (known != all.end()) {
    keep_for_recording(known->second);
    return known->second;
  }
  if (all.size() >= kMostKept) all.clear();
  const Tensor sent = raw::to(tensor_of<int64_t>(key.second, sizes), like.device());
  return all.emplace(key, sent).first->second;
}

}  // namespace nw::cuda
