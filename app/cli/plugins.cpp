#include "app/cli/plugins.h"

namespace nw::cli {

const std::vector<plugin::LoadResult>& loaded_plugins() {
  static const auto results = plugin::load_plugins(plugin::plugin_folders());
  return results;
}

}  // namespace nw::cli
