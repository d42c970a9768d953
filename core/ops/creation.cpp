#include "core/ops/creation.h"

#include <cmath>

#include "core/autograd/in_place.h"
#include "core/backend/backend.h"
#include "core/ops/arithmetic.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/elementwise.h"
#include "core/ops/promotion.h"
#include "core/ops/reduction.h"

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

void check_drawable(const Tensor& x, std::string_view op) {
  check_inexact(x, op);
  autograd::check_in_place(op, x, autograd::needs_record(x));
  NW_CHECK(!autograd::needs_record(x), "[", op, "] expects a tensor without history");
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
  const Tensor out = empty(sizes, dtype, device);
  if (out.numel() > 0) kernels_of(out).randint(generator, low, high, out);
  return out;
}

Tensor randperm(int64_t n, DType dtype, Device device, Generator& generator) {
  NW_CHECK(n >= 0, "[randperm] expects 0 or more, gets ", n);
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
  const Tensor drawn = randn(sizes, mean.dtype(), mean.device(), generator);
  return add(mul(drawn, std), mean);
}

Tensor uniform_(const Tensor& x, double from, double to, Generator& generator) {
  check_drawable(x, "uniform_");
  NW_CHECK(from <= to, "[uniform_] expects from ≤ to, gets ", from, " and ", to);
  draw_uniform(x, from, to, generator);
  x.storage()->bump_version();
  return x;
}

Tensor normal_(const Tensor& x, double mean, double std, Generator& generator) {
  check_drawable(x, "normal_");
  NW_CHECK(std >= 0, "[normal_] expects a standard deviation of 0 or more, gets ", std);
  draw_normal(x, mean, std, generator);
  x.storage()->bump_version();
  return x;
}

Tensor bernoulli_(const Tensor& x, double p, Generator& generator) {
  NW_CHECK(p >= 0 && p <= 1, "[bernoulli_] expects a probability from 0 to 1, gets ", p);
  autograd::check_in_place("bernoulli_", x, autograd::needs_record(x));
  NW_CHECK(!autograd::needs_record(x), "[bernoulli_] expects a tensor without history");
  if (x.numel() > 0) kernels_of(x).bernoulli(generator, p, x);
  x.storage()->bump_version();
  return x;
}

}  // namespace nw::ops
