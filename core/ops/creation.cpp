#include "core/ops/creation.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/autograd/in_place.h"
#include "core/backend/backend.h"
#include "core/ops/arithmetic.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/elementwise.h"
#include "core/ops/promotion.h"
#include "core/ops/reduction.h"
#include "core/ops/sort.h"

namespace nw::ops {
namespace {

/// How many numbers arange gives.
int64_t count_of(const Scalar& start, const Scalar& end, const Scalar& step) {
  NW_CHECK(step.to_double() != 0, "[arange] expects a step other than 0");
  const bool up = step.to_double() > 0;
  NW_CHECK(up ? end.to_double() >= start.to_double() : end.to_double() <= start.to_double(),
           "[arange] cannot go from ", to_string(start), " to ", to_string(end), " by steps of ",
           to_string(step));
  const auto is_whole = [](const Scalar& value) { return value.is_whole() || value.is_bool(); };
  if (is_whole(start) && is_whole(end) && is_whole(step)) {
    const int64_t distance = end.to_int64() - start.to_int64();
    const int64_t by = step.to_int64();
    return distance / by + (distance % by != 0 ? 1 : 0);
  }
  const double count = std::ceil((end.to_double() - start.to_double()) / step.to_double());
  NW_CHECK(std::isfinite(count), "[arange] expects finite numbers");
  return static_cast<int64_t>(count);
}

void draw_uniform(const Tensor& x, double from, double to, Generator& generator) {
  if (x.numel() > 0) kernels_of(x).uniform(generator, from, to, x);
}

void draw_normal(const Tensor& x, double mean, double std, Generator& generator) {
  if (x.numel() == 0) return;
  if (!is_complex(x.dtype())) return kernels_of(x).normal(generator, mean, std, x);
  const Tensor parts = view_as_real(x.detach());
  kernels_of(x).normal(generator, 0, std / std::sqrt(2.0), parts);
  raw::copy_(x, add(x.detach(), mean));
}

/// Whether whole numbers from `low` to `last` may be drawn.
void check_bounds(int64_t low, int64_t last, DType dtype) {
  NW_CHECK(!is_complex(dtype), "[randint] expects a real dtype, gets ", name(dtype));
  const bool is_unsigned = dtype == DType::UInt8 || dtype == DType::Bool;
  NW_CHECK(low >= 0 || !is_unsigned, "[randint] ", low, " is beyond the range of ", name(dtype));
  NW_CHECK(last <= 1 || dtype != DType::Bool, "[randint] ", last, " is beyond the range of bool");
  check_fits(low, dtype, "randint");
  check_fits(last, dtype, "randint");
}

/// Overwrites x by draw(), which leaves nothing of its gradient.
template <typename Draw>
Tensor drawn_into(const Tensor& x, std::string_view op, const Draw& draw) {
  const bool recording = autograd::needs_record(x);
  autograd::check_in_place(op, x, recording);
  draw();
  if (!recording) {
    x.storage()->bump_version();
    return x;
  }
  autograd::record_in_place(
      op, std::array{x}, std::array<Tensor, 0>{},
      [](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs, const auto&) {
        grad_inputs[0] = zeros(grads[0].sizes(), grads[0].dtype(), grads[0].device());
      });
  return x;
}

}  // namespace

Tensor ones(const Dims& sizes, DType dtype, Device device) {
  return full(sizes, 1, dtype, device);
}
Tensor zeros_like(const Tensor& like) {
  return full_like(like, 0);
}
Tensor ones_like(const Tensor& like) {
  return full_like(like, 1);
}
Tensor full_like(const Tensor& like, const Scalar& value) {
  check_fits(value, like.dtype(), "full_like");
  const Tensor out = new_alike(like, like.dtype());
  raw::fill_(out, value);
  return out;
}
Tensor scalar_tensor(const Scalar& value, DType dtype, Device device) {
  return full(Dims{}, value, dtype, device);
}

Tensor eye(int64_t rows, int64_t columns, DType dtype, Device device) {
  const Tensor out = zeros(Dims{rows, columns}, dtype, device);
  const int64_t diagonal = std::min(rows, columns);
  if (diagonal > 0) raw::fill_(out.as_strided(Dims{diagonal}, Dims{columns + 1}, 0), 1);
  return out;
}

Tensor arange(const Scalar& start, const Scalar& end, const Scalar& step, DType dtype,
              Device device) {
  NW_CHECK(dtype != DType::Bool, "[arange] expects numbers, gets bool");
  const Tensor out = empty(Dims{count_of(start, end, step)}, dtype, device);
  kernels_of(out).arange(start, step, out);
  return out;
}
Tensor arange(const Scalar& start, const Scalar& end, const Scalar& step) {
  const bool real = start.is_real() || end.is_real() || step.is_real();
  return arange(start, end, step, real ? DType::Float32 : DType::Int64);
}
Tensor arange(const Scalar& end) {
  return arange(0, end, 1);
}

Tensor linspace(const Scalar& start, const Scalar& end, int64_t steps, DType dtype, Device device) {
  NW_CHECK(steps >= 0, "[linspace] expects 0 steps or more, gets ", steps);
  const Tensor out = empty(Dims{steps}, dtype, device);
  kernels_of(out).linspace(start, end, out);
  return out;
}

Tensor rand(const Dims& sizes, DType dtype, Device device, Generator& generator) {
  const Tensor out = empty(sizes, dtype, device);
  check_inexact(out, "rand");
  draw_uniform(is_complex(dtype) ? view_as_real(out) : out, 0, 1, generator);
  return out;
}

Tensor randn(const Dims& sizes, DType dtype, Device device, Generator& generator) {
  const Tensor out = empty(sizes, dtype, device);
  check_inexact(out, "randn");
  draw_normal(out, 0, 1, generator);
  return out;
}

Tensor randint(int64_t low, int64_t high, const Dims& sizes, DType dtype, Device device,
               Generator& generator) {
  NW_CHECK(low < high, "[randint] expects low below high, gets ", low, " and ", high);
  check_bounds(low, high - 1, dtype);
  const Tensor out = empty(sizes, dtype, device);
  if (out.numel() > 0) kernels_of(out).randint(generator, low, high, out);
  return out;
}

Tensor randperm(int64_t n, DType dtype, Device device, Generator& generator) {
  NW_CHECK(n >= 0, "[randperm] expects 0 or more, gets ", n);
  check_fits(std::max<int64_t>(n - 1, 0), dtype, "randperm");
  if (device == kMeta) return empty(Dims{n}, dtype, device);
  const Tensor order = empty(Dims{n}, DType::Int64, kCpu);
  generator.randperm(std::span(order.data<int64_t>(), static_cast<size_t>(n)));
  return raw::to(raw::to(order, dtype), device);
}

Tensor bernoulli(const Tensor& p, Generator& generator) {
  check_floating(p, "bernoulli");
  const Tensor out = empty(p.sizes(), p.dtype(), p.device());
  if (out.numel() == 0) return out;
  const Tensor chances = raw::contiguous(p.detach());
  if (p.device() != kMeta) {
    const Tensor legal = logical_and(ge(chances, 0), le(chances, 1));
    NW_CHECK(all(legal).item() != 0, "[bernoulli] expects probabilities from 0 to 1");
  }
  kernels_of(p).bernoulli_each(generator, chances, out);
  return out;
}

Tensor normal(const Tensor& mean, const Tensor& std, Generator& generator) {
  check_alike(mean, std, "normal");
  const Dims sizes = broadcast(mean.sizes(), std.sizes(), "normal");
  if (std.device() != kMeta && std.numel() > 0) {
    NW_CHECK(all(ge(std, 0)).item() != 0, "[normal] expects standard deviations of 0 or more");
  }
  const Tensor drawn = randn(sizes, mean.dtype(), mean.device(), generator);
  return add(mul(drawn, std), mean);
}

Tensor uniform_(const Tensor& x, double from, double to, Generator& generator) {
  check_inexact(x, "uniform_");
  NW_CHECK(from <= to && std::isfinite(to - from),
           "[uniform_] expects finite numbers with from ≤ to, gets ", from, " and ", to);
  for (const double bound : {from, to, to - from}) check_fits(bound, x.dtype(), "uniform_");
  return drawn_into(x, "uniform_", [&] {
    draw_uniform(is_complex(x.dtype()) ? view_as_real(x.detach()) : x, from, to, generator);
  });
}

Tensor normal_(const Tensor& x, double mean, double std, Generator& generator) {
  check_inexact(x, "normal_");
  NW_CHECK(std >= 0, "[normal_] expects a standard deviation of 0 or more, gets ", std);
  return drawn_into(x, "normal_", [&] { draw_normal(x, mean, std, generator); });
}

Tensor bernoulli_(const Tensor& x, double p, Generator& generator) {
  NW_CHECK(p >= 0 && p <= 1, "[bernoulli_] expects a probability from 0 to 1, gets ", p);
  return drawn_into(x, "bernoulli_", [&] {
    if (x.numel() > 0) kernels_of(x).bernoulli(generator, p, x);
  });
}

Tensor exponential_(const Tensor& x, double rate, Generator& generator) {
  check_floating(x, "exponential_");
  NW_CHECK(rate > 0, "[exponential_] expects a rate above 0, gets ", rate);
  return drawn_into(x, "exponential_", [&] {
    if (x.device() == kMeta) return;
    const Tensor drawn = raw::to(new_alike(x, DType::Float64), kCpu);
    auto* numbers = static_cast<double*>(drawn.raw());
    for (int64_t i = 0; i < drawn.numel(); ++i) {
      numbers[i] = -1.0 / rate * std::log(1.0 - generator.uniform_double());
    }
    raw::copy_(x, drawn);
  });
}

namespace {

/// Fills each row of out by a search in the row's running sums.
template <typename T>
void draw_classes(const Tensor& p, const Tensor& out, Generator& generator) {
  const int64_t classes = p.size(-1);
  const int64_t samples = out.size(-1);
  std::vector<T> sums(static_cast<size_t>(classes));
  for (int64_t row = 0; row < p.size(0); ++row) {
    const T* chances = p.data<T>() + row * classes;
    std::partial_sum(chances, chances + classes, sums.begin());
    const T whole = sums.back();
    for (T& sum : sums) sum /= whole;
    sums.back() = 1;
    for (int64_t i = 0; i < samples; ++i) {
      const double drawn = generator.uniform_double();
      const auto found =
          std::partition_point(sums.begin(), sums.end(), [drawn](T sum) { return sum < drawn; });
      out.data<int64_t>()[row * samples + i] = found - sums.begin();
    }
  }
}

}  // namespace

Tensor multinomial(const Tensor& given, int64_t samples, Replacement replacement,
                   Generator& generator) {
  check_floating(given, "multinomial");
  NW_CHECK(given.device() != kMeta, "[multinomial] expects a tensor with numbers");
  NW_CHECK(given.dim() == 1 || given.dim() == 2,
           "[multinomial] expects one row or rows of numbers, gets ", describe(given));
  const int64_t classes = given.size(-1);
  NW_CHECK(samples > 0, "[multinomial] expects 1 sample or more, gets ", samples);
  NW_CHECK(replacement == Replacement::Yes || samples <= classes, "[multinomial] cannot draw ",
           samples, " different ones of ", classes);
  const Tensor p = given.detach();
  const bool legal =
      all(logical_and(ge(p, 0), isfinite(p))).item() != 0 && all(gt(sum(p, {-1}), 0)).item() != 0;
  NW_CHECK(legal, "[multinomial] expects rows of finite numbers of 0 or more, with a sum above 0");
  if (replacement == Replacement::No) {
    const Tensor drawn = exponential_(new_alike(p, p.dtype()), 1, generator);
    const Tensor order = div(p, drawn);
    return samples == 1 ? argmax(order, -1, Keep::Yes) : topk(order, samples).indices;
  }
  Tensor rows = raw::contiguous(raw::to(is_half(p.dtype()) ? to(p, DType::Float32) : p, kCpu));
  if (p.dim() == 1) rows = rows.as_strided({1, classes}, {classes, 1}, rows.offset());
  Tensor out = empty({rows.size(0), samples}, DType::Int64, kCpu);
  if (rows.dtype() == DType::Float64) {
    draw_classes<double>(rows, out, generator);
  } else {
    draw_classes<float>(rows, out, generator);
  }
  if (p.dim() == 1) out = out.as_strided({samples}, {1}, 0);
  return raw::to(out, p.device());
}

}  // namespace nw::ops
