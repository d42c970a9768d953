#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/io/little_endian.h"
#include "core/io/safetensors.h"

namespace nw::io {
namespace {

// In the order of DType.
constexpr std::array<std::string_view, kDTypeCount> kNames = {
    "F32", "F64", "F16", "BF16", "C64", "", "I64", "I32", "I16", "I8", "U8", "BOOL"};

uint64_t bytes_of(const Tensor& tensor) {
  return static_cast<uint64_t>(tensor.numel()) * item_bytes(tensor.dtype());
}

std::vector<nn::StateDict::Entry> sorted_entries(const nn::StateDict& state) {
  std::vector<nn::StateDict::Entry> entries = state.entries;
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    const size_t left = item_bytes(a.tensor.dtype());
    const size_t right = item_bytes(b.tensor.dtype());
    return left != right ? left > right : a.key < b.key;
  });
  return entries;
}

void check(const nn::StateDict& state) {
  for (const auto& [key, tensor] : state.entries) {
    NW_CHECK(tensor.defined() && tensor.device() != kMeta, "[state_dict] '", key,
             "' has no numbers to save");
    NW_CHECK(!safetensors_name(tensor.dtype()).empty(), "[safetensors] cannot hold '", key,
             "': the format does not know ", name(tensor.dtype()), ". Export a .pt file instead");
    NW_CHECK(key != "__metadata__",
             "[safetensors] cannot hold a tensor called '__metadata__'. Give it another name");
  }
}

std::string header_of(const std::vector<nn::StateDict::Entry>& entries) {
  using nlohmann::ordered_json;
  ordered_json header;
  header["__metadata__"] = {{"format", "pt"}};
  uint64_t offset = 0;
  for (const auto& [key, tensor] : entries) {
    ordered_json shape = ordered_json::array();
    for (int64_t size : tensor.sizes()) shape.push_back(size);
    const uint64_t end = offset + bytes_of(tensor);
    header[key] = {{"dtype", safetensors_name(tensor.dtype())},
                   {"shape", std::move(shape)},
                   {"data_offsets", {offset, end}}};
    offset = end;
  }
  try {
    return header.dump();
  } catch (const nlohmann::json::exception&) {
    throw Error("[safetensors] cannot hold a name that is not valid UTF-8. Rename the block");
  }
}

}  // namespace

std::string_view safetensors_name(DType dtype) {
  return kNames[static_cast<size_t>(dtype)];
}

void write_safetensors(const nn::StateDict& state, const Append& append) {
  constexpr size_t kAlignment = 8;
  check(state);
  const auto entries = sorted_entries(state);
  std::string header = header_of(entries);
  header.resize((header.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  std::string length;
  append_le(length, uint64_t{header.size()});
  append(length.data(), length.size());
  append(header.data(), header.size());
  for (const auto& entry : entries) {
    const Tensor dense = raw::to(raw::contiguous(entry.tensor), kCpu);
    append(dense.raw(), bytes_of(dense));
  }
}

}  // namespace nw::io
