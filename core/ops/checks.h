#pragma once

#include <string>
#include <string_view>

#include "core/tensor/tensor.h"

/// What the ops share to check their inputs. `op` starts each error message.
namespace nw::ops {

/// Throws Error unless x is float32, float64, float16 or bfloat16.
void check_floating(const Tensor& x, std::string_view op);
/// Throws Error unless x is one of these or complex.
void check_inexact(const Tensor& x, std::string_view op);
/// Throws Error unless both are of one floating dtype on one device.
void check_alike(const Tensor& a, const Tensor& b, std::string_view op);
/// Throws Error unless both are of one floating or complex dtype on one device.
void check_inexact_alike(const Tensor& a, const Tensor& b, std::string_view op);
/// Throws Error unless both are on one device.
void check_device(const Tensor& a, const Tensor& b, std::string_view op);
/// "N×16×5×5": sizes with the first taken as the batch.
std::string batched_text(const Dims& sizes);

/// Memory for a result of an elementwise op on x: dense, its dimensions in x's order where x is
/// dense (so channels_last stays channels_last).
Tensor new_alike(const Tensor& x, DType dtype);
/// Dense memory for a result of the dtype and on the device of `like`.
Tensor new_result(const Dims& sizes, const Tensor& like);
/// The same numbers of a dense tensor with other sizes, without history.
Tensor view_dense(const Tensor& x, const Dims& sizes);
/// Whether the elements lie without gaps or overlap, the dimensions in whatever order.
bool is_dense_in_some_order(const Tensor& x);
/// `grad` summed over what broadcasting had repeated, so that it gets `sizes`.
Tensor sum_to(const Tensor& grad, const Dims& sizes);

}  // namespace nw::ops
