#pragma once

#include <optional>

#include "core/nn/block.h"
#include "core/nn/python_syntax.h"

namespace nw::nn {

/// The last part of a dotted name: "Conv2d" of "torch.nn.Conv2d".
std::string_view last_name(std::string_view name);

/// The dtype of that name in torch: "float64", "torch.double"; nothing for other words.
std::optional<DType> torch_dtype(std::string_view name);

/// Which of the descriptions the name of a call means, with or without "torch.", "nn." and the like
/// in front. Throws Error at its place, with the nearest name, when there is none; `what` says what
/// it should be: "a layer".
const Description& described(const std::vector<const Description*>& all, const Syntax& call,
                             std::string_view what);

template <typename T>
const T& described(const Registry<T>& registry, const Syntax& call, std::string_view what) {
  std::vector<const Description*> all;
  for (const T& item : registry.all()) all.push_back(&item);
  return static_cast<const T&>(described(all, call, what));
}

/// The value that the code means for this parameter, checked. Throws Error at its place, with `op`
/// in brackets.
Value value_of(const Param& param, const Syntax& syntax, std::string_view op);

/// What torch's layers with weights take besides their own arguments.
struct FactoryArguments {
  std::optional<DType> dtype;  // dtype=torch.float64
};

/// Arguments by place and by name in torch's order, checked by the description; parameters that
/// torch takes as arguments of forward are none. Items of the call before `first` are skipped.
/// `factory` receives dtype; null: dtype and device are refused. Throws Error at the place of the
/// first mistake.
Args arguments_of(const Description& description, const Syntax& call, size_t first = 0,
                  FactoryArguments* factory = nullptr);

}  // namespace nw::nn
