#pragma once

#include <string>
#include <string_view>

#include "core/io/pickle.h"
#include "core/tensor/dtype.h"

namespace nw::io {

/// "FloatStorage" for float32: the class that a pickle names for the memory of a tensor.
std::string_view storage_class(DType dtype);

/// The list of safe types: OrderedDict, plain tensors and parameters, storages, torch.Size, dtypes,
/// devices, and the plain data of Python. None of them runs code that the file brings.
class TorchTypes final : public pickle::Types {
 public:
  /// Messages start with `[place]`.
  explicit TorchTypes(std::string place) : place_(std::move(place)) {}

  bool allows(std::string_view global) const override;
  pickle::Value* call(const pickle::Global& global, const pickle::Tuple& arguments,
                      pickle::Arena& arena) const override;
  pickle::Value* persistent(const pickle::Value& id, pickle::Arena& arena) const override;

 private:
  [[noreturn]] void damaged(std::string_view what) const;
  void check_plain_view(const pickle::Tuple& arguments) const;

  std::string place_;
};

}  // namespace nw::io
