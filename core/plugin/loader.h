#pragma once

#include <string>
#include <vector>

#include "core/plugin/diagnosis.h"

namespace nw::plugin {

/// What became of one file in the plugin folder.
struct LoadResult {
  std::string path;
  std::string name;  // empty when the library could not be read
  std::string summary;
  std::string failure;                         // empty: loaded. Else why not, and what to do.
  std::vector<Piece> (*diagnose)() = nullptr;  // what it needs from the machine; null: nothing
};

/// The folders that are searched, in order: those of NETWRIGHT_PLUGINS (separated by ':'), then
/// plugins/ beside the program's library.
std::vector<std::string> plugin_folders();

/// Loads every shared library (*.so) of `folders` in order of name; of files of one name, only the
/// first. A plugin that cannot be loaded
/// is reported, not thrown. A folder that does not exist holds none. Call once, before the
/// registries are read.
std::vector<LoadResult> load_plugins(const std::vector<std::string>& folders);

}  // namespace nw::plugin
