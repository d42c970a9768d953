#include <algorithm>
#include <cstring>

#include "core/backend/cpu/convert.h"
#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/kernels.h"
#include "core/backend/cpu/walk.h"

namespace nw::cpu {
namespace {

template <typename From, typename To>
void copy_row(const From* from, int64_t from_stride, To* to, int64_t to_stride, int64_t count) {
  if (from_stride == 1 && to_stride == 1) {
    if constexpr (std::is_same_v<From, To>) {
      std::memcpy(to, from, static_cast<size_t>(count) * sizeof(To));
    } else {
      for (int64_t i = 0; i < count; ++i) to[i] = convert<To>(from[i]);
    }
    return;
  }
  for (int64_t i = 0; i < count; ++i) to[i * to_stride] = convert<To>(from[i * from_stride]);
}

template <typename T>
void fill_as(const Tensor& out, const Scalar& value) {
  T* to = static_cast<T*>(out.raw());
  const T item = convert<T>(value);
  const Walk<1> walk(out.sizes(), {&out.strides()});
  parallel_walk(walk, kGrain, [&](const auto& at, int64_t count) {
    T* row = to + at[0];
    const int64_t stride = walk.strides()[0];
    if (stride == 1) {
      std::fill(row, row + count, item);
    } else {
      for (int64_t i = 0; i < count; ++i) row[i * stride] = item;
    }
  });
}

template <typename From, typename To>
void copy_as(const Tensor& in, const Tensor& out) {
  const From* from = static_cast<const From*>(in.raw());
  To* to = static_cast<To*>(out.raw());
  const Walk<2> walk(out.sizes(), {&in.strides(), &out.strides()});
  parallel_walk(walk, kGrain, [&](const auto& at, int64_t count) {
    copy_row(from + at[0], walk.strides()[0], to + at[1], walk.strides()[1], count);
  });
}

}  // namespace

void fill(const Tensor& out, const Scalar& value) {
  with_any_type(out.dtype(), [&](auto type) { fill_as<decltype(type)>(out, value); });
}

void copy(const Tensor& in, const Tensor& out) {
  with_any_type(in.dtype(), [&](auto from) {
    with_any_type(out.dtype(), [&](auto to) { copy_as<decltype(from), decltype(to)>(in, out); });
  });
}

}  // namespace nw::cpu
