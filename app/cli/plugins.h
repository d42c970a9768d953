#pragma once

#include <vector>

#include "core/plugin/loader.h"

namespace nw::cli {

/// The program's plugins, loaded at the first call.
const std::vector<plugin::LoadResult>& loaded_plugins();

}  // namespace nw::cli
