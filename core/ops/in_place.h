#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "core/tensor/tensor.h"

/// Edits in place, with history. All of them return x, bump the version of its memory, and throw
/// Error where torch refuses: a leaf that requires a gradient (outside NoGrad), numbers that share
/// memory, and a result that does not fit: of other sizes, or of a higher kind of number.
namespace nw::ops {

/// x = source, which broadcasts and is converted.
Tensor copy_(const Tensor& x, const Tensor& source);
Tensor fill_(const Tensor& x, const Scalar& value);
Tensor zero_(const Tensor& x);

/// x = function(x), for any function of x and of `others` that is made of ops; `name` is a literal.
Tensor apply_(std::string_view name, const Tensor& x, std::initializer_list<Tensor> others,
              const std::function<Tensor(const Tensor&)>& function);

Tensor add_(const Tensor& x, const Tensor& other);
Tensor add_(const Tensor& x, const Scalar& other);
Tensor sub_(const Tensor& x, const Tensor& other);
Tensor sub_(const Tensor& x, const Scalar& other);
Tensor mul_(const Tensor& x, const Tensor& other);
Tensor mul_(const Tensor& x, const Scalar& other);
Tensor div_(const Tensor& x, const Tensor& other);
Tensor div_(const Tensor& x, const Scalar& other);
Tensor pow_(const Tensor& x, const Scalar& exponent);
Tensor neg_(const Tensor& x);
Tensor exp_(const Tensor& x);
Tensor sqrt_(const Tensor& x);
Tensor abs_(const Tensor& x);
Tensor clamp_(const Tensor& x, const std::optional<Scalar>& least,
              const std::optional<Scalar>& most);
/// x + value · a · b, x + value · a / b, and x + weight · (other − x).
Tensor addcmul_(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& value = 1);
Tensor addcdiv_(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& value = 1);
Tensor lerp_(const Tensor& x, const Tensor& other, const Scalar& weight);

}  // namespace nw::ops
