#include <cstring>

#include "core/backend/creation.h"
#include "core/io/little_endian.h"
#include "core/io/npy.h"
#include "core/io/npy_types.h"
#include "core/io/zip_writer.h"

namespace nw::io {
namespace {

/// The dict literal that describes an array, padded so that the numbers begin on a multiple of 64.
std::string header_of(const Tensor& tensor) {
  constexpr size_t kAlignment = 64;
  const std::string_view descr = npy_descr(tensor.dtype());
  NW_CHECK(!descr.empty(), "[npy] NumPy has no type for ", name(tensor.dtype()),
           ". Convert it to float32, or write a .safetensors file");
  std::string shape;
  for (int64_t size : tensor.sizes()) shape += std::to_string(size) + ", ";
  if (tensor.dim() > 1) shape.resize(shape.size() - 2);
  if (tensor.dim() == 1) shape.resize(shape.size() - 1);
  std::string dict =
      concat("{'descr': '", descr, "', 'fortran_order': False, 'shape': (", shape, "), }");
  std::string head(kNpyMagic);
  head += '\x01';
  head += '\x00';
  const size_t before = head.size() + sizeof(uint16_t);
  const size_t whole = (before + dict.size() + 1 + kAlignment - 1) / kAlignment * kAlignment;
  dict.append(whole - before - dict.size() - 1, ' ');
  dict += '\n';
  append_le(head, static_cast<uint16_t>(dict.size()));
  return head + dict;
}

size_t bytes_of(const Tensor& dense) {
  return static_cast<size_t>(dense.numel()) * item_bytes(dense.dtype());
}

}  // namespace

void write_npy(const Tensor& tensor, const Append& append) {
  const std::string header = header_of(tensor);
  const Tensor dense = raw::contiguous(tensor);
  append(header.data(), header.size());
  append(dense.raw(), bytes_of(dense));
}

void write_npz(const nn::StateDict& state, const Append& append) {
  ZipWriter zip(append);
  for (const auto& [key, tensor] : state.entries) {
    const Tensor dense = raw::contiguous(tensor);
    std::string bytes = header_of(dense);
    bytes.append(static_cast<const char*>(dense.raw()), bytes_of(dense));
    zip.add(key + ".npy", bytes);
  }
  zip.finish();
}

}  // namespace nw::io
