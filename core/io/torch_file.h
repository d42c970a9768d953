#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/base/file.h"
#include "core/io/pickle.h"
#include "core/io/saved_value.h"

// Files of torch.save. Source: torch/serialization.py and caffe2/serialize/inline_container.cc.
namespace nw::io {

/// Gives the memory of a storage, one-dimensional, filled.
using FetchStorage = std::function<Tensor(const pickle::Storage& storage)>;

/// Writes the zip format of torch 1.6 and later: every version since 1.13 reads it with
/// weights_only=True. Tensors that share a Storage share it in the file, views stay views.
void write_torch_zip(const SavedValue& value, const Append& append);

/// What a file of torch.save holds, not made into tensors yet: the pickle's values live in `arena`.
struct TorchContent {
  std::unique_ptr<pickle::Arena> arena;
  const pickle::Value* top;
  FetchStorage fetch;
};
/// Reads the zip format; `file` must outlive the content. Throws Error naming the file.
TorchContent read_torch_zip(const InputFile& file);

/// Whether the file begins as torch.save wrote before 1.6, or with the option not to zip.
bool is_torch_legacy(std::string_view head);
/// Reads it; `file` must outlive the content.
TorchContent read_torch_legacy(const InputFile& file);

/// The longest pickle that is read; that of a state_dict has some 200 bytes for each tensor.
inline constexpr uint64_t kMostPickleBytes = uint64_t{64} << 20;

/// The state_dict in what a pickle made: `top` itself, or the one member of the dict `top` that is
/// a state_dict. Storages with one key are fetched once. Throws Error naming `place`.
nn::StateDict state_from_pickle(const pickle::Value& top, const std::string& place,
                                const FetchStorage& fetch);
/// All that a pickle made. Throws Error naming `place` for what is no plain data.
SavedValue value_from_pickle(const pickle::Value& top, const std::string& place,
                             const FetchStorage& fetch);

/// Fills `tensor` (one-dimensional) by `read`, which writes to the address that it is given. Bools
/// become 0 or 1.
void fill_storage(const Tensor& tensor, const std::function<void(void*)>& read);

}  // namespace nw::io
