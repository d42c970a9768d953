#include "core/backend/cpu/activation_parts.h"
#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/vec_math.h"

namespace nw::cpu::NW_ISA {
namespace {

template <typename V>
NW_INLINE V magnitude(V x) {
  return select(x < V{}, -x, x);
}
template <typename V>
NW_INLINE V at_most(V x, V limit) {
  return select(x > limit, limit, x);  // keeps NaN
}
template <typename V>
NW_INLINE V at_least(V x, V limit) {
  return select(x < limit, limit, x);
}

NW_INLINE Floats expm1(Floats x) {
  // −1 below −80 and infinite above 89 in any case.
  const Reduced reduced = reduce(at_most(at_least(x, splat(-80.0f)), splat(88.5f)));
  const Floats scale = power_of_two(reduced.n);
  const Floats result = scale * expm1_reduced(reduced.rest) + (scale - 1.0f);
  return select(x > splat(88.72f), cpu::exp(x), result);
}
NW_INLINE Doubles expm1(Doubles x) {
  return each(x, [](double v) NW_ALWAYS { return __builtin_expm1(v); });
}

/// ln(1 + z) for z ≥ 0.
NW_INLINE Floats log1p(Floats z) {
  const Floats sum = 1.0f + z;
  // What rounding took from 1 + z comes back as the slope times it.
  const Floats lost = select(z < splat(1.0f), (sum - 1.0f) - z, Floats{});
  return cpu::log(sum) - lost / sum;
}
NW_INLINE Doubles log1p(Doubles z) {
  return each(z, [](double v) NW_ALWAYS { return __builtin_log1p(v); });
}

/// By Chebyshev's polynomials: erf(x)/x over x² below 1, ln(1 − erf x) above. Error below 2e-7.
NW_INLINE Floats erf(Floats x) {
  const Floats s = x * x;
  Floats inner = splat(7.88249731e-05f);
  inner = inner * s - 8.01885505e-04f;
  inner = inner * s + 5.18931195e-03f;
  inner = inner * s - 2.68543288e-02f;
  inner = inner * s + 1.12835975e-01f;
  inner = inner * s - 3.76126269e-01f;
  inner = inner * s + 1.12837917f;
  const Floats t = at_most(magnitude(x), splat(4.0f));  // erf is 1 from there on
  Floats outer = splat(-1.33093904e-05f);
  outer = outer * t + 3.17572036e-04f;
  outer = outer * t - 3.43686760e-03f;
  outer = outer * t + 2.26219860e-02f;
  outer = outer * t - 1.03318980e-01f;
  outer = outer * t - 6.39093319e-01f;
  outer = outer * t - 1.12592595f;
  outer = outer * t - 7.56968611e-04f;
  const Floats tail = 1.0f - cpu::exp(outer);
  return select(t < splat(1.0f), x * inner, select(x < Floats{}, -tail, tail));
}
NW_INLINE Doubles erf(Doubles x) {
  return each(x, [](double v) NW_ALWAYS { return __builtin_erf(v); });
}

constexpr double kRootHalf = 0.70710678118654752440;
constexpr double kRootTwoOverPi = 0.79788456080286535588;
constexpr double kInverseRootTwoPi = 0.39894228040143267794;
constexpr double kGeluCube = 0.044715;

/// The numbers of an Activation, for all lanes.
template <typename T>
struct Numbers {
  explicit Numbers(const Activation& f)
      : a(splat(static_cast<T>(f.a))),
        b(splat(static_cast<T>(f.b))),
        c(splat(static_cast<T>(f.c))) {}
  Vec<T> a, b, c;
};

/// tanh(ln(1 + eˣ)) = n / (n + 2) with n = eˣ·(eˣ + 2).
template <typename T, typename V>
NW_INLINE V mish_numerator(V x) {
  const V e = cpu::exp(at_most(x, splat(T{20})));
  return e * (e + T{2});
}

template <typename T>
void forward(const Activation& f, const T* x, T* y, int64_t count) {
  using V = Vec<T>;
  const Numbers<T> n(f);
  const V zero{};
  const V one = splat(T{1});
  const auto run = [&](const auto& function) NW_ALWAYS {
    for_each_vector<T>(count, [&](int64_t i, int64_t lanes) NW_ALWAYS {
      store_lanes<T>(y + i, function(load_lanes(x + i, lanes)), lanes);
    });
  };
  switch (f.kind) {
    case ActivationKind::Elu:
      return run([&](V v) NW_ALWAYS { return select(v <= zero, n.a * expm1(v * n.c), n.b * v); });
    case ActivationKind::Gelu:
      return run([&](V v)
                     NW_ALWAYS { return v * T(0.5) * (one + erf(v * static_cast<T>(kRootHalf))); });
    case ActivationKind::GeluTanh:
      return run([&](V v) NW_ALWAYS {
        const V inner =
            static_cast<T>(kRootTwoOverPi) * (v + static_cast<T>(kGeluCube) * v * v * v);
        return T(0.5) * v * (one + cpu::tanh(inner));
      });
    case ActivationKind::Hardshrink:
      return run([&](V v) NW_ALWAYS { return select((v >= -n.a) & (v <= n.a), zero, v); });
    case ActivationKind::Hardsigmoid:
      return run([&](V v)
                     NW_ALWAYS { return at_most(at_least(v + T{3}, zero), splat(T{6})) / T{6}; });
    case ActivationKind::Hardswish:
      return run(
          [&](V v) NW_ALWAYS { return v * at_most(at_least(v + T{3}, zero), splat(T{6})) / T{6}; });
    case ActivationKind::Hardtanh:
      return run([&](V v) NW_ALWAYS { return at_most(at_least(v, n.a), n.b); });
    case ActivationKind::LeakyRelu:
      return run([&](V v) NW_ALWAYS { return select(v > zero, v, v * n.a); });
    case ActivationKind::LogSigmoid:
      return run([&](V v) NW_ALWAYS { return at_most(v, zero) - log1p(cpu::exp(-magnitude(v))); });
    case ActivationKind::Mish:
      return run([&](V v) NW_ALWAYS {
        const V numerator = mish_numerator<T>(v);
        return v * (numerator / (numerator + T{2}));
      });
    case ActivationKind::Silu:
      return run([&](V v) NW_ALWAYS { return v / (one + cpu::exp(-v)); });
    case ActivationKind::Softplus:
      return run(
          [&](V v) NW_ALWAYS { return select(v * n.a > n.b, v, log1p(cpu::exp(v * n.a)) / n.a); });
    case ActivationKind::Softshrink:
      return run(
          [&](V v) NW_ALWAYS { return select(v > n.a, v - n.a, select(v < -n.a, v + n.a, zero)); });
    case ActivationKind::Softsign:
      return run([&](V v) NW_ALWAYS { return v / (one + magnitude(v)); });
    case ActivationKind::Tanhshrink:
      return run([&](V v) NW_ALWAYS { return v - cpu::tanh(v); });
    case ActivationKind::Threshold:
      return run([&](V v) NW_ALWAYS { return select(v <= n.a, n.b, v); });
  }
}

/// d tanh-GELU / dx.
template <typename T, typename V>
NW_INLINE V gelu_tanh_slope(V x) {
  const T beta = static_cast<T>(kRootTwoOverPi);
  const T cube = static_cast<T>(kGeluCube);
  const V t = cpu::tanh(beta * (x + cube * x * x * x));
  const V inner_slope = beta * (T{1} + T{3} * cube * x * x);
  return T(0.5) * (T{1} + t) + T(0.5) * x * (T{1} - t * t) * inner_slope;
}

template <typename T>
void backward(const Activation& f, const T* grad, const T* x, T* grad_x, int64_t count,
              Share part) {
  using V = Vec<T>;
  const Numbers<T> n(f);
  const V zero{};
  const V one = splat(T{1});
  const bool blocks = part == Share::Blocks;
  const auto run = [&](const auto& function) NW_ALWAYS {
    for_each_vector<T>(count, [&](int64_t i, int64_t lanes) NW_ALWAYS {
      store_lanes<T>(grad_x + i, function(load_lanes(grad + i, lanes), load_lanes(x + i, lanes)),
                     lanes);
    });
  };
  switch (f.kind) {
    case ActivationKind::Elu: {
      const auto below = [&](V g, V v) NW_ALWAYS { return g * n.c * n.a * cpu::exp(v * n.c); };
      if (blocks) {
        return run([&](V g, V v) NW_ALWAYS { return select(v > zero, g * n.b, below(g, v)); });
      }
      return run([&](V g, V v) NW_ALWAYS { return select(v <= zero, below(g, v), g * n.b); });
    }
    case ActivationKind::Gelu:
      return run([&](V g, V v) NW_ALWAYS {
        const V below = T(0.5) * (one + erf(v * static_cast<T>(kRootHalf)));
        const V density = static_cast<T>(kInverseRootTwoPi) * cpu::exp(T(-0.5) * v * v);
        return g * (below + v * density);
      });
    case ActivationKind::GeluTanh:
      return run([&](V g, V v) NW_ALWAYS { return g * gelu_tanh_slope<T>(v); });
    case ActivationKind::Hardshrink:
    case ActivationKind::Softshrink:
      if (blocks) {
        return run([&](V g, V v) NW_ALWAYS { return select((v < -n.a) | (v > n.a), g, zero); });
      }
      return run([&](V g, V v) NW_ALWAYS { return select((v >= -n.a) & (v <= n.a), zero, g); });
    case ActivationKind::Hardsigmoid:
      return run([&](V g, V v) NW_ALWAYS {
        return select((v > splat(T{-3})) & (v < splat(T{3})), g / T{6}, zero);
      });
    case ActivationKind::Hardswish: {
      const auto between = [&](V g, V v) NW_ALWAYS { return g * (v / T{3} + T(0.5)); };
      const V low = splat(T{-3});
      const V high = splat(T{3});
      if (blocks) {
        return run([&](V g, V v) NW_ALWAYS {
          return select(v < low, zero, select(v >= high, g, between(g, v)));
        });
      }
      return run([&](V g, V v) NW_ALWAYS {
        return select(v < low, zero, select(v <= high, between(g, v), g));
      });
    }
    case ActivationKind::Hardtanh:
      if (blocks) {
        return run([&](V g, V v) NW_ALWAYS { return select((v > n.a) & (v < n.b), g, zero); });
      }
      return run([&](V g, V v) NW_ALWAYS { return select((v <= n.a) | (v >= n.b), zero, g); });
    case ActivationKind::LeakyRelu:
      return run([&](V g, V v) NW_ALWAYS { return select(v > zero, g, g * n.a); });
    case ActivationKind::LogSigmoid:
      return run([&](V g, V v) NW_ALWAYS {
        const V z = cpu::exp(-magnitude(v));
        const V share = z / (one + z);
        return g * select(v < zero, one - share, share);
      });
    case ActivationKind::Mish:
      return run([&](V g, V v) NW_ALWAYS {
        const V numerator = mish_numerator<T>(v);
        const V t = numerator / (numerator + T{2});
        const V rest = T{2} / (numerator + T{2});  // 1 − t, which stays a little above 0
        const V slope = t + at_most(v, splat(T{20})) * cpu::sigmoid(v) * rest * (one + t);
        return g * (slope + v * T{0});  // NaN where v is infinite, as in PyTorch
      });
    case ActivationKind::Silu:
      return run([&](V g, V v) NW_ALWAYS {
        const V s = cpu::sigmoid(v);
        return g * s * (one + v * (one - s));
      });
    case ActivationKind::Softplus:
      return run([&](V g, V v) NW_ALWAYS {
        const V z = cpu::exp(v * n.a);
        return select(v * n.a > n.b, g, g * z / (z + one));
      });
    case ActivationKind::Softsign:
      return run([&](V g, V v) NW_ALWAYS {
        const V d = one + magnitude(v);
        return g * (one / (d * d) + v * T{0});  // NaN where v is infinite, as in PyTorch
      });
    case ActivationKind::Tanhshrink:
      return run([&](V g, V v) NW_ALWAYS {
        const V t = cpu::tanh(v);
        return g * (t * t);
      });
    case ActivationKind::Threshold:
      return run([&](V g, V v) NW_ALWAYS { return select(v <= n.a, zero, g); });
  }
}

template <typename T>
constexpr ActivationParts<T> kParts{forward<T>, backward<T>};

}  // namespace

void add_activation(IsaKernels& table);
void add_activation(IsaKernels& table) {
  table.f32.activation = &kParts<float>;
  table.f64.activation = &kParts<double>;
}

}  // namespace nw::cpu::NW_ISA
