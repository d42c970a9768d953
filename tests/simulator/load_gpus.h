#pragma once

#include <QByteArray>
#include <string>

#include "core/plugin/loader.h"
#include "tests/support/draw.h"

namespace nw::test {

/// Loads the CUDA plugin for simulated GPUs like `settings` (settings.h), which draw from the
/// test's seed. Why that failed, or empty.
inline std::string load_simulated_gpus(const QByteArray& settings = {}) {
  const auto seed = "seed=" + QByteArray::number(static_cast<quint64>(test_seed()));
  qputenv("NETWRIGHT_SIMULATED_GPU", settings.isEmpty() ? seed : settings + "," + seed);
  const auto loaded = plugin::load_plugins({NW_BINARY_DIR "/simulated/plugins"});
  return loaded.size() == 1 ? loaded.front().failure : "the simulated plugin was not found";
}

}  // namespace nw::test
