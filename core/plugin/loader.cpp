#include "core/plugin/loader.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "core/base/error.h"
#include "core/plugin/plugin.h"

namespace nw::plugin {
namespace {

namespace fs = std::filesystem;

class RegistryHost : public Host {
 public:
  void add_block(nn::Block block) override { nn::add_block(std::move(block)); }
  void add_dataset(data::DatasetSpec dataset) override { data::add_dataset(std::move(dataset)); }
  void add_backend(DeviceType type, Backend& backend) override { register_backend(type, backend); }
};

std::vector<std::string> libraries_in(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    if (entry.path().extension() == ".so") paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

/// Loads one library into `result`; throws Error with the reason when it cannot.
void load(const std::string& path, LoadResult& result) {
  // Never closed: blocks point into its code until the program ends.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  NW_CHECK(library != nullptr, "[plugin] cannot load ", path, ": ", dlerror());
  using Entry = const Plugin* (*)();
  const auto entry = reinterpret_cast<Entry>(dlsym(library, "netwright_plugin"));
  NW_CHECK(entry != nullptr, "[plugin] ", path,
           " is no Netwright plugin: it exports no netwright_plugin; see CONTRIBUTING.md");
  const Plugin* plugin = entry();
  NW_CHECK(plugin->interface == kInterface, "[plugin] ", path, " was built for plugin interface ",
           plugin->interface, ", this program has ", kInterface,
           "; build it again with this version");
  result.name = plugin->name;
  result.summary = plugin->summary;
  result.diagnose = plugin->diagnose;
  RegistryHost host;
  plugin->load(host);
}

}  // namespace

std::vector<std::string> plugin_folders() {
  std::vector<std::string> folders;
  if (const char* listed = std::getenv("NETWRIGHT_PLUGINS")) {
    std::string rest = listed;
    while (!rest.empty()) {
      const size_t colon = std::min(rest.find(':'), rest.size());
      if (colon > 0) folders.push_back(rest.substr(0, colon));
      rest.erase(0, colon + 1);
    }
  }
  Dl_info here{};
  if (dladdr(reinterpret_cast<const void*>(&plugin_folders), &here) != 0) {
    folders.push_back((fs::path(here.dli_fname).parent_path() / "netwright" / "plugins").string());
  }
  return folders;
}

std::vector<LoadResult> load_plugins(const std::vector<std::string>& folders) {
  std::vector<LoadResult> results;
  std::set<std::string> names;
  for (const std::string& folder : folders) {
    for (const std::string& path : libraries_in(folder)) {
      if (!names.insert(fs::path(path).filename().string()).second) continue;
      LoadResult& result = results.emplace_back();
      result.path = path;
      try {
        load(path, result);
      } catch (const Error& error) {
        result.failure = error.text();
      }
    }
  }
  return results;
}

}  // namespace nw::plugin
