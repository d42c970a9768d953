#include <cstring>

#include "plugins/cuda/kernels/convert.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/map.h"

namespace nw::cuda {
namespace {

template <typename T>
struct FillDense {
  T value;
  T* out;
  __device__ void operator()(int64_t i) const { out[i] = value; }
};

template <typename T>
struct FillStrided {
  Layout<1> layout;
  T value;
  T* out;
  __device__ void operator()(int64_t i) const { out[layout(static_cast<uint32_t>(i))[0]] = value; }
};

template <typename T>
struct CopyDense {
  const T* in;
  T* out;
  __device__ void operator()(int64_t i) const { out[i] = in[i]; }
};

template <typename T>
struct CopyStrided {
  Layout<2> layout;
  const T* in;
  T* out;

  __device__ void operator()(int64_t i) const {
    const Offsets<2> at = layout(static_cast<uint32_t>(i));
    out[at[1]] = in[at[0]];
  }
};

struct ConvertStrided {
  Layout<2> layout;
  const void* in;
  void* out;
  DType from, to;

  __device__ void operator()(int64_t i) const {
    const Offsets<2> at = layout(static_cast<uint32_t>(i));
    store_value(out, to, at[1], load_value(in, from, at[0]));
  }
};

/// Eight numbers at once, between float32 and 16 bits.
template <typename T>
struct alignas(16) Eight {
  T items[8];
};
template <typename From, typename To>
struct ConvertEight {
  const Eight<From>* in;
  Eight<To>* out;

  __device__ void operator()(int64_t i) const {
    const Eight<From> given = in[i];
    Eight<To> result;
    for (int j = 0; j < 8; ++j) result.items[j] = narrow<To>(widen(given.items[j]));
    out[i] = result;
  }
};

template <typename From, typename To>
bool convert_eight(const Tensor& in, const Tensor& out) {
  for_each(out.numel() / 8,
           ConvertEight<From, To>{numbers<const Eight<From>>(in), numbers<Eight<To>>(out)});
  return true;
}

/// The conversions of mixed precision, where they go in groups of eight.
bool convert_fast(const Tensor& in, const Tensor& out) {
  if (out.numel() % 8 != 0 || !is_packable(in.raw()) || !is_packable(out.raw())) return false;
  const DType from = in.dtype();
  const DType to = out.dtype();
  if (from == DType::Float32 && to == DType::Float16) return convert_eight<float, Float16>(in, out);
  if (from == DType::Float16 && to == DType::Float32) return convert_eight<Float16, float>(in, out);
  if (from == DType::Float32 && to == DType::BFloat16) {
    return convert_eight<float, BrainFloat16>(in, out);
  }
  if (from == DType::BFloat16 && to == DType::Float32) {
    return convert_eight<BrainFloat16, float>(in, out);
  }
  return false;
}

template <typename T>
void copy_strided(const Nest<2>& nest, const Tensor& in, const Tensor& out) {
  nest.for_pieces([&](const Layout<2>& layout, uint32_t count) {
    for_each(count, CopyStrided<T>{layout, numbers<const T>(in), numbers<T>(out)});
  });
}

void copy_same(Nest<2> nest, const Tensor& in, const Tensor& out) {
  const auto bytes = static_cast<int64_t>(item_bytes(out.dtype()));
  if (bytes < 16 && is_packable(in.raw()) && is_packable(out.raw()) && nest.widen(16 / bytes)) {
    return copy_strided<Item16>(nest, in, out);
  }
  with_item(out.dtype(), [&](auto item) { copy_strided<decltype(item)>(nest, in, out); });
}

/// first + step · i as two roundings, as the CPU does it.
NW_BOTH double step_to(double first, double step, double i) {
#ifdef __CUDA_ARCH__
  return __dadd_rn(first, __dmul_rn(step, i));
#else
  return first + step * i;
#endif
}

struct Arange {
  Value first, step;
  void* out;
  DType dtype;

  __device__ void operator()(int64_t i) const {
    if (first.kind == Value::Kind::Whole) {
      const uint64_t whole = static_cast<uint64_t>(first.whole) +
                             static_cast<uint64_t>(step.whole) * static_cast<uint64_t>(i);
      return store_value(out, dtype, i, whole_value(static_cast<int64_t>(whole)));
    }
    const auto place = static_cast<double>(i);
    store_value(out, dtype, i,
                complex_value(step_to(first.real, step.real, place),
                              step_to(first.imag, step.imag, place)));
  }
};

/// The second half counts back from the end, so that the last number is hit.
struct Linspace {
  Value first, last, step;
  int64_t count;
  void* out;
  DType dtype;

  __device__ void operator()(int64_t i) const {
    const bool front = i < count / 2 || count == 1;
    const Value& from = front ? first : last;
    const auto place = static_cast<double>(front ? i : i - (count - 1));
    store_value(
        out, dtype, i,
        complex_value(step_to(from.real, step.real, place), step_to(from.imag, step.imag, place)));
  }
};

Value complex_of(const Scalar& scalar) {
  return complex_value(scalar.to_complex().real(), scalar.to_complex().imag());
}

}  // namespace

void fill(const Tensor& out, const Scalar& value) {
  const ItemBytes item = bytes_of(value, out.dtype());
  const Nest<1> nest(out.sizes(), {out.strides()});
  with_item(out.dtype(), [&](auto type) {
    using T = decltype(type);
    T bits;
    std::memcpy(&bits, item.bytes, sizeof(T));
    if (nest.is_dense(0) && is_packable(out.raw()) && out.numel() % Pack<T>::kItems == 0) {
      Pack<T> pack;
      for (T& one : pack.items) one = bits;
      for_each(out.numel() / Pack<T>::kItems, FillDense<Pack<T>>{pack, numbers<Pack<T>>(out)});
      return;
    }
    nest.for_pieces([&](const Layout<1>& layout, uint32_t count) {
      for_each(count, FillStrided<T>{layout, bits, numbers<T>(out)});
    });
  });
}

void copy(const Tensor& in, const Tensor& out) {
  const Nest<2> nest = nest_of(out, in);
  if (in.dtype() == out.dtype()) return copy_same(nest, in, out);
  if (nest.is_dense(0) && nest.is_dense(1) && convert_fast(in, out)) return;
  nest.for_pieces([&](const Layout<2>& layout, uint32_t count) {
    for_each(count, ConvertStrided{layout, in.raw(), out.raw(), in.dtype(), out.dtype()});
  });
}

void arange(const Scalar& start, const Scalar& step, const Tensor& out) {
  const bool whole = !is_floating(out.dtype()) && !is_complex(out.dtype());
  const auto given = [&](const Scalar& scalar) {
    return whole ? whole_value(scalar.to_int64()) : complex_of(scalar);
  };
  for_each(out.numel(), Arange{given(start), given(step), out.raw(), out.dtype()});
}

void linspace(const Scalar& first, const Scalar& last, const Tensor& out) {
  const Value begin = complex_of(first);
  const Value end = complex_of(last);
  const auto gaps = static_cast<double>(std::max<int64_t>(out.numel() - 1, 1));
  const Value step = complex_value((end.real - begin.real) / gaps, (end.imag - begin.imag) / gaps);
  for_each(out.numel(), Linspace{begin, end, step, out.numel(), out.raw(), out.dtype()});
}

}  // namespace nw::cuda
