#pragma once

#include <string>
#include <string_view>

#include "core/base/file.h"
#include "core/nn/module.h"

// Source: https://huggingface.co/docs/safetensors, "Format".
namespace nw::io {

/// The longest header that the format allows, in bytes.
inline constexpr uint64_t kMostSafetensorsHeader = 100'000'000;

/// Writes the tensors dense, by size of their type from large to small and then by name. Throws
/// Error for complex128, which the format does not know.
void write_safetensors(const nn::StateDict& state, const Append& append);

/// Whether a file of `size` bytes that begins with `head` can be safetensors.
bool is_safetensors(std::string_view head, uint64_t size);
/// Reads it, in the order of the numbers in the file. Throws Error naming the file.
nn::StateDict read_safetensors(const InputFile& file);

/// "F32" for float32; empty when the format has no name for it.
std::string_view safetensors_name(DType dtype);

}  // namespace nw::io
