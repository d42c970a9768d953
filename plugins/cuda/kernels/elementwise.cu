#include "core/backend/fallback.h"
#include "plugins/cuda/kernels/complex.h"
#include "plugins/cuda/kernels/elementwise_formulas.h"
#include "plugins/cuda/kernels/fault.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/map.h"

namespace nw::cuda {
namespace {

/// The ops that training runs most have a kernel each for dense memory; the others share one that
/// looks the op up for each element.
template <typename F, UnaryOp kOp>
struct Unary {
  NW_BOTH F operator()(F x) const { return unary_of(kOp, x); }
};
template <typename F>
struct AnyUnary {
  UnaryOp op;
  NW_BOTH F operator()(F x) const { return unary_of(op, x); }
};
template <typename F, BinaryOp kOp>
struct Binary {
  NW_BOTH F operator()(F a, F b) const { return binary_of(kOp, a, b); }
};
template <typename F>
struct AnyBinary {
  BinaryOp op;
  NW_BOTH F operator()(F a, F b) const { return binary_of(op, a, b); }
};

template <typename F>
struct Affine {
  F scale, shift;
  NW_BOTH F operator()(F x) const { return x * scale + shift; }
};
template <typename F>
struct Axpy {
  F scale;
  NW_BOTH F operator()(F x, F y) const { return y + x * scale; }
};

template <typename T, UnaryOp kOp>
bool dense_unary(const Tensor& x, const Tensor& out, bool one) {
  map(Unary<Wide<T>, kOp>{}, Inputs<T, 1>{{numbers<T>(x)}, {one}}, numbers<T>(out), out.numel());
  return true;
}

template <typename T>
bool dense_unary(UnaryOp op, const Tensor& x, const Tensor& out, bool one) {
  switch (op) {
    case UnaryOp::Neg:
      return dense_unary<T, UnaryOp::Neg>(x, out, one);
    case UnaryOp::Square:
      return dense_unary<T, UnaryOp::Square>(x, out, one);
    case UnaryOp::Exp:
      return dense_unary<T, UnaryOp::Exp>(x, out, one);
    case UnaryOp::Log:
      return dense_unary<T, UnaryOp::Log>(x, out, one);
    case UnaryOp::Sqrt:
      return dense_unary<T, UnaryOp::Sqrt>(x, out, one);
    case UnaryOp::Tanh:
      return dense_unary<T, UnaryOp::Tanh>(x, out, one);
    case UnaryOp::Sigmoid:
      return dense_unary<T, UnaryOp::Sigmoid>(x, out, one);
    case UnaryOp::Relu:
      return dense_unary<T, UnaryOp::Relu>(x, out, one);
    default:
      return false;
  }
}

template <typename T, BinaryOp kOp>
bool dense_binary(const Inputs<T, 2>& inputs, const Tensor& out) {
  map(Binary<Wide<T>, kOp>{}, inputs, numbers<T>(out), out.numel());
  return true;
}

template <typename T>
bool dense_binary(BinaryOp op, const Inputs<T, 2>& inputs, const Tensor& out) {
  switch (op) {
    case BinaryOp::Add:
      return dense_binary<T, BinaryOp::Add>(inputs, out);
    case BinaryOp::Sub:
      return dense_binary<T, BinaryOp::Sub>(inputs, out);
    case BinaryOp::Mul:
      return dense_binary<T, BinaryOp::Mul>(inputs, out);
    case BinaryOp::Div:
      return dense_binary<T, BinaryOp::Div>(inputs, out);
    case BinaryOp::ReluGrad:
      return dense_binary<T, BinaryOp::ReluGrad>(inputs, out);
    case BinaryOp::TanhGrad:
      return dense_binary<T, BinaryOp::TanhGrad>(inputs, out);
    case BinaryOp::SigmoidGrad:
      return dense_binary<T, BinaryOp::SigmoidGrad>(inputs, out);
    default:
      return false;
  }
}

/// Calls body(T()) for the dtypes whose dense kernels are worth their size.
template <typename Body>
bool with_hot(DType dtype, const Body& body) {
  switch (dtype) {
    case DType::Float32:
      return body(float());
    case DType::Float16:
      return body(Float16());
    case DType::BFloat16:
      return body(BrainFloat16());
    default:
      return false;
  }
}

/// Calls body(Number()) with what a floating dtype is computed in.
template <typename Body>
void with_number(DType dtype, const Body& body) {
  if (dtype == DType::Float64) {
    body(double());
  } else {
    body(float());
  }
}

struct WholeUnary {
  Layout<2> layout;
  UnaryOp op;
  const void* x;
  void* out;
  DType in_dtype, out_dtype;

  __device__ void operator()(int64_t i) const {
    const Offsets<2> at = layout(static_cast<uint32_t>(i));
    const int64_t value = load_whole(x, in_dtype, at[0]);
    store_whole(out, out_dtype, at[1], whole_unary(op, value, in_dtype == DType::Bool));
  }
};

struct WholeBinary {
  Layout<3> layout;
  BinaryOp op;
  const void* a;
  const void* b;
  void* out;
  DType in_dtype, out_dtype;
  int bits;
  FaultReport report;

  __device__ void operator()(int64_t i) const {
    const Offsets<3> at = layout(static_cast<uint32_t>(i));
    const int64_t left = load_whole(a, in_dtype, at[0]);
    const int64_t right = load_whole(b, in_dtype, at[1]);
    int64_t result = 0;
    if (!divides(op)) {
      result = whole_binary(op, left, right, bits);
    } else if (right != 0) {
      result = whole_quotient(op, left, right);
    } else {
      report.raise(FaultKind::DivisionByZero, left, 0);
    }
    store_whole(out, out_dtype, at[2], result);
  }
};

/// out may be complex, real or bool.
struct ComplexUnary {
  Layout<2> layout;
  UnaryOp op;
  const void* x;
  void* out;
  DType in_dtype, out_dtype;

  __device__ void operator()(int64_t i) const {
    const Offsets<2> at = layout(static_cast<uint32_t>(i));
    store_complex(out, out_dtype, at[1], complex_unary(op, load_complex(x, in_dtype, at[0])));
  }
};
struct ComplexBinary {
  Layout<3> layout;
  BinaryOp op;
  const void* a;
  const void* b;
  void* out;
  DType in_dtype, out_dtype;

  __device__ void operator()(int64_t i) const {
    const Offsets<3> at = layout(static_cast<uint32_t>(i));
    store_complex(
        out, out_dtype, at[2],
        complex_binary(op, load_complex(a, in_dtype, at[0]), load_complex(b, in_dtype, at[1])));
  }
};
/// y += x · scale
struct ComplexAxpy {
  Layout<2> layout;
  double scale;
  const void* x;
  void* y;
  DType dtype;

  __device__ void operator()(int64_t i) const {
    const Offsets<2> at = layout(static_cast<uint32_t>(i));
    const Complex more = load_complex(x, dtype, at[0]);
    store_complex(y, dtype, at[1],
                  load_complex(y, dtype, at[1]) + Complex{more.real * scale, more.imag * scale});
  }
};

template <typename T>
struct Where {
  Layout<4> layout;
  const bool* condition;
  const T* a;
  const T* b;
  T* out;

  __device__ void operator()(int64_t i) const {
    const Offsets<4> at = layout(static_cast<uint32_t>(i));
    out[at[3]] = condition[at[0]] ? a[at[1]] : b[at[2]];
  }
};

}  // namespace

void unary(UnaryOp op, const Tensor& x, const Tensor& out) {
  const auto nest = nest_of(out, x);
  if (is_complex(x.dtype())) {
    if (!has_complex(op)) return fallback_kernels().unary(op, x, out);  // says what is wrong
    nest.for_pieces([&](const Layout<2>& layout, uint32_t count) {
      for_each(count, ComplexUnary{layout, op, x.raw(), out.raw(), x.dtype(), out.dtype()});
    });
    return;
  }
  if (!is_floating(x.dtype())) {
    nest.for_pieces([&](const Layout<2>& layout, uint32_t count) {
      for_each(count, WholeUnary{layout, op, x.raw(), out.raw(), x.dtype(), out.dtype()});
    });
    return;
  }
  const bool done = is_plain(nest) && with_hot(x.dtype(), [&](auto type) {
                      return dense_unary<decltype(type)>(op, x, out, nest.is_one(0));
                    });
  if (done) return;
  with_number(x.dtype(), [&](auto number) {
    using F = decltype(number);
    map_strided<F>(AnyUnary<F>{op}, nest, out, gives_bool(op), x);
  });
}

void binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& out) {
  const auto nest = nest_of(out, a, b);
  if (is_complex(a.dtype())) {
    if (!has_complex(op)) return fallback_kernels().binary(op, a, b, out);  // says what is wrong
    nest.for_pieces([&](const Layout<3>& layout, uint32_t count) {
      for_each(count,
               ComplexBinary{layout, op, a.raw(), b.raw(), out.raw(), a.dtype(), out.dtype()});
    });
    return;
  }
  if (!is_floating(a.dtype())) {
    const int bits = 8 * static_cast<int>(item_bytes(a.dtype()));
    nest.for_pieces([&](const Layout<3>& layout, uint32_t count) {
      for_each(count, WholeBinary{layout, op, a.raw(), b.raw(), out.raw(), a.dtype(), out.dtype(),
                                  bits, fault_report("[div]")});
    });
    return;
  }
  const bool done =
      is_plain(nest) && with_hot(a.dtype(), [&](auto type) {
        using T = decltype(type);
        const Inputs<T, 2> inputs{{numbers<T>(a), numbers<T>(b)}, {nest.is_one(0), nest.is_one(1)}};
        return dense_binary<T>(op, inputs, out);
      });
  if (done) return;
  with_number(a.dtype(), [&](auto number) {
    using F = decltype(number);
    map_strided<F>(AnyBinary<F>{op}, nest, out, gives_bool(op), a, b);
  });
}

void where(const Tensor& condition, const Tensor& a, const Tensor& b, const Tensor& out) {
  const auto nest = nest_of(out, condition, a, b);
  with_item(out.dtype(), [&](auto item) {
    using T = decltype(item);
    nest.for_pieces([&](const Layout<4>& layout, uint32_t count) {
      for_each(count, Where<T>{layout, numbers<bool>(condition), numbers<T>(a), numbers<T>(b),
                               numbers<T>(out)});
    });
  });
}

void affine(const Tensor& x, double scale, double shift, const Tensor& out) {
  const auto nest = nest_of(out, x);
  if (!is_plain(nest)) {
    with_number(x.dtype(), [&](auto number) {
      using F = decltype(number);
      map_strided<F>(Affine<F>{static_cast<F>(scale), static_cast<F>(shift)}, nest, out, false, x);
    });
    return;
  }
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    using F = Wide<T>;
    map(Affine<F>{static_cast<F>(scale), static_cast<F>(shift)},
        Inputs<T, 1>{{numbers<T>(x)}, {nest.is_one(0)}}, numbers<T>(out), out.numel());
  });
}

void axpy(const Tensor& x, double scale, const Tensor& y) {
  if (is_complex(y.dtype())) {
    nest_of(y, x).for_pieces([&](const Layout<2>& layout, uint32_t count) {
      for_each(count, ComplexAxpy{layout, scale, x.raw(), y.raw(), y.dtype()});
    });
    return;
  }
  const auto nest = nest_of(y, x, y);
  if (!is_plain(nest)) {
    with_number(y.dtype(), [&](auto number) {
      using F = decltype(number);
      map_strided<F>(Axpy<F>{static_cast<F>(scale)}, nest, y, false, x, y);
    });
    return;
  }
  with_real(y.dtype(), [&](auto type) {
    using T = decltype(type);
    map(Axpy<Wide<T>>{static_cast<Wide<T>>(scale)},
        Inputs<T, 2>{{numbers<T>(x), numbers<T>(y)}, {nest.is_one(0), nest.is_one(1)}},
        numbers<T>(y), y.numel());
  });
}

}  // namespace nw::cuda
