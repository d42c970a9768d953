#include <algorithm>
#include <numeric>
#include <random>

#include "tests/simulator/libraries/cudnn_conv.h"

namespace nw::simulated::dnn {
namespace {

/// A convolution in three spatial dimensions, of which the first may be 1.
struct Sizes {
  int64_t n, c, k, groups;  // images, channels of x and of y
  int64_t x[3], w[3], y[3], padding[3], stride[3], dilation[3];

  explicit Sizes(const ConvProblem& p)
      : n(p.x.sizes[0]), c(p.x.sizes[1]), k(p.y.sizes[1]), groups(p.conv.groups) {
    const int missing = 3 - p.conv.rank;
    for (int d = 0; d < 3; ++d) {
      const bool there = d >= missing;
      const int from = d - missing;
      x[d] = there ? p.x.sizes[from + 2] : 1;
      w[d] = there ? p.weight.sizes[from + 2] : 1;
      y[d] = there ? p.y.sizes[from + 2] : 1;
      padding[d] = there ? p.conv.padding[from] : 0;
      stride[d] = there ? p.conv.stride[from] : 1;
      dilation[d] = there ? p.conv.dilation[from] : 1;
    }
  }
};

/// The windows of one dimension in which a place of the window lies inside the image.
struct Run {
  int64_t begin, end;  // windows
  int64_t shift;       // window · stride + shift is the place in the image

  Run(const Sizes& s, int d, int64_t at)
      : begin(0), end(s.y[d]), shift(at * s.dilation[d] - s.padding[d]) {
    while (begin < end && begin * s.stride[d] + shift < 0) ++begin;
    while (end > begin && (end - 1) * s.stride[d] + shift >= s.x[d]) --end;
  }
};

/// Of one pair of channels: calls row(x place, weight place, y place, count) for each row of
/// windows; neighbours are stride[2] apart in x and 1 in y.
template <typename Row>
void rows_of(const Sizes& s, int64_t x_plane, int64_t w_plane, int64_t y_plane, const Row& row) {
  for (int64_t a = 0; a < s.w[0]; ++a) {
    const Run deep(s, 0, a);
    for (int64_t b = 0; b < s.w[1]; ++b) {
      const Run high(s, 1, b);
      for (int64_t c = 0; c < s.w[2]; ++c) {
        const Run wide(s, 2, c);
        if (wide.begin == wide.end) continue;
        const int64_t w_place = w_plane + (a * s.w[1] + b) * s.w[2] + c;
        for (int64_t i = deep.begin; i < deep.end; ++i) {
          for (int64_t j = high.begin; j < high.end; ++j) {
            const int64_t x_row =
                (i * s.stride[0] + deep.shift) * s.x[1] + j * s.stride[1] + high.shift;
            row(x_plane + x_row * s.x[2] + wide.begin * s.stride[2] + wide.shift, w_place,
                y_plane + (i * s.y[1] + j) * s.y[2] + wide.begin, wide.end - wide.begin);
          }
        }
      }
    }
  }
}

/// Goes through all pairs of channels of all images. The order decides how sums are rounded.
template <typename Row>
void rows_of_all(const Sizes& s, const std::vector<int64_t>& images, bool backwards,
                 const Row& row) {
  const auto volume = [](const int64_t* size) { return size[0] * size[1] * size[2]; };
  const int64_t inner = s.c / s.groups;
  const int64_t outer = s.k / s.groups;
  for (const int64_t n : images) {
    for (int64_t k = 0; k < s.k; ++k) {
      for (int64_t i = 0; i < inner; ++i) {
        const int64_t c = backwards ? inner - 1 - i : i;
        rows_of(s, (n * s.c + k / outer * inner + c) * volume(s.x), (k * inner + c) * volume(s.w),
                (n * s.k + k) * volume(s.y), row);
      }
    }
  }
}

/// Sums that do not repeat bit for bit are made in a new order each time.
std::vector<int64_t> order_of_images(const Sizes& s, bool repeats) {
  static thread_local std::mt19937 random{std::random_device{}()};
  std::vector<int64_t> order(static_cast<size_t>(s.n));
  std::iota(order.begin(), order.end(), 0);
  if (!repeats) std::shuffle(order.begin(), order.end(), random);
  return order;
}

template <typename T>
class Convolution {
 public:
  Convolution(Pass pass, const ConvProblem& problem, const ConvAlgorithm& algorithm,
              const ConvOperands& operands)
      : pass_(pass),
        sizes_(problem),
        images_(order_of_images(sizes_, algorithm.repeats)),
        backwards_((algorithm.number % 2 == 1) != (!algorithm.repeats && random_bit())),
        x_(gather(Pass::Input, problem.x, operands.x, algorithm)),
        weight_(gather(Pass::Weight, problem.weight, operands.weight, algorithm)),
        y_(gather(Pass::Forward, problem.y, operands.y, algorithm)) {}

  const std::vector<T>& run() {
    const int64_t step = sizes_.stride[2];
    switch (pass_) {
      case Pass::Forward:
        rows_of_all(sizes_, images_, backwards_, [&](auto x, auto w, auto y, auto count) {
          const T factor = weight_[static_cast<size_t>(w)];
          for (int64_t i = 0; i < count; ++i) y_data()[y + i] += factor * x_data()[x + i * step];
        });
        return y_;
      case Pass::Input:
        rows_of_all(sizes_, images_, backwards_, [&](auto x, auto w, auto y, auto count) {
          const T factor = weight_[static_cast<size_t>(w)];
          for (int64_t i = 0; i < count; ++i) x_data()[x + i * step] += factor * y_data()[y + i];
        });
        return x_;
      default:
        rows_of_all(sizes_, images_, backwards_, [&](auto x, auto w, auto y, auto count) {
          T sum{};
          for (int64_t i = 0; i < count; ++i) sum += x_data()[x + i * step] * y_data()[y + i];
          weight_[static_cast<size_t>(w)] += sum;
        });
        return weight_;
    }
  }

 private:
  static bool random_bit() {
    static thread_local std::mt19937 random{std::random_device{}()};
    return (random() & 1) != 0;
  }

  /// What the pass reads, or zeros for what it computes.
  std::vector<T> gather(Pass result_of, const Shape& shape, const void* memory,
                        const ConvAlgorithm& algorithm) const {
    if (result_of == pass_) return std::vector<T>(static_cast<size_t>(shape.numel()));
    std::vector<T> values = read<T>(shape, memory);
    if (shape.type == Number::Float32 && algorithm.math != CUDNN_FMA_MATH) round_to_tf32(values);
    return values;
  }

  T* x_data() { return x_.data(); }
  T* y_data() { return y_.data(); }

  Pass pass_;
  Sizes sizes_;
  std::vector<int64_t> images_;
  bool backwards_;
  std::vector<T> x_, weight_, y_;
};

}  // namespace

void compute(Pass pass, const ConvProblem& problem, const ConvAlgorithm& algorithm,
             const ConvOperands& operands, double alpha, double beta) {
  const Shape& shape = pass == Pass::Forward ? problem.y
                       : pass == Pass::Input ? problem.x
                                             : problem.weight;
  void* to = pass == Pass::Forward ? operands.y
             : pass == Pass::Input ? operands.x
                                   : operands.weight;
  with_sums(problem.x.type, [&](auto zero) {
    using T = decltype(zero);
    Convolution<T> convolution(pass, problem, algorithm, operands);
    write<T>(shape, to, convolution.run(), alpha, beta);
  });
}

}  // namespace nw::simulated::dnn
