#include "core/tensor/shape.h"

namespace nw {

int64_t numel(const Dims& sizes) {
  int64_t product = 1;
  bool overflow = false;
  bool zero = false;
  for (int64_t size : sizes) {
    NW_CHECK(size >= 0, "[shape] sizes cannot be negative: ", to_string(sizes));
    zero = zero || size == 0;
    if (!zero) overflow = overflow || __builtin_mul_overflow(product, size, &product);
  }
  if (zero) return 0;
  NW_CHECK(!overflow, "[shape] is too large: ", to_string(sizes));
  return product;
}

Dims contiguous_strides(const Dims& sizes) {
  Dims strides(sizes.size());
  int64_t step = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    strides[i] = step;
    step *= sizes[i] > 0 ? sizes[i] : 1;
  }
  return strides;
}

Dims channels_last_strides(const Dims& sizes) {
  NW_ASSERT(sizes.size() >= 3);
  Dims strides(sizes.size());
  int64_t step = 1;
  strides[1] = step;
  step *= sizes[1];
  for (size_t i = sizes.size(); i-- > 2;) {
    strides[i] = step;
    step *= sizes[i];
  }
  strides[0] = step;
  return strides;
}

bool is_dense_any_order(const Dims& sizes, const Dims& strides) {
  SmallVector<size_t, kMaxDims> order;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) return true;
    if (sizes[i] != 1) order.push_back(i);
  }
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return strides[a] < strides[b]; });
  int64_t step = 1;
  for (size_t i : order) {
    if (strides[i] != step) return false;
    step *= sizes[i];
  }
  return true;
}

Dims broadcast(const Dims& a, const Dims& b, std::string_view op) {
  const size_t rank = std::max(a.size(), b.size());
  Dims out(rank);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t left = i < rank - a.size() ? 1 : a[i - (rank - a.size())];
    const int64_t right = i < rank - b.size() ? 1 : b[i - (rank - b.size())];
    NW_CHECK(left == right || left == 1 || right == 1, "[", op, "] cannot broadcast ", to_string(a),
             " with ", to_string(b), ": ", left, " and ", right, " differ in dimension ", i);
    out[i] = left == 1 ? right : left;
  }
  return out;
}

int64_t wrap_dim(int64_t dim, int64_t rank, std::string_view op) {
  const int64_t span = rank == 0 ? 1 : rank;
  NW_CHECK(dim >= -span && dim < span, "[", op, "] dimension ", dim, " is outside ", -span, " … ",
           span - 1, " of a tensor with ", rank, " dimensions");
  return dim < 0 ? dim + span : dim;
}

std::string to_string(const Dims& sizes) {
  if (sizes.empty()) return "scalar";
  std::string text;
  for (int64_t size : sizes) {
    if (!text.empty()) text += "×";
    text += std::to_string(size);
  }
  return text;
}

}  // namespace nw
