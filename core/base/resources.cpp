#include "core/base/resources.h"

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "core/base/error.h"

namespace nw {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> resource_folders() {
  std::vector<fs::path> folders;
  if (const char* chosen = std::getenv("NETWRIGHT_RESOURCES"); chosen && *chosen) {
    folders.emplace_back(chosen);
  }
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) folders.push_back(program.parent_path().parent_path() / "share" / "netwright");
  folders.emplace_back(NW_SOURCE_RESOURCES);
  return folders;
}

}  // namespace

std::string resource_path(std::string_view relative) {
  std::string searched;
  for (const fs::path& folder : resource_folders()) {
    fs::path path = folder / relative;
    std::error_code error;
    if (fs::exists(path, error)) return path.string();
    searched += (searched.empty() ? "" : ", ") + folder.string();
  }
  throw Error(concat("[resources] ", relative, ": not found in ", searched,
                     ". Install the program again, or set NETWRIGHT_RESOURCES to its folder of "
                     "resources."));
}

}  // namespace nw
