#pragma once

#include <cstdint>

#include "core/backend/backend.h"
#include "core/data/dataset.h"
#include "core/nn/block.h"
#include "core/plugin/diagnosis.h"

namespace nw::plugin {

/// Grows by one whenever a type that plugins see changes its layout. A plugin built against another
/// number is refused with a message instead of being run.
inline constexpr uint32_t kInterface = 3;

/// What a plugin adds things to. Every add throws nw::InternalError for an id that is taken.
class Host {
 public:
  virtual ~Host() = default;
  virtual void add_block(nn::Block block) = 0;
  virtual void add_dataset(data::DatasetSpec dataset) = 0;
  /// `backend` must live as long as the program.
  virtual void add_backend(DeviceType type, Backend& backend) = 0;
};

/// What a plugin's shared library gives from its one exported function,
/// `extern "C" const nw::plugin::Plugin* netwright_plugin()`. Static data of the library.
struct Plugin {
  uint32_t interface = kInterface;
  const char* name = "";     // "lecun_tanh"
  const char* summary = "";  // one sentence
  /// Adds what the plugin brings. Called once, on the main thread, before the first graph is
  /// opened.
  void (*load)(Host& host) = nullptr;
  /// What the plugin needs from the machine, looked for anew; null: nothing.
  std::vector<Piece> (*diagnose)() = nullptr;
};

}  // namespace nw::plugin

/// Defines the exported function of a plugin from a `const nw::plugin::Plugin`.
#define NW_PLUGIN(description)                                                                     \
  extern "C" __attribute__((visibility("default"))) const nw::plugin::Plugin* netwright_plugin() { \
    return &(description);                                                                         \
  }
