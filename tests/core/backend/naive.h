#pragma once

#include <QtTest>
#include <cmath>
#include <functional>
#include <vector>

#include "core/backend/creation.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"

/// Plain double arithmetic on tensors of any strides, to compare kernels with.
namespace nw::test {

/// Calls body(index) for every index of a tensor of these sizes, in row-major order.
inline void for_each_index(const Dims& sizes, const std::function<void(const Dims&)>& body) {
  const int64_t count = numel(sizes);
  Dims index(sizes.size());
  for (int64_t i = 0; i < count; ++i) {
    body(index);
    for (size_t d = sizes.size(); d-- > 0;) {
      if (++index[d] < sizes[d]) break;
      index[d] = 0;
    }
  }
}

inline int64_t place(const Tensor& x, const Dims& index) {
  int64_t at = 0;
  for (size_t d = 0; d < index.size(); ++d) at += index[d] * x.strides()[d];
  return at;
}

inline double at(const Tensor& x, const Dims& index) {
  return x.dtype() == DType::Float32 ? double(x.data<float>()[place(x, index)])
                                     : x.data<double>()[place(x, index)];
}

inline void put(const Tensor& x, const Dims& index, double value) {
  if (x.dtype() == DType::Float32) {
    x.data<float>()[place(x, index)] = static_cast<float>(value);
  } else {
    x.data<double>()[place(x, index)] = value;
  }
}

/// A dense tensor filled by a function of the index.
inline Tensor filled(const Dims& sizes, DType dtype,
                     const std::function<double(const Dims&)>& value) {
  const Tensor out = empty(sizes, dtype);
  for_each_index(sizes, [&](const Dims& index) { put(out, index, value(index)); });
  return out;
}

/// Random sizes of up to `most_dims` dimensions, some of them 1 and now and then 0.
inline Dims random_sizes(Draw& draw, int64_t most_dims, int64_t largest) {
  Dims sizes(static_cast<size_t>(draw.integer(0, most_dims)));
  for (int64_t& size : sizes) size = draw.chance(0.2) ? 1 : draw.integer(1, largest);
  if (!sizes.empty() && draw.chance(0.05)) sizes[0] = 0;
  return sizes;
}

/// Random numbers of these sizes, dense, transposed, cut out of something larger, or repeated by
/// stride 0.
inline Tensor random_view(Draw& draw, const Dims& sizes, DType dtype) {
  if (sizes.empty() || draw.chance(0.3)) return draw.numbers(sizes, dtype);
  if (draw.chance(0.3)) {  // some dimensions repeated
    Dims kept = sizes;
    for (int64_t& size : kept) size = draw.chance(0.5) && size > 0 ? 1 : size;
    return raw::expand(draw.numbers(kept, dtype), sizes);
  }
  Dims order;
  for (size_t d = 0; d < sizes.size(); ++d) {
    order.insert(static_cast<size_t>(draw.integer(0, int64_t(d))), int64_t(d));
  }
  Dims outer;
  for (int64_t d : order) outer.push_back(sizes[size_t(d)] + draw.integer(0, 2));
  const Tensor whole = draw.numbers(outer, dtype);
  Dims strides(sizes.size());
  for (size_t i = 0; i < order.size(); ++i) strides[size_t(order[i])] = whole.strides()[i];
  if (numel(sizes) == 0) return empty(sizes, dtype);
  return whole.as_strided(sizes, strides, 0);
}

inline DType random_floating(Draw& draw) {
  return draw.chance(0.5) ? DType::Float32 : DType::Float64;
}

/// Fails the running test when the tensors differ.
inline bool same(const Tensor& ours, const Tensor& expected, const std::string& what,
                 double slack = 1) {
  const std::string text = difference(ours, expected, what, slack);
  if (!text.empty()) qWarning("%s", text.c_str());
  return text.empty();
}

}  // namespace nw::test
