#include <algorithm>
#include <cmath>
#include <vector>

#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/norm.h"
#include "core/base/parallel.h"

namespace nw::cpu {
namespace {

constexpr std::string_view kOp = "Embedding";

void check_row(int64_t row, int64_t rows) {
  NW_CHECK(row >= 0 && row < rows, "[Embedding] expects indices from 0 to ", rows - 1, ", gets ",
           row);
}

template <typename T>
double norm_of(const T* row, int64_t columns, double p) {
  double total = 0;
  for (int64_t j = 0; j < columns; ++j) {
    const double size = std::abs(static_cast<double>(row[j]));
    if (std::isinf(p)) {
      total = p > 0 ? std::max(total, size) : j == 0 ? size : std::min(total, size);
    } else if (p == 0) {
      total += size != 0 ? 1 : 0;
    } else {
      total += p == 1 ? size : p == 2 ? size * size : std::pow(size, p);
    }
  }
  if (std::isinf(p) || p == 0 || p == 1) return total;
  return p == 2 ? std::sqrt(total) : std::pow(total, 1 / p);
}

/// Where the bags begin and end among the indices, which were checked.
class Spans {
 public:
  Spans(const Tensor& index, const Tensor& offsets, int64_t bags, int64_t rows)
      : offsets_(offsets.data<int64_t>()), known_(offsets.numel()), all_(index.numel()) {
    int64_t last = 0;
    NW_CHECK(known_ == 0 || offsets_[0] == 0,
             "[EmbeddingBag] expects the first offset to be 0, gets ", offsets_[0]);
    for (int64_t b = 0; b < known_; ++b) {
      NW_CHECK(offsets_[b] >= last && offsets_[b] <= all_,
               "[EmbeddingBag] expects rising offsets up to the ", all_, " indices, gets ",
               offsets_[b]);
      last = offsets_[b];
    }
    NW_ASSERT(known_ >= bags);
    for (int64_t i = 0; i < all_; ++i) check_row(index.data<int64_t>()[i], rows);
  }
  int64_t begin(int64_t bag) const { return offsets_[bag]; }
  int64_t end(int64_t bag) const { return bag + 1 < known_ ? offsets_[bag + 1] : all_; }

 private:
  const int64_t* offsets_;
  int64_t known_;
  int64_t all_;
};

/// The entries of a bag that count.
template <typename Body>
void for_entries(const Bags& bags, const Spans& spans, int64_t bag, const int64_t* index,
                 const Body& body) {
  for (int64_t i = spans.begin(bag); i < spans.end(bag); ++i) {
    if (index[i] != bags.padding) body(i, index[i]);
  }
}

int64_t size_of_bag(const Bags& bags, const Spans& spans, int64_t bag, const int64_t* index) {
  int64_t count = 0;
  for_entries(bags, spans, bag, index, [&](int64_t, int64_t) { ++count; });
  return count;
}

template <typename T>
void largest_of_bag(const Bags& bags, const Spans& spans, int64_t bag, const int64_t* index,
                    const T* weight, int64_t columns, T* out, int64_t* chosen) {
  std::fill_n(out, columns, T{0});
  std::fill_n(chosen, columns, int64_t{-1});
  for_entries(bags, spans, bag, index, [&](int64_t, int64_t row) {
    const T* from = weight + row * columns;
    for (int64_t j = 0; j < columns; ++j) {
      if (chosen[j] >= 0 && !(from[j] > out[j])) continue;
      out[j] = from[j];
      chosen[j] = row;
    }
  });
}

template <typename T>
void sum_of_bag(const Bags& bags, const Spans& spans, int64_t bag, const int64_t* index,
                const T* weight, const T* scales, int64_t columns, T* out) {
  std::fill_n(out, columns, T{0});
  for_entries(bags, spans, bag, index, [&](int64_t i, int64_t row) {
    const T* from = weight + row * columns;
    const T scale = scales != nullptr ? scales[i] : T{1};
    for (int64_t j = 0; j < columns; ++j) out[j] += from[j] * scale;
  });
  const int64_t count = bags.mode == BagMode::Mean ? size_of_bag(bags, spans, bag, index) : 0;
  if (count == 0) return;
  for (int64_t j = 0; j < columns; ++j) out[j] /= static_cast<T>(count);
}

/// What the gradients of the rows are divided by: how often index names them, or almost. PyTorch
/// 1.13 takes for the u-th of the different rows, in their order, the count of the u-th of all.
std::vector<int64_t> divisors(const int64_t* index, int64_t count, int64_t rows) {
  std::vector<int64_t> counts(static_cast<size_t>(rows));
  for (int64_t i = 0; i < count; ++i) ++counts[static_cast<size_t>(index[i])];
  std::vector<int64_t> sorted(index, index + count);
  std::sort(sorted.begin(), sorted.end());
  std::vector<int64_t> out(counts.size());
  size_t different = 0;
  for (size_t row = 0; row < counts.size(); ++row) {
    if (counts[row] > 0) out[row] = counts[static_cast<size_t>(sorted[different++])];
  }
  return out;
}

/// The backward of a bag for the columns begin … end − 1 of the weight.
template <typename T>
void scatter_bag(const Bags& bags, const Spans& spans, int64_t bag, const int64_t* index,
                 const T* grad, const T* scales, const int64_t* chosen, const int64_t* frequency,
                 int64_t columns, int64_t begin, int64_t end, T* grad_weight) {
  const T* from = grad + bag * columns;
  if (bags.mode == BagMode::Max) {
    for (int64_t j = begin; j < end; ++j) {
      const int64_t row = chosen[bag * columns + j];
      if (row >= 0) grad_weight[row * columns + j] += from[j];
    }
    return;
  }
  const double share =
      bags.mode == BagMode::Mean
          ? 1 / static_cast<double>(std::max<int64_t>(1, size_of_bag(bags, spans, bag, index)))
          : 1;
  for_entries(bags, spans, bag, index, [&](int64_t i, int64_t row) {
    double scale = scales != nullptr ? static_cast<double>(scales[i]) : share;
    if (frequency != nullptr) scale /= static_cast<double>(frequency[row]);
    T* to = grad_weight + row * columns;
    for (int64_t j = begin; j < end; ++j) to[j] += from[j] * static_cast<T>(scale);
  });
}

int64_t rows_grain(int64_t work) {
  return std::max<int64_t>(1, kGrain / std::max<int64_t>(1, work));
}

}  // namespace

void renorm_rows(const Tensor& index, double max_norm, double p, const Tensor& weight) {
  const int64_t rows = weight.size(0);
  const int64_t columns = weight.size(1);
  const int64_t* given = index.data<int64_t>();
  std::vector<int64_t> chosen(given, given + index.numel());
  std::sort(chosen.begin(), chosen.end());
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  if (chosen.empty()) return;
  check_row(chosen.front(), rows);
  check_row(chosen.back(), rows);
  with_floating(weight, kOp, [&](auto type) {
    using T = decltype(type);
    for (const int64_t which : chosen) {
      T* row = weight.data<T>() + which * columns;
      const double norm = norm_of(row, columns, p);
      if (!(norm > max_norm)) continue;
      const T scale = static_cast<T>(max_norm / (norm + 1e-7));
      for (int64_t j = 0; j < columns; ++j) row[j] *= scale;
    }
  });
}

void bag_rows(const Bags& bags, const Tensor& index, const Tensor& offsets, const Tensor& weight,
              const Tensor& scales, const Tensor& chosen, const Tensor& out) {
  const int64_t columns = weight.size(1);
  const Spans spans(index, offsets, out.size(0), weight.size(0));
  const int64_t* rows = index.data<int64_t>();
  with_floating(weight, kOp, [&](auto type) {
    using T = decltype(type);
    const T* factors = data_or_null<T>(scales);
    const int64_t work = columns * index.numel() / std::max<int64_t>(1, out.size(0));
    parallel_for(out.size(0), rows_grain(work), [&](int64_t begin, int64_t end) {
      for (int64_t bag = begin; bag < end; ++bag) {
        T* to = out.data<T>() + bag * columns;
        if (bags.mode == BagMode::Max) {
          largest_of_bag(bags, spans, bag, rows, weight.data<T>(), columns, to,
                         chosen.data<int64_t>() + bag * columns);
        } else {
          sum_of_bag(bags, spans, bag, rows, weight.data<T>(), factors, columns, to);
        }
      }
    });
  });
}

void bag_rows_grad(const Bags& bags, bool by_frequency, const Tensor& grad, const Tensor& index,
                   const Tensor& offsets, const Tensor& weight, const Tensor& scales,
                   const Tensor& chosen, const Tensor& grad_weight, const Tensor& grad_scales) {
  const int64_t columns = weight.size(1);
  const int64_t count = grad.size(0);
  const Spans spans(index, offsets, count, weight.size(0));
  const int64_t* rows = index.data<int64_t>();
  const std::vector<int64_t> frequency =
      by_frequency ? divisors(rows, index.numel(), weight.size(0)) : std::vector<int64_t>();
  with_floating(weight, kOp, [&](auto type) {
    using T = decltype(type);
    const T* from = grad.data<T>();
    const T* factors = data_or_null<T>(scales);
    const int64_t* maxima = data_or_null<int64_t>(chosen);
    if (T* to = data_or_null<T>(grad_weight)) {
      std::fill_n(to, grad_weight.numel(), T{0});
      // By columns, so that no two threads add to one number.
      parallel_for(columns, rows_grain(index.numel()), [&](int64_t begin, int64_t end) {
        for (int64_t bag = 0; bag < count; ++bag) {
          scatter_bag(bags, spans, bag, rows, from, factors, maxima,
                      by_frequency ? frequency.data() : nullptr, columns, begin, end, to);
        }
      });
    }
    if (T* to = data_or_null<T>(grad_scales)) {
      std::fill_n(to, grad_scales.numel(), T{0});
      for (int64_t bag = 0; bag < count; ++bag) {
        for_entries(bags, spans, bag, rows, [&](int64_t i, int64_t row) {
          double total = 0;
          for (int64_t j = 0; j < columns; ++j) {
            total += static_cast<double>(from[bag * columns + j]) *
                     static_cast<double>(weight.data<T>()[row * columns + j]);
          }
          to[i] = static_cast<T>(total);
        });
      }
    }
  });
}

}  // namespace nw::cpu
