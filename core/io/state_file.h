#pragma once

#include <string>

#include "core/base/file.h"
#include "core/nn/module.h"

namespace nw::io {

enum class StateFormat : uint8_t { Pt, Safetensors };

/// By the file's extension: .pt, .pth, .bin, .ckpt are torch's zip, .safetensors is safetensors.
/// Throws Error for others.
StateFormat format_of(const std::string& path);

/// Writes the state atomically: a crash or a full disk leaves the old file. Throws Error naming the
/// file.
void save_state(const nn::StateDict& state, const std::string& path, StateFormat format);
/// Whether load_state() would try to read it: by its first bytes.
bool is_state_file(const InputFile& file);
/// Reads either format (told by content). Throws Error naming file, place and remedy; trusts no
/// size.
nn::StateDict load_state(const std::string& path);
/// The same for a certain module: keys that all begin with `module.`, as a model inside
/// DistributedDataParallel has them, lose it where the module's own keys do not have it.
nn::StateDict load_state_for(const nn::Module& module, const std::string& path);

}  // namespace nw::io
