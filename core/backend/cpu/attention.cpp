#include "core/backend/cpu/attention.h"

#include <algorithm>

#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/scratch.h"
#include "core/backend/cpu/widen.h"
#include "core/base/parallel.h"

namespace nw::cpu {
namespace {

/// One head's matrix: element (i, j) lies at data[i · row + j · column].
template <typename T>
struct Matrix {
  T* data = nullptr;
  int64_t row = 0;
  int64_t column = 1;

  Matrix transposed() const { return {data, column, row}; }
};

template <typename T>
Matrix<T> head_of(const Tensor& x, int64_t sample, int64_t head) {
  if (!x.defined()) return {};
  const Dims& strides = x.strides();
  return {x.data<T>() + sample * strides[0] + head * strides[1], strides[2], strides[3]};
}

/// c (m, n) = a (m, k) · b (k, n)
template <typename T>
void product(int64_t m, int64_t n, int64_t k, Matrix<T> a, Matrix<T> b, Matrix<T> c, T* scratch) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for (int64_t i = 0; i < m; ++i) std::fill_n(c.data + i * c.row, n, T{0});
    return;
  }
  fast<T>().gemm(Gemm<T>{m, n, k, a.data, a.row, a.column, b.data, b.row, b.column, c.data, c.row,
                         nullptr, scratch});
}

/// The sizes of all heads' matrices, and room for the products of one.
template <typename T>
struct Extents {
  explicit Extents(const Tensor& q, const Tensor& k)
      : heads(q.size(1)), queries(q.size(2)), keys(k.size(2)), width(q.size(3)) {}

  int64_t weights() const { return queries * keys; }
  int64_t room() const {
    const int64_t longest = std::max({queries, keys, width});
    return gemm_scratch<T>(longest, longest);
  }

  int64_t heads, queries, keys, width;
};

/// scores = scores · scale + mask
template <typename T>
void scale_and_mask(T* scores, T scale, Matrix<T> mask, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; ++i, scores += columns) {
    if (mask.data == nullptr) {
      for (int64_t j = 0; j < columns; ++j) scores[j] *= scale;
      continue;
    }
    const T* added = mask.data + i * mask.row;
    for (int64_t j = 0; j < columns; ++j) scores[j] = scores[j] * scale + added[j * mask.column];
  }
}

/// out = x · kept · scale
template <typename T>
void drop(const T* x, const T* kept, T scale, T* out, int64_t count) {
  for (int64_t i = 0; i < count; ++i) out[i] = x[i] * (kept[i] * scale);
}

void forward(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
             const Tensor& kept, double scale, double keep_scale, const Tensor& weights,
             const Tensor& out) {
  with_floating(q, "attention", [&](auto type) {
    using T = decltype(type);
    const Extents<T> size(q, k);
    parallel_for(q.size(0) * size.heads, 1, [&](int64_t begin, int64_t end) {
      const Scratch<T> room(size.room());
      const Scratch<T> dropped(kept.defined() ? size.weights() : 0);
      for (int64_t i = begin; i < end; ++i) {
        const auto of = [&](const Tensor& x) {
          return head_of<T>(x, i / size.heads, i % size.heads);
        };
        T* scores = weights.data<T>() + i * size.weights();
        Matrix<T> factors{scores, size.keys};
        product(size.queries, size.keys, size.width, of(q), of(k).transposed(), factors,
                room.data());
        scale_and_mask(scores, static_cast<T>(scale), of(mask), size.queries, size.keys);
        if (size.keys > 0) fast<T>().softmax(scores, false, scores, size.queries, size.keys);
        if (kept.defined()) {
          drop(scores, kept.data<T>() + i * size.weights(), static_cast<T>(keep_scale),
               dropped.data(), size.weights());
          factors.data = dropped.data();
        }
        product(size.queries, size.width, size.keys, factors, of(v), of(out), room.data());
      }
    });
  });
}

void backward(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& kept, double scale,
              double keep_scale, const Tensor& weights, const Tensor& grad_out,
              const Tensor& grad_weights, const Tensor& grad_q, const Tensor& grad_k,
              const Tensor& grad_v, const Tensor& grad_mask) {
  with_floating(q, "attention", [&](auto type) {
    using T = decltype(type);
    const Extents<T> size(q, k);
    const int64_t count = size.weights();
    parallel_for(q.size(0) * size.heads, 1, [&](int64_t begin, int64_t end) {
      const Scratch<T> room(size.room());
      const Scratch<T> dropped(kept.defined() ? count : 0);
      const Scratch<T> grads(count);
      for (int64_t i = begin; i < end; ++i) {
        const auto of = [&](const Tensor& x) {
          return head_of<T>(x, i / size.heads, i % size.heads);
        };
        const T* kept_here = kept.defined() ? kept.data<T>() + i * count : nullptr;
        T* softmax = weights.data<T>() + i * count;
        Matrix<T> factors{softmax, size.keys};
        if (kept_here != nullptr) {
          drop<T>(softmax, kept_here, static_cast<T>(keep_scale), dropped.data(), count);
          factors.data = dropped.data();
        }
        product(size.keys, size.width, size.queries, factors.transposed(), of(grad_out), of(grad_v),
                room.data());

        // Back through the weights to the scores.
        const Matrix<T> scores{grads.data(), size.keys};
        product(size.queries, size.keys, size.width, of(grad_out), of(v).transposed(), scores,
                room.data());
        if (grad_weights.defined()) {
          const T* more = grad_weights.data<T>() + i * count;
          for (int64_t j = 0; j < count; ++j) grads[j] += more[j];
        }
        if (kept_here != nullptr) {
          drop<T>(grads.data(), kept_here, static_cast<T>(keep_scale), grads.data(), count);
        }
        fast<T>().softmax_grad(grads.data(), softmax, false, grads.data(), size.queries, size.keys);
        if (grad_mask.defined()) {
          std::copy_n(grads.data(), count, grad_mask.data<T>() + i * count);
        }
        scale_and_mask(grads.data(), static_cast<T>(scale), {}, size.queries, size.keys);
        product(size.queries, size.width, size.keys, scores, of(k), of(grad_q), room.data());
        product(size.keys, size.width, size.queries, scores.transposed(), of(q), of(grad_k),
                room.data());
      }
    });
  });
}

}  // namespace

const AttentionKernels kAttentionKernels{.forward = widened<forward, 2>,
                                         .backward = widened<backward, 4>};

}  // namespace nw::cpu
