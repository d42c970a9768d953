#include "core/io/tensor_file.h"

#include <algorithm>
#include <filesystem>

#include "core/base/file.h"
#include "core/io/file_kind.h"
#include "core/io/npy.h"
#include "core/io/state_file.h"
#include "core/io/zip_reader.h"

namespace nw::io {
namespace {

bool is_npz(const InputFile& file) {
  const ZipReader zip(file);
  const auto& entries = zip.entries();
  return !entries.empty() && std::all_of(entries.begin(), entries.end(), [](const ZipEntry& entry) {
    return entry.name.ends_with(".npy");
  });
}

std::string head_of(const InputFile& file) {
  std::string head(std::min<uint64_t>(file.size(), 8), '\0');
  file.read_at(0, head.data(), head.size());
  return head;
}

}  // namespace

nn::StateDict load_tensors(const std::string& path) {
  const InputFile file(path);
  const std::string head = head_of(file);
  if (is_npy(head)) {
    nn::StateDict one;
    one.entries.push_back({"", read_npy(file)});
    return one;
  }
  if (head.starts_with("PK") && is_npz(file)) return read_npz(file);
  NW_CHECK(is_state_file(file), "[", file_name(path), "] is ", kind_of_file(head),
           "; tensors are read from .npy, .npz, .safetensors and .pt files");
  return load_state(path);
}

void save_tensors(const nn::StateDict& tensors, const std::string& path) {
  const std::string extension = std::filesystem::path(path).extension().string();
  if (extension == ".npz") {
    write_file_atomically(path, [&](const Append& append) { write_npz(tensors, append); });
  } else if (extension == ".npy") {
    NW_CHECK(tensors.entries.size() == 1, "[", file_name(path), "] can hold one tensor, not ",
             tensors.entries.size(), ". Name it .npz or .safetensors");
    write_file_atomically(
        path, [&](const Append& append) { write_npy(tensors.entries[0].tensor, append); });
  } else {
    NW_CHECK(extension == ".safetensors" || extension == ".pt", "[", file_name(path),
             "] has an extension that tells no format. Name it .safetensors, .npz, .npy or .pt");
    save_state(tensors, path, format_of(path));
  }
}

}  // namespace nw::io
