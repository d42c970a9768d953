#pragma once

#include <string>

#include "core/nn/module.h"

namespace nw::io {

/// The tensors of a .npy (one, without a name), .npz, .safetensors or .pt file, told apart by
/// content, in the file's order. Throws Error naming file, place and remedy; trusts no size.
nn::StateDict load_tensors(const std::string& path);

/// Writes tensors to a .safetensors, .npz or .npy (one tensor) file, atomically. Throws Error
/// naming the file.
void save_tensors(const nn::StateDict& tensors, const std::string& path);

}  // namespace nw::io
