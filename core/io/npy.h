#pragma once

#include <string_view>

#include "core/base/file.h"
#include "core/nn/module.h"

// NumPy's files. Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
namespace nw::io {

/// Whether a file that begins with `head` is one array of numpy.save.
bool is_npy(std::string_view head);

/// One array, any of our dtypes but bfloat16, either byte order, row- or column-major (the result
/// is row-major). Trusts no size; throws Error naming the file.
Tensor read_npy(const InputFile& file);
/// The arrays of numpy.savez or savez_compressed by name.
nn::StateDict read_npz(const InputFile& file);

/// Writes one array, dense and row-major, as numpy.save does. Throws Error for bfloat16, which
/// NumPy does not know.
void write_npy(const Tensor& tensor, const Append& append);
/// Writes all tensors, not compressed, as numpy.savez does.
void write_npz(const nn::StateDict& state, const Append& append);

}  // namespace nw::io
