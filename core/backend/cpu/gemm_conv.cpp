#include "core/backend/cpu/gemm_conv.h"

#include "core/backend/cpu/columns.h"
#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/scratch.h"
#include "core/base/parallel.h"

namespace nw::cpu {
namespace {

/// Multiply-adds that a thread should get at least.
constexpr int64_t kGemmConvGrain = int64_t{1} << 17;

/// The matrices of one group of one sample.
struct Matrices {
  int64_t group_in, group_out;
  int64_t rows;     // of the columns: group_in · kernel
  int64_t windows;  // how many columns
  bool is_x;        // the columns are x itself

  explicit Matrices(const ConvGeometry& g)
      : group_in(g.in_channels / g.groups),
        group_out(g.out_channels / g.groups),
        rows(group_in * g.window.kernel_size()),
        windows(g.window.out_size()),
        is_x(g.window.kernel_size() == 1 && g.window.stride == Spatial{1, 1, 1} &&
             g.window.padding == Spatial{0, 0, 0} && g.window.in == g.window.out) {}

  bool empty() const { return rows * windows * group_out == 0; }
  int64_t column_numel() const { return is_x ? 0 : rows * windows; }
};

template <typename T>
Gemm<T> product(int64_t m, int64_t n, int64_t k) {
  Gemm<T> gemm{};
  gemm.m = m;
  gemm.n = n;
  gemm.k = k;
  gemm.a_row = k;
  gemm.a_col = 1;
  gemm.b_row = n;
  gemm.b_col = 1;
  gemm.c_row = n;
  return gemm;
}

template <typename T>
void run(Gemm<T>& gemm, T* scratch) {
  gemm.scratch = scratch;
  fast<T>().gemm(gemm);
}

int64_t grain_of(const Matrices& m) {
  return std::max<int64_t>(kGemmConvGrain / std::max<int64_t>(m.rows * m.windows * m.group_out, 1),
                           1);
}

/// The columns of one group of one sample: x itself, or laid out in `room`.
template <typename T>
const T* columns_of(const ConvGeometry& g, const Matrices& m, const T* x, T* room) {
  if (m.is_x) return x;
  unfold_sample(g.window, m.group_in, x, room);
  return room;
}

}  // namespace

template <typename T>
void gemm_conv(const ConvGeometry& g, const T* x, const T* weight, const T* bias, T* y) {
  const Matrices m(g);
  parallel_for(g.batch * g.groups, grain_of(m), [&](int64_t begin, int64_t end) {
    const Scratch<T> room(m.column_numel());
    const Scratch<T> scratch(gemm_scratch<T>(m.windows, m.rows));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t group = i % g.groups;
      T* to = y + i * m.group_out * m.windows;
      if (m.rows == 0) {
        std::fill(to, to + m.group_out * m.windows, T{0});
      } else {
        auto gemm = product<T>(m.group_out, m.windows, m.rows);
        gemm.a = weight + group * m.group_out * m.rows;
        gemm.b = columns_of(g, m, x + i * m.group_in * g.window.in_size(), room.data());
        gemm.c = to;
        run(gemm, scratch.data());
      }
      if (bias == nullptr) continue;
      for (int64_t o = 0; o < m.group_out; ++o) {
        const T shift = bias[group * m.group_out + o];
        for (int64_t k = 0; k < m.windows; ++k) to[o * m.windows + k] += shift;
      }
    }
  });
}

template <typename T>
void gemm_conv_grad_input(const ConvGeometry& g, const T* grad, const T* weight, T* grad_x) {
  const Matrices m(g);
  const int64_t part = m.group_in * g.window.in_size();
  if (m.empty()) {
    std::fill(grad_x, grad_x + g.batch * g.groups * part, T{0});
    return;
  }
  parallel_for(g.batch * g.groups, grain_of(m), [&](int64_t begin, int64_t end) {
    const Scratch<T> room(m.column_numel());
    const Scratch<T> scratch(gemm_scratch<T>(m.windows, m.group_out));
    for (int64_t i = begin; i < end; ++i) {
      auto gemm = product<T>(m.rows, m.windows, m.group_out);
      gemm.a = weight + i % g.groups * m.group_out * m.rows;
      gemm.a_row = 1;
      gemm.a_col = m.rows;
      gemm.b = grad + i * m.group_out * m.windows;
      gemm.c = m.is_x ? grad_x + i * part : room.data();
      run(gemm, scratch.data());
      if (!m.is_x) fold_sample(g.window, m.group_in, room.data(), grad_x + i * part);
    }
  });
}

namespace {

/// grad_weight and grad_bias (may be null) += those of the samples begin … end − 1.
template <typename T>
void add_grad_weight(const ConvGeometry& g, const Matrices& m, int64_t begin, int64_t end,
                     const T* grad, const T* x, T* grad_weight, T* grad_bias) {
  const int64_t weights = m.group_out * m.rows;
  const Scratch<T> room(m.column_numel());
  const Scratch<T> added(weights);
  const Scratch<T> scratch(gemm_scratch<T>(m.rows, m.windows));
  for (int64_t i = begin * g.groups; i < end * g.groups; ++i) {
    const int64_t group = i % g.groups;
    const T* from = grad + i * m.group_out * m.windows;
    for (int64_t o = 0; grad_bias != nullptr && o < m.group_out; ++o) {
      grad_bias[group * m.group_out + o] +=
          static_cast<T>(fast<T>().sum(from + o * m.windows, 1, m.windows));
    }
    if (m.empty()) continue;
    auto gemm = product<T>(m.group_out, m.rows, m.windows);
    gemm.a = from;
    gemm.b = columns_of(g, m, x + i * m.group_in * g.window.in_size(), room.data());
    gemm.b_row = 1;
    gemm.b_col = m.windows;
    gemm.c = added.data();
    run(gemm, scratch.data());
    fast<T>().axpy(added.data(), 1, 1.0, grad_weight + group * weights, weights);
  }
}

}  // namespace

template <typename T>
void gemm_conv_grad_weight(const ConvGeometry& g, const T* grad, const T* x, T* grad_weight,
                           T* grad_bias) {
  const Matrices m(g);
  const int64_t weights = g.weight_numel();
  const int64_t all = weights + g.out_channels;
  const int64_t pieces = std::clamp<int64_t>(g.batch / grain_of(m), 1, num_threads());
  const Scratch<T> sums(pieces * all);
  std::fill(sums.data(), sums.data() + pieces * all, T{0});
  parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T* own = sums.data() + i * all;
      add_grad_weight(g, m, g.batch * i / pieces, g.batch * (i + 1) / pieces, grad, x, own,
                      grad_bias != nullptr ? own + weights : nullptr);
    }
  });
  for (int64_t i = 1; i < pieces; ++i) {
    fast<T>().axpy(sums.data() + i * all, 1, 1.0, sums.data(), all);
  }
  std::copy_n(sums.data(), weights, grad_weight);
  if (grad_bias != nullptr) std::copy_n(sums.data() + weights, g.out_channels, grad_bias);
}

#define NW_INSTANTIATE(T)                                                          \
  template void gemm_conv(const ConvGeometry&, const T*, const T*, const T*, T*);  \
  template void gemm_conv_grad_input(const ConvGeometry&, const T*, const T*, T*); \
  template void gemm_conv_grad_weight(const ConvGeometry&, const T*, const T*, T*, T*);
NW_INSTANTIATE(float)
NW_INSTANTIATE(double)
#undef NW_INSTANTIATE

}  // namespace nw::cpu
