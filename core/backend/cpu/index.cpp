#include "core/backend/cpu/index.h"

#include <algorithm>
#include <cstring>

#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/items.h"
#include "core/backend/cpu/walk.h"

namespace nw::cpu {
namespace {

template <typename T>
T* numbers(const Tensor& tensor) {
  return static_cast<T*>(tensor.raw());
}

/// Indices along one dimension in dense memory, each checked against its size.
class Indices {
 public:
  Indices(const Tensor& index, int64_t size) : values_(index.data<int64_t>()), step_(1) {
    if (index.dim() > 0) step_ = index.strides()[0];
    for (int64_t i = 0; i < index.numel(); ++i) {
      const int64_t value = (*this)[i];
      NW_CHECK(value >= 0 && value < size, "[index_select] index ", value, " is outside 0 … ",
               size - 1);
    }
  }
  int64_t operator[](int64_t i) const { return values_[i * step_]; }

 private:
  const int64_t* values_;
  int64_t step_;
};

template <typename T>
void copy_items(const T* from, int64_t from_step, T* to, int64_t to_step, int64_t count) {
  if (from_step == 1 && to_step == 1) {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
    return;
  }
  for (int64_t i = 0; i < count; ++i) to[i * to_step] = from[i * from_step];
}

template <typename T>
void add_items(const T* from, int64_t from_step, T* to, int64_t to_step, int64_t count) {
  if (from_step == 1 && to_step == 1) {
    for (int64_t i = 0; i < count; ++i) to[i] = plus(to[i], from[i]);
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    to[i * to_step] = plus(to[i * to_step], from[i * from_step]);
  }
}

/// Adds the columns begin … end−1 of all rows of source (n, inner) to rows of out.
template <typename T>
void add_columns(const Tensor& source, const Indices& indices, const Tensor& out, int64_t outer,
                 int64_t begin, int64_t end) {
  const Dims& steps = source.strides();
  const Dims& out_steps = out.strides();
  const T* from = numbers<T>(source) + outer * steps[0] + begin * steps[2];
  T* to = numbers<T>(out) + outer * out_steps[0] + begin * out_steps[2];
  for (int64_t i = 0; i < source.size(1); ++i) {
    add_items(from + i * steps[1], steps[2], to + indices[i] * out_steps[1], out_steps[2],
              end - begin);
  }
}

}  // namespace

void index_select(const Tensor& x, const Tensor& index, const Tensor& out) {
  const Indices indices(index, x.size(1));
  const int64_t count = out.size(1);
  const int64_t inner = out.size(2);
  if (out.numel() == 0) return;
  with_item_size(x.dtype(), [&](auto item) {
    using T = decltype(item);
    const int64_t grain = std::max<int64_t>(kGrain / inner, 1);
    parallel_for(out.size(0) * count, grain, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t outer = row / count;
        const int64_t i = row % count;
        copy_items(numbers<T>(x) + outer * x.strides()[0] + indices[i] * x.strides()[1],
                   x.strides()[2],
                   numbers<T>(out) + outer * out.strides()[0] + i * out.strides()[1],
                   out.strides()[2], inner);
      }
    });
  });
}

void index_add(const Tensor& source, const Tensor& index, const Tensor& out) {
  const Indices indices(index, out.size(1));
  if (source.numel() == 0) return;
  // Every thread takes columns of its own, or whole outer parts: no two write to one place.
  const int64_t outers = source.size(0);
  const int64_t inner = source.size(2);
  const int64_t columns = outers >= num_threads() ? inner : std::min<int64_t>(inner, 64);
  const int64_t pieces = (inner + columns - 1) / columns;
  const int64_t work = std::max<int64_t>(source.size(1) * columns, 1);
  with_any_type(source.dtype(), [&](auto type) {
    using T = decltype(type);
    parallel_for(outers * pieces, std::max<int64_t>(kGrain / work, 1),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i) {
                     const int64_t first = i % pieces * columns;
                     add_columns<T>(source, indices, out, i / pieces, first,
                                    std::min(first + columns, inner));
                   }
                 });
  });
}

namespace {

/// Strides of `x` with those along `dim` left to the index, and the step that an index makes.
struct Along {
  Along(const Tensor& x, size_t dim) : strides(x.strides()), step(strides[dim]) {
    strides[dim] = 0;
  }
  Dims strides;
  int64_t step;
};

void check_range(const Tensor& index, int64_t size, std::string_view op) {
  const Walk<1> walk(index.sizes(), {&index.strides()});
  const auto* values = index.data<int64_t>();
  walk.for_rows(0, walk.rows(), [&](const auto& at) {
    for (int64_t i = 0; i < walk.length(); ++i) {
      const int64_t value = values[at[0] + i * walk.strides()[0]];
      NW_CHECK(value >= 0 && value < size, "[", op, "] index ", value, " is outside 0 … ",
               size - 1);
    }
  });
}

}  // namespace

void gather(const Tensor& x, const Tensor& index, int64_t dim, const Tensor& out) {
  const auto d = static_cast<size_t>(dim);
  check_range(index, x.sizes()[d], "gather");
  const Along from(x, d);
  const Walk<3> walk(index.sizes(), {&from.strides, &index.strides(), &out.strides()});
  const auto* indices = index.data<int64_t>();
  with_item_size(x.dtype(), [&](auto item) {
    using T = decltype(item);
    parallel_walk(walk, kGrain, [&](const auto& at, int64_t count) {
      const auto& steps = walk.strides();
      for (int64_t i = 0; i < count; ++i) {
        const int64_t place = indices[at[1] + i * steps[1]] * from.step;
        numbers<T>(out)[at[2] + i * steps[2]] = numbers<T>(x)[at[0] + i * steps[0] + place];
      }
    });
  });
}

namespace {

/// Puts everything, one after the other.
template <typename T, typename Join>
void scatter_part(const Tensor& source, const Tensor& index, size_t dim, const Tensor& out,
                  const Join& join) {
  const Along to(out, dim);
  const Walk<3> walk(index.sizes(), {&source.strides(), &index.strides(), &to.strides});
  const auto* indices = index.data<int64_t>();
  const auto& steps = walk.strides();
  walk.for_rows(0, walk.rows(), [&](const auto& at) {
    for (int64_t i = 0; i < walk.length(); ++i) {
      const int64_t place = indices[at[1] + i * steps[1]] * to.step;
      T& target = numbers<T>(out)[at[2] + i * steps[2] + place];
      target = join(target, numbers<T>(source)[at[0] + i * steps[0]]);
    }
  });
}

Tensor narrowed(const Tensor& x, size_t dim, int64_t begin, int64_t end) {
  Dims sizes = x.sizes();
  sizes[dim] = end - begin;
  return x.as_strided(sizes, x.strides(), x.offset() + begin * x.strides()[dim]);
}

/// The same in parts along a dimension other than `dim`, which never write to one place.
template <typename T, typename Join>
void scatter_as(const Tensor& source, const Tensor& index, size_t dim, const Tensor& out,
                const Join& join) {
  size_t across = dim;
  for (size_t i = 0; i < index.sizes().size(); ++i) {
    if (i == dim) continue;
    if (across == dim || index.sizes()[i] > index.sizes()[across]) across = i;
  }
  if (across == dim) return scatter_part<T>(source, index, dim, out, join);
  const int64_t length = index.sizes()[across];
  const int64_t grain = std::max<int64_t>(kGrain * length / std::max<int64_t>(index.numel(), 1), 1);
  parallel_for(length, grain, [&](int64_t begin, int64_t end) {
    scatter_part<T>(narrowed(source, across, begin, end), narrowed(index, across, begin, end), dim,
                    narrowed(out, across, begin, end), join);
  });
}

}  // namespace

void scatter(const Tensor& source, const Tensor& index, int64_t dim, PutMode mode,
             const Tensor& out) {
  const auto d = static_cast<size_t>(dim);
  check_range(index, out.sizes()[d], "scatter");
  if (index.numel() == 0) return;
  if (mode == PutMode::Add) {
    with_any_type(out.dtype(), [&](auto type) {
      using T = decltype(type);
      scatter_as<T>(source, index, d, out, plus<T>);
    });
  } else {
    with_item_size(out.dtype(), [&](auto item) {
      using T = decltype(item);
      scatter_as<T>(source, index, d, out, [](const T&, const T& given) { return given; });
    });
  }
}

const IndexKernels kIndexKernels{
    .index_select = index_select,
    .index_add = index_add,
    .gather = gather,
    .scatter = scatter,
    .offsets = index_offsets,
    .take = take,
    .put = put,
    .masked_fill = masked_fill,
    .count_nonzero = count_nonzero,
    .nonzero = nonzero,
    .triangle = triangle,
    .sort = sort,
    .topk = topk,
};

}  // namespace nw::cpu
