#include "core/dist/process_group.h"

#include <map>
#include <mutex>

#include "core/base/error.h"
#include "core/dist/gloo_group.h"

namespace nw::dist {
namespace {

struct Registry {
  std::mutex mutex;
  std::map<std::string, MakeProcessGroup, std::less<>> makers{{"gloo", make_gloo_group}};
};

Registry& registry() {
  static Registry registry;
  return registry;
}

MakeProcessGroup maker_of(const std::string& backend) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const auto found = all.makers.find(backend);
  if (found != all.makers.end()) return found->second;

  NW_CHECK(backend != "nccl",
           "[init_process_group] the backend nccl comes with the CUDA plugin, which is not loaded: "
           "netwright-cli doctor tells why; the backend gloo needs no GPU");
  std::string names;
  for (const auto& [name, maker] : all.makers) names += (names.empty() ? "" : ", ") + name;
  throw Error(
      concat("[init_process_group] there is no backend '", backend, "'; there are ", names));
}

}  // namespace

void register_process_group(std::string backend, MakeProcessGroup make) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const bool added = all.makers.emplace(std::move(backend), std::move(make)).second;
  NW_ASSERT(added);
}

void check_backend(const std::string& backend) {
  maker_of(backend);
}

std::unique_ptr<ProcessGroup> make_process_group(const std::string& backend,
                                                 const GroupOptions& options) {
  const MakeProcessGroup make = maker_of(backend);
  NW_CHECK(options.size >= 1, "[init_process_group] expects a world of at least 1, gets ",
           options.size);
  NW_CHECK(options.rank >= 0 && options.rank < options.size, "[init_process_group] expects a rank ",
           "from 0 to ", options.size - 1, ", gets ", options.rank);
  return make(options);
}

}  // namespace nw::dist
