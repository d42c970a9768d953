#include <algorithm>
#include <map>

#include "core/base/error.h"
#include "core/io/file_numbers.h"
#include "core/io/little_endian.h"
#include "core/io/torch_file.h"
#include "core/io/torch_types.h"

namespace nw::io {
namespace {

using namespace pickle;

/// The first pickle: PROTO 2 to 5, from 4 on a FRAME with its length, torch's magic number, STOP.
constexpr char kProto = '\x80';
constexpr char kFrame = '\x95';
constexpr std::string_view kMagic{"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 13};

/// Remembers the type of each storage that the pickle mentions: the file has only their lengths.
class RecordingTypes final : public Types {
 public:
  explicit RecordingTypes(const std::string& place) : types_(place) {}

  bool allows(std::string_view global) const override { return types_.allows(global); }
  Value* call(const Global& global, const Tuple& arguments, Arena& arena) const override {
    return types_.call(global, arguments, arena);
  }
  Value* persistent(const Value& id, Arena& arena) const override {
    Value* value = types_.persistent(id, arena);
    const Storage& storage = *value->as<Storage>();
    storages_.emplace(*storage.key->as<std::string>(), storage);
    return value;
  }

  const Storage* find(const std::string& key) const {
    const auto it = storages_.find(key);
    return it == storages_.end() ? nullptr : &it->second;
  }

 private:
  TorchTypes types_;
  mutable std::map<std::string, Storage> storages_;
};

/// Where the numbers of each storage begin: after the pickles, in the order of `keys`, each with
/// its count before it.
std::map<std::string, uint64_t> find_storages(const InputFile& file, uint64_t position,
                                              const Value& keys, const RecordingTypes& types) {
  const std::string place = file_name(file.path());
  const List* list = keys.as<List>();
  NW_CHECK(list != nullptr, "[", place,
           "] is damaged: its list of storages is missing. Copy or export it again");
  std::map<std::string, uint64_t> offsets;
  for (const Value* key : list->items) {
    const auto* text = key->as<std::string>();
    const Storage* storage = text != nullptr ? types.find(*text) : nullptr;
    NW_CHECK(storage != nullptr, "[", place,
             "] is damaged: it lists a storage that no tensor uses. Copy or export it again");
    char count[sizeof(int64_t)];
    file.read_at(position, count, sizeof(count));
    position += sizeof(count);
    const uint64_t room = file.size() - std::min(position, file.size());
    const uint64_t item = item_bytes(storage->dtype);
    NW_CHECK(load_le<int64_t>(count) == storage->numel &&
                 static_cast<uint64_t>(storage->numel) <= room / item,
             "[", place, "] is cut short or damaged: expects ", storage->numel, " numbers of type ",
             name(storage->dtype), " from byte ", position, ", where ", room,
             " bytes are left. Copy or export it again");
    offsets.emplace(*text, position);
    position += static_cast<uint64_t>(storage->numel) * item;
  }
  return offsets;
}

void check_byte_order(const Value& system, const std::string& place) {
  const Dict* dict = system.as<Dict>();
  if (dict == nullptr) return;
  for (const auto& [key, value] : dict->items) {
    const auto* name = key->as<std::string>();
    const auto* little = value->as<bool>();
    if (name == nullptr || *name != "little_endian" || little == nullptr) continue;
    NW_CHECK(*little, "[", place,
             "] comes from a machine that stores the high byte first. Save it again on this one");
  }
}

}  // namespace

bool is_torch_legacy(std::string_view head) {
  if (head.size() < 2 || head[0] != kProto || head[1] < 2 || head[1] > 5) return false;
  head.remove_prefix(2);
  if (!head.empty() && head[0] == kFrame) {
    head.remove_prefix(std::min(head.size(), 1 + sizeof(uint64_t)));
  }
  return head.starts_with(kMagic);
}

TorchContent read_torch_legacy(const InputFile& file) {
  const std::string place = file_name(file.path());
  std::string bytes(std::min(file.size(), kMostPickleBytes), '\0');
  file.read_at(0, bytes.data(), bytes.size());
  const RecordingTypes types(place);
  TorchContent content;
  content.arena = std::make_unique<Arena>();
  size_t position = 0;
  const auto next = [&] {
    size_t taken = 0;
    const Value* value =
        read(std::string_view(bytes).substr(position), types, place, *content.arena, taken);
    position += taken;
    return value;
  };
  next();  // the magic number
  next();  // the version of the format, 1001 ever since
  check_byte_order(*next(), place);
  content.top = next();
  const Value* keys = next();
  content.fetch = [offsets = find_storages(file, position, *keys, types),
                   numbers = std::make_shared<FileNumbers>(file)](const Storage& storage) {
    const auto it = offsets.find(*storage.key->as<std::string>());
    NW_CHECK(it != offsets.end(), "its numbers are missing");
    return numbers->at(it->second, storage.numel, storage.dtype);
  };
  return content;
}

}  // namespace nw::io
