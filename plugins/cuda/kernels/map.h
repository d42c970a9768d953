#pragma once

#include "plugins/cuda/kernels/launch.h"
#include "plugins/cuda/kernels/layout.h"

/// Functions applied element by element. F is any type with `Wide operator()(Wide…) const`, or one
/// that wants the element's place first: `Wide operator()(int64_t place, Wide…) const`.
namespace nw::cuda {

/// What one thread reads or writes at once.
template <typename T>
struct alignas(16) Pack {
  static constexpr int kItems = 16 / sizeof(T);
  T items[kItems];
};

template <typename T, int kInputs>
struct Inputs {
  const T* at[kInputs];
  bool one[kInputs];  // a single number for all
};

template <typename F, typename... Numbers>
__device__ __forceinline__ auto call(const F& f, int64_t place, Numbers... given) {
  if constexpr (std::is_invocable_v<const F&, int64_t, Numbers...>) {
    return f(place, given...);
  } else {
    return f(given...);
  }
}

template <typename T, typename F, int kInputs>
__device__ __forceinline__ T apply(const F& f, int64_t place, const T* values) {
  if constexpr (kInputs == 1) {
    return narrow<T>(call(f, place, widen(values[0])));
  } else if constexpr (kInputs == 2) {
    return narrow<T>(call(f, place, widen(values[0]), widen(values[1])));
  } else {
    return narrow<T>(call(f, place, widen(values[0]), widen(values[1]), widen(values[2])));
  }
}

template <typename T, typename F, int kInputs>
__global__ void map_kernel(F f, Inputs<T, kInputs> inputs, T* out, int64_t count, bool packed) {
  constexpr int kItems = Pack<T>::kItems;
  const int64_t packs = packed ? count / kItems : 0;
  for (int64_t i = thread_number(); i < packs; i += thread_count()) {
    Pack<T> in[kInputs];
    for (int k = 0; k < kInputs; ++k) {
      if (inputs.one[k]) {
        for (int j = 0; j < kItems; ++j) in[k].items[j] = *inputs.at[k];
      } else {
        in[k] = reinterpret_cast<const Pack<T>*>(inputs.at[k])[i];
      }
    }
    Pack<T> result;
    for (int j = 0; j < kItems; ++j) {
      T values[kInputs];
      for (int k = 0; k < kInputs; ++k) values[k] = in[k].items[j];
      result.items[j] = apply<T, F, kInputs>(f, i * kItems + j, values);
    }
    reinterpret_cast<Pack<T>*>(out)[i] = result;
  }
  for (int64_t i = packs * kItems + thread_number(); i < count; i += thread_count()) {
    T values[kInputs];
    for (int k = 0; k < kInputs; ++k) values[k] = inputs.at[k][inputs.one[k] ? 0 : i];
    out[i] = apply<T, F, kInputs>(f, i, values);
  }
}

inline bool is_packable(const void* memory) {
  return reinterpret_cast<uintptr_t>(memory) % 16 == 0;
}

/// out[i] = f(inputs[i]…) over dense memory; an input may be one number for all.
template <typename T, typename F, int kInputs>
void map(const F& f, const Inputs<T, kInputs>& inputs, T* out, int64_t count) {
  if (count == 0) return;
  bool packed = is_packable(out);
  for (int k = 0; k < kInputs; ++k) packed = packed && (inputs.one[k] || is_packable(inputs.at[k]));
  launch(map_kernel<T, F, kInputs>, blocks_for(count / (packed ? Pack<T>::kItems : 1)), kThreads, 0,
         f, inputs, out, count, packed);
}

/// The same over any strides, for 16-bit and 32-bit dtypes in one kernel (F computes in float), or
/// for float64.
template <typename Number, typename F, int kInputs>
struct StridedMap {
  Layout<kInputs + 1> layout;
  F f;
  const void* inputs[kInputs];
  void* out;
  DType dtype;
  bool test;  // out is of bools

  __device__ void operator()(int64_t i) const {
    const Offsets<kInputs + 1> at = layout(static_cast<uint32_t>(i));
    Number values[kInputs];
    for (int k = 0; k < kInputs; ++k) values[k] = load_real<Number>(inputs[k], dtype, at[k]);
    Number result;
    if constexpr (kInputs == 1) {
      result = f(values[0]);
    } else if constexpr (kInputs == 2) {
      result = f(values[0], values[1]);
    } else {
      result = f(values[0], values[1], values[2]);
    }
    if (test) {
      static_cast<bool*>(out)[at[kInputs]] = result != 0;
    } else {
      store_real<Number>(out, dtype, at[kInputs], result);
    }
  }
};

template <typename Number, typename F, typename... In>
void map_strided(const F& f, const Nest<sizeof...(In) + 1>& nest, const Tensor& out, bool test,
                 const In&... in) {
  constexpr int kInputs = sizeof...(In);
  const DType dtype[] = {in.dtype()...};
  StridedMap<Number, F, kInputs> body{{}, f, {in.raw()...}, out.raw(), dtype[0], test};
  nest.for_pieces([&](const Layout<kInputs + 1>& layout, uint32_t count) {
    body.layout = layout;
    for_each(count, body);
  });
}

/// The loops over inputs and out, all of out's sizes.
template <typename... In>
Nest<sizeof...(In) + 1> nest_of(const Tensor& out, const In&... in) {
  return Nest<sizeof...(In) + 1>(out.sizes(), {in.strides()..., out.strides()});
}

/// Whether the operands may go to map().
template <int kOperands>
bool is_plain(const Nest<kOperands>& nest) {
  bool plain = nest.is_dense(kOperands - 1);
  for (int k = 0; k + 1 < kOperands; ++k) plain = plain && (nest.is_dense(k) || nest.is_one(k));
  return plain;
}

}  // namespace nw::cuda
