#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/vec_math.h"

namespace nw::cpu::NW_ISA {
namespace {

constexpr int64_t kChunk = 256;

/// out[i] = f(x[i]) over dense memory.
template <typename T, typename F>
NW_INLINE void map(const T* x, T* out, int64_t count, const F& f) {
  for_each_vector<T>(count, [&](int64_t i, int64_t lanes) NW_ALWAYS {
    store_lanes<T>(out + i, f(load_lanes(x + i, lanes)), lanes);
  });
}

template <typename T, typename F>
NW_INLINE void map(const T* a, const T* b, T* out, int64_t count, const F& f) {
  for_each_vector<T>(count, [&](int64_t i, int64_t lanes) NW_ALWAYS {
    store_lanes<T>(out + i, f(load_lanes(a + i, lanes), load_lanes(b + i, lanes)), lanes);
  });
}

/// Numbers of any stride made dense, a chunk at a time.
template <typename T>
class Gathered {
 public:
  const T* at(const T* x, int64_t stride, int64_t begin, int64_t count) {
    if (stride == 1) return x + begin;
    for (int64_t i = 0; i < count; ++i) buffer_[i] = x[(begin + i) * stride];
    return buffer_;
  }

 private:
  alignas(64) T buffer_[kChunk];
};

template <typename T, typename F>
NW_INLINE void map_strided(const T* x, int64_t stride, T* out, int64_t count, const F& f) {
  if (stride == 1) return map(x, out, count, f);
  Gathered<T> gathered;
  for (int64_t i = 0; i < count; i += kChunk) {
    const int64_t part = count - i < kChunk ? count - i : kChunk;
    map(gathered.at(x, stride, i, part), out + i, part, f);
  }
}

template <typename T, typename F>
NW_INLINE void map_strided(const T* a, int64_t a_stride, const T* b, int64_t b_stride, T* out,
                           int64_t count, const F& f) {
  if (a_stride == 1 && b_stride == 1) return map(a, b, out, count, f);
  if (a_stride == 1 && b_stride == 0) {
    const Vec<T> value = splat(*b);
    return map(a, out, count, [&](Vec<T> x) NW_ALWAYS { return f(x, value); });
  }
  if (a_stride == 0 && b_stride == 1) {
    const Vec<T> value = splat(*a);
    return map(b, out, count, [&](Vec<T> x) NW_ALWAYS { return f(value, x); });
  }
  Gathered<T> gathered_a;
  Gathered<T> gathered_b;
  for (int64_t i = 0; i < count; i += kChunk) {
    const int64_t part = count - i < kChunk ? count - i : kChunk;
    map(gathered_a.at(a, a_stride, i, part), gathered_b.at(b, b_stride, i, part), out + i, part, f);
  }
}

template <typename T>
void unary(UnaryOp op, const T* x, int64_t stride, T* out, int64_t count) {
  using V = Vec<T>;
  const auto run = [&](const auto& f) NW_ALWAYS { map_strided(x, stride, out, count, f); };
  switch (op) {
    case UnaryOp::Neg:
      return run([](V v) NW_ALWAYS { return -v; });
    case UnaryOp::Exp:
      return run([](V v) NW_ALWAYS { return cpu::exp(v); });
    case UnaryOp::Log:
      return run([](V v) NW_ALWAYS { return cpu::log(v); });
    case UnaryOp::Sqrt:
      return run([](V v) NW_ALWAYS { return cpu::sqrt(v); });
    case UnaryOp::Relu:
      return run([](V v) NW_ALWAYS { return cpu::relu(v); });
    case UnaryOp::Tanh:
      return run([](V v) NW_ALWAYS { return cpu::tanh(v); });
    case UnaryOp::Sigmoid:
      return run([](V v) NW_ALWAYS { return cpu::sigmoid(v); });
    default:  // in elementwise_real.cpp
      __builtin_unreachable();
  }
}

template <typename T>
void binary(BinaryOp op, const T* a, int64_t a_stride, const T* b, int64_t b_stride, T* out,
            int64_t count) {
  using V = Vec<T>;
  const auto run = [&](const auto& f)
                       NW_ALWAYS { map_strided(a, a_stride, b, b_stride, out, count, f); };
  switch (op) {
    case BinaryOp::Add:
      return run([](V x, V y) NW_ALWAYS { return x + y; });
    case BinaryOp::Sub:
      return run([](V x, V y) NW_ALWAYS { return x - y; });
    case BinaryOp::Mul:
      return run([](V x, V y) NW_ALWAYS { return x * y; });
    case BinaryOp::Div:
      return run([](V x, V y) NW_ALWAYS { return x / y; });
    case BinaryOp::ReluGrad:
      return run([](V grad, V y) NW_ALWAYS { return select(y <= V{}, V{}, grad); });
    case BinaryOp::TanhGrad:
      return run([](V grad, V y) NW_ALWAYS { return grad * (T{1} - y * y); });
    case BinaryOp::SigmoidGrad:
      return run([](V grad, V y) NW_ALWAYS { return grad * ((T{1} - y) * y); });
    default:
      __builtin_unreachable();
  }
}

template <typename T>
void affine(const T* x, int64_t stride, double scale, double shift, T* out, int64_t count) {
  const Vec<T> factor = splat(static_cast<T>(scale));
  const Vec<T> term = splat(static_cast<T>(shift));
  map_strided(x, stride, out, count, [&](Vec<T> v) NW_ALWAYS { return v * factor + term; });
}

template <typename T>
void axpy(const T* x, int64_t stride, double scale, T* y, int64_t count) {
  const Vec<T> factor = splat(static_cast<T>(scale));
  map_strided(x, stride, y, int64_t{1}, y, count,
              [&](Vec<T> v, Vec<T> sum) NW_ALWAYS { return sum + v * factor; });
}

template <typename T>
void add(TypedKernels<T>& table) {
  table.unary = unary<T>;
  table.binary = binary<T>;
  table.affine = affine<T>;
  table.axpy = axpy<T>;
}

}  // namespace

void add_elementwise(IsaKernels& table);
void add_elementwise(IsaKernels& table) {
  add(table.f32);
  add(table.f64);
}

}  // namespace nw::cpu::NW_ISA
