#include "core/io/torch_types.h"

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
         global == kSize || is_dtype(global) || dtype_of_storage(global);
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
    return arena.make(TensorView{items[0], *offset, items[2], items[3]});
  }
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
