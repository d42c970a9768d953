#include <cstdio>
#include <map>
#include <vector>

#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/io/torch_file.h"
#include "core/io/torch_types.h"
#include "core/io/zip_writer.h"

namespace nw::io {
namespace {

/// Every storage of a state once, numbered in order of appearance, as torch numbers them.
class Storages {
 public:
  /// Elements of the whole storage under `tensor`.
  static int64_t numel(const Tensor& tensor) {
    return static_cast<int64_t>(tensor.storage()->bytes() / item_bytes(tensor.dtype()));
  }

  size_t number(const Tensor& tensor) {
    const Key key{tensor.storage().get(), tensor.dtype()};
    const auto [it, is_new] = numbers_.emplace(key, whole_.size());
    if (is_new) whole_.push_back(tensor.as_strided({numel(tensor)}, {1}, 0));
    return it->second;
  }

  /// One-dimensional.
  const std::vector<Tensor>& all() const { return whole_; }

 private:
  using Key = std::pair<const nw::Storage*, DType>;

  std::map<Key, size_t> numbers_;
  std::vector<Tensor> whole_;
};

std::vector<int64_t> list(const Dims& dims) {
  return {dims.begin(), dims.end()};
}

/// torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)
void write_tensor(pickle::Writer& out, const Tensor& tensor, Storages& storages) {
  out.global("torch._utils", "_rebuild_tensor_v2");
  out.mark();
  out.mark();
  out.text("storage");
  out.global("torch", storage_class(tensor.dtype()));
  out.text(std::to_string(storages.number(tensor)));
  out.text("cpu");
  out.integer(Storages::numel(tensor));
  out.tuple();
  out.persistent_id();
  out.integer(tensor.offset());
  out.tuple(list(tensor.sizes()));
  out.tuple(list(tensor.strides()));
  out.boolean(false);
  out.empty_ordered_dict();
  out.tuple();
  out.reduce();
}

/// The attribute `_metadata` of the OrderedDict: module path -> {'version': n}.
void write_metadata(pickle::Writer& out, const nn::StateDict& state) {
  out.empty_dict();
  out.mark();
  out.text("_metadata");
  out.empty_ordered_dict();
  out.mark();
  for (const auto& [path, version] : state.versions) {
    out.text(path);
    out.empty_dict();
    out.mark();
    out.text("version");
    out.integer(version);
    out.set_items();
  }
  out.set_items();
  out.set_items();
  out.build();
}

std::string write_pickle(const nn::StateDict& state, Storages& storages) {
  pickle::Writer out;
  out.empty_ordered_dict();
  out.mark();
  for (const auto& [key, tensor] : state.entries) {
    NW_CHECK(tensor.defined() && tensor.device() != kMeta, "[state_dict] '", key,
             "' has no numbers to save");
    out.text(key);
    write_tensor(out, tensor, storages);
  }
  out.set_items();
  if (!state.versions.empty()) write_metadata(out, state);
  return out.finish();
}

/// 40 digits that tell one content from another, as torch writes them.
std::string serialization_id(const ZipWriter& zip) {
  char digits[41];
  std::snprintf(digits, sizeof(digits), "%020llu%020llu",
                static_cast<unsigned long long>(zip.name_hash()),
                static_cast<unsigned long long>(zip.content_hash()));
  return digits;
}

}  // namespace

void write_torch_zip(const nn::StateDict& state, const Append& append) {
  Storages storages;
  const std::string pickle = write_pickle(state, storages);
  ZipWriter zip(append);
  zip.add("archive/data.pkl", pickle);
  zip.add("archive/.format_version", "1");
  zip.add("archive/.storage_alignment", "64");
  zip.add("archive/byteorder", "little");
  for (size_t i = 0; i < storages.all().size(); ++i) {
    const Tensor memory = raw::to(storages.all()[i], kCpu);
    zip.add(concat("archive/data/", i), memory.raw(),
            static_cast<uint64_t>(memory.numel()) * item_bytes(memory.dtype()));
  }
  zip.add("archive/version", "3\n");
  zip.add("archive/.data/serialization_id", serialization_id(zip));
  zip.finish();
}

}  // namespace nw::io
