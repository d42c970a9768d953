#include "core/io/torch_types.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/base/error.h"

namespace nw::io {
namespace {

using namespace pickle;

constexpr std::string_view kOrderedDict = "collections.OrderedDict";
constexpr std::string_view kRebuildTensor = "torch._utils._rebuild_tensor_v2";
constexpr std::string_view kRebuildParameter = "torch._utils._rebuild_parameter";
constexpr std::string_view kSize = "torch.Size";
constexpr std::string_view kDevice = "torch.device";
constexpr std::string_view kCounter = "collections.Counter";
constexpr std::string_view kDefaultDict = "collections.defaultdict";
constexpr std::string_view kEncode = "_codecs.encode";
/// Of Python itself, which protocol 2 calls __builtin__.
constexpr std::array<std::string_view, 9> kBuiltins = {
    "set", "frozenset", "bytearray", "complex", "list", "dict", "int", "float", "str"};
constexpr std::string_view kTorch = "torch.";

// In the order of DType.
constexpr std::array<std::string_view, kDTypeCount> kStorages = {
    "FloatStorage",        "DoubleStorage",        "HalfStorage", "BFloat16Storage",
    "ComplexFloatStorage", "ComplexDoubleStorage", "LongStorage", "IntStorage",
    "ShortStorage",        "CharStorage",          "ByteStorage", "BoolStorage"};

std::optional<DType> dtype_of_storage(std::string_view global) {
  if (!global.starts_with(kTorch)) return std::nullopt;
  global.remove_prefix(kTorch.size());
  for (int i = 0; i < kDTypeCount; ++i) {
    if (kStorages[static_cast<size_t>(i)] == global) return static_cast<DType>(i);
  }
  return std::nullopt;
}

bool is_dtype(std::string_view global) {
  if (!global.starts_with(kTorch)) return false;
  global.remove_prefix(kTorch.size());
  for (int i = 0; i < kDTypeCount; ++i) {
    if (name(static_cast<DType>(i)) == global) return true;
  }
  return false;
}

/// The name of one of kBuiltins; empty for all others.
std::string_view builtin(std::string_view global) {
  for (const std::string_view module : {"builtins.", "__builtin__."}) {
    if (!global.starts_with(module)) continue;
    const std::string_view name = global.substr(module.size());
    if (std::find(kBuiltins.begin(), kBuiltins.end(), name) != kBuiltins.end()) return name;
  }
  return {};
}

/// Argument `i` when it is there and a T, else null.
template <typename T>
const T* argument(const Tuple& arguments, size_t i) {
  return i < arguments.items.size() ? arguments.items[i]->as<T>() : nullptr;
}

}  // namespace

std::string_view storage_class(DType dtype) {
  return kStorages[static_cast<size_t>(dtype)];
}

void TorchTypes::damaged(std::string_view what) const {
  throw Error(concat("[", place_, "] is damaged: ", what, ". Copy, download or export it again"));
}

bool TorchTypes::allows(std::string_view global) const {
  return global == kOrderedDict || global == kRebuildTensor || global == kRebuildParameter ||
         global == kSize || global == kDevice || global == kCounter || global == kDefaultDict ||
         global == kEncode || !builtin(global).empty() || is_dtype(global) ||
         dtype_of_storage(global);
}

namespace {

/// What a call of something other than tensors makes; null: it cannot be called so.
Value* plain_data(std::string_view global, const Tuple& arguments, Arena& arena) {
  const size_t count = arguments.items.size();
  const auto* text = argument<std::string>(arguments, 0);
  if (global == kDevice && text != nullptr) {
    const auto* index = argument<int64_t>(arguments, 1);
    return arena.make(index != nullptr ? concat(*text, ":", *index) : *text);
  }
  if (global == kCounter || global == kDefaultDict) {
    // A default is a name, a count a dict.
    if (count == 0 || argument<Global>(arguments, 0) != nullptr) return arena.make(Dict{});
    return argument<Dict>(arguments, 0) != nullptr ? arguments.items[0] : nullptr;
  }
  const std::string_view name = builtin(global);
  if (global == kEncode || name == "bytearray") {
    if (count == 0) return arena.make(Bytes{});
    if (argument<Bytes>(arguments, 0) != nullptr) return arguments.items[0];
    return text != nullptr ? arena.make(Bytes{*text}) : nullptr;
  }
  if (name == "set" || name == "frozenset") {
    if (count == 0) return arena.make(List{});
    return argument<List>(arguments, 0) != nullptr ? arguments.items[0] : nullptr;
  }
  if (name == "complex" && count == 2) return arena.make(Other{"a complex number"});
  return nullptr;
}

}  // namespace

/// torch 2 tells after a tensor's hooks whether its numbers are yet to be conjugated or negated.
void TorchTypes::check_plain_view(const Tuple& arguments) const {
  const auto* about = argument<Dict>(arguments, 6);
  if (about == nullptr) return;
  for (const auto& [key, value] : about->items) {
    const auto* name = key->as<std::string>();
    const auto* holds = value->as<bool>();
    NW_CHECK(name == nullptr || holds == nullptr || !*holds, "[", place_, "] holds a tensor whose ",
             "numbers are yet to be changed ('", *name,
             "'). Save tensor.resolve_conj().resolve_neg() instead");
  }
}

Value* TorchTypes::call(const Global& global, const Tuple& arguments, Arena& arena) const {
  if (global.name == kOrderedDict && arguments.items.empty()) return arena.make(Dict{});
  if (global.name == kSize && argument<Tuple>(arguments, 0) != nullptr) return arguments.items[0];
  if (global.name == kRebuildParameter && argument<TensorView>(arguments, 0) != nullptr) {
    return arguments.items[0];
  }
  const auto* offset = argument<int64_t>(arguments, 1);
  if (global.name == kRebuildTensor && argument<Storage>(arguments, 0) != nullptr &&
      offset != nullptr && argument<Tuple>(arguments, 2) != nullptr &&
      argument<Tuple>(arguments, 3) != nullptr) {
    const auto& items = arguments.items;
    check_plain_view(arguments);
    return arena.make(TensorView{items[0], *offset, items[2], items[3]});
  }
  if (Value* const made = plain_data(global.name, arguments, arena)) return made;
  damaged(concat("it calls '", global.name, "' with arguments that do not fit"));
}

/// ('storage', class, key, device, numel[, view]): where the numbers of a tensor are.
Value* TorchTypes::persistent(const Value& id, Arena& arena) const {
  const Tuple* tuple = id.as<Tuple>();
  if (tuple == nullptr) damaged("it refers to a storage by something else than a tuple");
  const auto* kind = argument<std::string>(*tuple, 0);
  const auto* type = argument<Global>(*tuple, 1);
  const auto* key = argument<std::string>(*tuple, 2);
  const auto* numel = argument<int64_t>(*tuple, 4);
  if (kind == nullptr || *kind != "storage" || type == nullptr || key == nullptr ||
      numel == nullptr || *numel < 0) {
    damaged("its reference to a storage is not whole");
  }
  const auto dtype = dtype_of_storage(type->name);
  if (!dtype) damaged(concat("'", type->name, "' is not a type of storage"));
  if (tuple->items.size() > 5 && tuple->items[5]->as<None>() == nullptr) {
    damaged("it holds a view of a storage, which torch wrote before version 0.4 only");
  }
  return arena.make(Storage{tuple->items[2], *numel, *dtype});
}

}  // namespace nw::io
