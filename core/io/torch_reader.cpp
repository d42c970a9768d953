#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/io/file_numbers.h"
#include "core/io/torch_file.h"
#include "core/io/torch_types.h"
#include "core/io/zip_reader.h"

namespace nw::io {
namespace {

constexpr std::string_view kPickleName = "/data.pkl";

std::string read_entry(const ZipReader& zip, const ZipEntry& entry) {
  std::string bytes(entry.bytes, '\0');
  zip.read(entry, bytes.data());
  return bytes;
}

/// The folder in the archive that holds everything: the name of the file when it was saved.
std::string find_root(const ZipReader& zip, const std::string& place) {
  std::string root;
  for (const ZipEntry& entry : zip.entries()) {
    if (!entry.name.ends_with(kPickleName)) continue;
    NW_CHECK(root.empty(), "[", place, "] expects one data.pkl, finds two. Export it again");
    root = entry.name.substr(0, entry.name.size() - kPickleName.size());
  }
  NW_CHECK(!root.empty(), "[", place,
           "] is a zip archive, but not one of torch: it has no data.pkl. Choose a file that "
           "torch.save wrote");
  NW_CHECK(zip.find(root + "/constants.pkl") == nullptr, "[", place,
           "] is a TorchScript program, not a state_dict. Save one with "
           "torch.save(torch.jit.load(file).state_dict(), other_file)");
  return root;
}

void check_byte_order(const ZipReader& zip, const std::string& root, const std::string& place) {
  const ZipEntry* entry = zip.find(root + "/byteorder");
  constexpr uint64_t kLongestWord = 16;
  if (entry == nullptr || entry->bytes > kLongestWord) return;
  NW_CHECK(read_entry(zip, *entry) != "big", "[", place,
           "] comes from a machine that stores the high byte first. Save it again on this one");
}

Tensor fetch(const ZipReader& zip, FileNumbers& numbers, const std::string& root,
             const pickle::Storage& storage) {
  const std::string& key = *storage.key->as<std::string>();
  const ZipEntry* entry = zip.find(concat(root, "/data/", key));
  NW_CHECK(entry != nullptr, "its numbers ('data/", key, "') are missing");
  const uint64_t item = item_bytes(storage.dtype);
  NW_CHECK(entry->bytes % item == 0 && entry->bytes / item == static_cast<uint64_t>(storage.numel),
           "expects ", storage.numel, " numbers of type ", name(storage.dtype), " in 'data/", key,
           "', which has ", entry->bytes, " bytes");
  const auto offset = zip.stored_at(*entry);
  if (offset && storage.dtype != DType::Bool) {
    const Tensor memory = numbers.at(*offset, storage.numel, storage.dtype);
    zip.check(*entry, memory.raw());
    return memory;
  }
  const Tensor memory = empty({storage.numel}, storage.dtype, kCpu);
  fill_storage(memory, [&](void* bytes) { zip.read(*entry, bytes); });
  return memory;
}

}  // namespace

TorchContent read_torch_zip(const InputFile& file) {
  const std::string place = file_name(file.path());
  const auto zip = std::make_shared<ZipReader>(file);
  const std::string root = find_root(*zip, place);
  check_byte_order(*zip, root, place);
  const ZipEntry& entry = *zip->find(root + std::string(kPickleName));
  NW_CHECK(entry.bytes <= kMostPickleBytes, "[", place, "] has a pickle of ", entry.bytes >> 20,
           " MiB, far more than training needs. Save the state_dict alone");
  TorchContent content;
  content.arena = std::make_unique<pickle::Arena>();
  size_t end = 0;
  const std::string bytes = read_entry(*zip, entry);
  content.top = pickle::read(bytes, TorchTypes(place), place, *content.arena, end);
  content.fetch = [zip, root,
                   numbers = std::make_shared<FileNumbers>(file)](const pickle::Storage& storage) {
    return fetch(*zip, *numbers, root, storage);
  };
  return content;
}

}  // namespace nw::io
