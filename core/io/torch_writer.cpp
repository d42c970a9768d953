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
void write_metadata(pickle::Writer& out, const SavedDict& state) {
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

/// Writes a tree of values, opcode by opcode.
class PickleWriter {
 public:
  explicit PickleWriter(Storages& storages) : storages_(storages) {}

  std::string write(const SavedValue& value) {
    put(value, "the saved value");
    return out_.finish();
  }

 private:
  /// `name` is what messages call the value.
  void put(const SavedValue& value, const std::string& name) {
    std::visit([&](const auto& data) { put_data(data, name); }, value.data);
  }

  void put_data(std::monostate, const std::string&) { out_.none(); }
  void put_data(bool value, const std::string&) { out_.boolean(value); }
  void put_data(int64_t value, const std::string&) { out_.integer(value); }
  void put_data(double value, const std::string&) { out_.real(value); }
  void put_data(const std::string& text, const std::string&) { out_.text(text); }
  void put_data(const Tensor& tensor, const std::string& name) {
    NW_CHECK(tensor.defined() && tensor.device() != kMeta, "[state_dict] '", name,
             "' has no numbers to save");
    write_tensor(out_, tensor, storages_);
  }
  void put_data(const SavedList& list, const std::string& name) {
    out_.empty_list();
    out_.mark();
    for (const SavedValue& item : list.items) put(item, name);
    out_.append_items();
  }
  void put_data(const SavedTuple& tuple, const std::string& name) {
    out_.mark();
    for (const SavedValue& item : tuple.items) put(item, name);
    out_.tuple();
  }
  void put_data(const SavedDict& dict, const std::string& name) {
    if (dict.ordered) {
      out_.empty_ordered_dict();
    } else {
      out_.empty_dict();
    }
    out_.mark();
    for (const auto& [key, item] : dict.items) {
      const auto* text = key.as<std::string>();
      put(key, name);
      put(item, text != nullptr ? *text : name);
    }
    out_.set_items();
    if (dict.ordered && !dict.versions.empty()) write_metadata(out_, dict);
  }

  pickle::Writer out_;
  Storages& storages_;
};

/// 40 digits that tell one content from another, as torch writes them.
std::string serialization_id(const ZipWriter& zip) {
  char digits[41];
  std::snprintf(digits, sizeof(digits), "%020llu%020llu",
                static_cast<unsigned long long>(zip.name_hash()),
                static_cast<unsigned long long>(zip.content_hash()));
  return digits;
}

}  // namespace

void write_torch_zip(const SavedValue& value, const Append& append) {
  Storages storages;
  const std::string pickle = PickleWriter(storages).write(value);
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
