#include <algorithm>
#include <cmath>

#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/loss_parts.h"
#include "core/backend/creation.h"
#include "core/base/parallel.h"

namespace nw::cpu {
namespace {

// As in PyTorch: an answer that is quite wrong costs 100, and has a finite slope.
constexpr double kLeastLog = -100;
constexpr double kLeastDivisor = 1e-12;

template <typename T>
struct BinaryCrossEntropy {
  static constexpr int64_t kItems = kHeavyGrain;

  T loss(T x, T t) const {
    NW_CHECK(x >= 0 && x <= 1, "[BCELoss] expects probabilities from 0 to 1, gets ", x,
             "; a Sigmoid before it makes such, and BCEWithLogitsLoss takes any numbers");
    const T yes = std::max(std::log(x), static_cast<T>(kLeastLog));
    const T no = std::max(std::log1p(-x), static_cast<T>(kLeastLog));
    return (t - 1) * no - t * yes;
  }
  T slope(T x, T t) const { return (x - t) / std::max((1 - x) * x, static_cast<T>(kLeastDivisor)); }
};

template <typename T>
struct BinaryLogits {
  static constexpr int64_t kItems = kHeavyGrain;

  T loss(T x, T t) const {
    return (1 - t) * x + std::log1p(std::exp(-std::abs(x))) + std::max(-x, T{0});
  }
  T slope(T x, T t) const { return 1 / (1 + std::exp(-x)) - t; }
};

template <typename T>
struct SmoothL1 {
  static constexpr int64_t kItems = kGrain;

  T loss(T x, T t) const {
    const T z = std::abs(x - t);
    return z < beta ? z * z / 2 / beta : z - beta / 2;
  }
  T slope(T x, T t) const {
    const T z = x - t;
    return z <= -beta ? T{-1} : z >= beta ? T{1} : z / beta;
  }
  T beta;
};

template <typename T>
struct Huber {
  static constexpr int64_t kItems = kGrain;

  T loss(T x, T t) const {
    const T z = std::abs(x - t);
    return z <= delta ? z * z / 2 : delta * (z - delta / 2);
  }
  T slope(T x, T t) const {
    const T z = x - t;
    return z <= -delta ? -delta : z >= delta ? delta : z;
  }
  T delta;
};

template <typename T>
struct SoftMargin {
  static constexpr int64_t kItems = kHeavyGrain;

  T loss(T x, T t) const { return std::log1p(std::exp(-t * x)); }
  T slope(T x, T t) const {
    const T e = std::exp(-t * x);
    return -t * e / (e + 1);
  }
};

/// Calls body with the formula for numbers of type T.
template <typename T, typename Body>
void with_formula(PointwiseLoss kind, double parameter, const Body& body) {
  switch (kind) {
    case PointwiseLoss::BinaryCrossEntropy:
      return body(BinaryCrossEntropy<T>{});
    case PointwiseLoss::BinaryLogits:
      return body(BinaryLogits<T>{});
    case PointwiseLoss::SmoothL1:
      return body(SmoothL1<T>{static_cast<T>(parameter)});
    case PointwiseLoss::Huber:
      return body(Huber<T>{static_cast<T>(parameter)});
    case PointwiseLoss::SoftMargin:
      return body(SoftMargin<T>{});
  }
}

}  // namespace

void pointwise(PointwiseLoss kind, double parameter, const Tensor& x, const Tensor& target,
               const Tensor& out) {
  with_floating(x, "loss", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    const T* wanted = target.data<T>();
    T* to = out.data<T>();
    with_formula<T>(kind, parameter, [&](const auto& formula) {
      parallel_for(x.numel(), formula.kItems, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) to[i] = formula.loss(from[i], wanted[i]);
      });
    });
  });
}

void pointwise_grad(PointwiseLoss kind, double parameter, const Tensor& grad, const Tensor& x,
                    const Tensor& target, const Tensor& grad_x) {
  with_floating(x, "loss", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    const T* wanted = target.data<T>();
    const T* factor = grad.data<T>();
    T* to = grad_x.data<T>();
    with_formula<T>(kind, parameter, [&](const auto& formula) {
      parallel_for(x.numel(), formula.kItems, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          to[i] = factor[i] * formula.slope(from[i], wanted[i]);
        }
      });
    });
  });
}

void check_not_negative(const Tensor& x, std::string_view text) {
  const Tensor wide = is_half(x.dtype()) ? raw::to(x, DType::Float32) : x;
  with_floating(wide, "loss", [&](auto type) {
    using T = decltype(type);
    const T* numbers = wide.data<T>();
    for (int64_t i = 0; i < wide.numel(); ++i) {
      NW_CHECK(!(numbers[i] < 0), text, ", gets ", numbers[i]);
    }
  });
}

}  // namespace nw::cpu
