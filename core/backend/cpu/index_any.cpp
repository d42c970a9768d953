#include <algorithm>
#include <numeric>

#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/index.h"
#include "core/backend/cpu/items.h"
#include "core/backend/cpu/walk.h"

// Indexing by several tensors, masks and triangles.
namespace nw::cpu {
namespace {

template <typename T>
T* numbers(const Tensor& tensor) {
  return static_cast<T*>(tensor.raw());
}

/// What follows the first dimension of (n, rest…).
Dims rest_of(const Dims& all) {
  return Dims(all.begin() + 1, all.end());
}

}  // namespace

void index_offsets(std::span<const Tensor> indices, const Dims& sizes, const Dims& strides,
                   const Tensor& out) {
  auto* sums = out.data<int64_t>();
  const int64_t count = out.numel();
  std::fill(sums, sums + count, 0);
  for (size_t k = 0; k < indices.size(); ++k) {
    const auto* values = indices[k].data<int64_t>();
    const int64_t size = sizes[k];
    for (int64_t i = 0; i < count; ++i) {
      const int64_t value = values[i];
      NW_CHECK(value >= -size && value < size, "[index] index ", value, " is outside ", -size,
               " … ", size - 1, " of dimension ", k, " among the indexed ones");
      sums[i] += (value < 0 ? value + size : value) * strides[k];
    }
  }
}

void take(const Tensor& x, const Tensor& offsets, const Tensor& out) {
  const Dims out_strides = rest_of(out.strides());
  const Walk<2> rest(x.sizes(), {&x.strides(), &out_strides});
  const int64_t items = std::max<int64_t>(x.numel(), 1);
  const auto* places = offsets.data<int64_t>();
  with_item_size(x.dtype(), [&](auto item) {
    using T = decltype(item);
    parallel_for(out.size(0), std::max<int64_t>(kGrain / items, 1),
                 [&](int64_t begin, int64_t end) {
                   const auto [from_step, to_step] = rest.strides();
                   for (int64_t i = begin; i < end; ++i) {
                     const T* from = numbers<T>(x) + places[i];
                     T* to = numbers<T>(out) + i * out.strides()[0];
                     rest.for_rows(0, rest.rows(), [&](const auto& at) {
                       for (int64_t j = 0; j < rest.length(); ++j) {
                         to[at[1] + j * to_step] = from[at[0] + j * from_step];
                       }
                     });
                   }
                 });
  });
}

namespace {

template <typename T, typename Join>
void put_as(const Tensor& source, const Tensor& offsets, const Tensor& out, const Join& join) {
  const Dims source_strides = rest_of(source.strides());
  const Walk<2> rest(out.sizes(), {&source_strides, &out.strides()});
  const auto [from_step, to_step] = rest.strides();
  const auto* places = offsets.data<int64_t>();
  for (int64_t i = 0; i < source.size(0); ++i) {
    const T* from = numbers<T>(source) + i * source.strides()[0];
    T* to = numbers<T>(out) + places[i];
    rest.for_rows(0, rest.rows(), [&, step = from_step, out_step = to_step](const auto& at) {
      for (int64_t j = 0; j < rest.length(); ++j) {
        T& target = to[at[1] + j * out_step];
        target = join(target, from[at[0] + j * step]);
      }
    });
  }
}

}  // namespace

void put(const Tensor& source, const Tensor& offsets, PutMode mode, const Tensor& out) {
  if (source.numel() == 0) return;
  if (mode == PutMode::Add) {
    with_any_type(out.dtype(), [&](auto type) {
      using T = decltype(type);
      put_as<T>(source, offsets, out, plus<T>);
    });
  } else {
    with_item_size(out.dtype(), [&](auto item) {
      using T = decltype(item);
      put_as<T>(source, offsets, out, [](const T&, const T& given) { return given; });
    });
  }
}

void masked_fill(const Tensor& mask, const Tensor& value, const Tensor& out) {
  const Walk<2> walk(out.sizes(), {&mask.strides(), &out.strides()});
  with_item_size(out.dtype(), [&](auto item) {
    using T = decltype(item);
    const T given = *numbers<T>(value);
    parallel_walk(walk, kGrain, [&](const auto& at, int64_t count) {
      const bool* marks = mask.data<bool>() + at[0];
      T* to = numbers<T>(out) + at[1];
      const int64_t step = walk.strides()[0];
      const int64_t to_step = walk.strides()[1];
      for (int64_t i = 0; i < count; ++i) {
        if (marks[i * step]) to[i * to_step] = given;
      }
    });
  });
}

void count_nonzero(const Tensor& x, const Tensor& count) {
  const Walk<1> walk(x.sizes(), {&x.strides()});
  int64_t found = 0;
  with_any_type(x.dtype(), [&](auto type) {
    using T = decltype(type);
    const int64_t step = walk.strides()[0];
    walk.for_rows(0, walk.rows(), [&](const auto& at) {
      const T* row = numbers<T>(x) + at[0];
      for (int64_t i = 0; i < walk.length(); ++i) found += is_zero(row[i * step]) ? 0 : 1;
    });
  });
  *count.data<int64_t>() = found;
}

void nonzero(const Tensor& x, const Tensor& out) {
  auto* to = out.data<int64_t>();
  const Dims& sizes = x.sizes();
  Dims position(sizes.size());
  with_any_type(x.dtype(), [&](auto type) {
    using T = decltype(type);
    const T* from = numbers<T>(x);
    for (int64_t left = x.numel(); left > 0; --left) {
      int64_t offset = 0;
      for (size_t d = 0; d < sizes.size(); ++d) offset += position[d] * x.strides()[d];
      if (!is_zero(from[offset])) to = std::copy(position.begin(), position.end(), to);
      for (size_t d = sizes.size(); d-- > 0;) {
        if (++position[d] < sizes[d]) break;
        position[d] = 0;
      }
    }
  });
}

void triangle(const Tensor& x, int64_t diagonal, bool upper, const Tensor& out) {
  const size_t rank = x.sizes().size();
  const int64_t columns = x.sizes()[rank - 1];
  const auto without_columns = [&](const Dims& all) { return Dims(all.begin(), all.end() - 1); };
  // The row number, walked along as a third operand that only the second last dimension moves.
  Dims row_steps(rank - 1);
  row_steps[rank - 2] = 1;
  const Dims from_strides = without_columns(x.strides());
  const Dims to_strides = without_columns(out.strides());
  const Walk<3> walk(without_columns(x.sizes()), {&from_strides, &to_strides, &row_steps});
  with_item_size(x.dtype(), [&](auto item) {
    using T = decltype(item);
    const int64_t from_step = x.strides()[rank - 1];
    const int64_t to_step = out.strides()[rank - 1];
    walk.for_rows(0, walk.rows(), [&](const auto& at) {
      for (int64_t i = 0; i < walk.length(); ++i) {
        const auto& steps = walk.strides();
        const T* from = numbers<T>(x) + at[0] + i * steps[0];
        T* to = numbers<T>(out) + at[1] + i * steps[1];
        const int64_t edge = at[2] + i * steps[2] + diagonal;
        for (int64_t j = 0; j < columns; ++j) {
          const bool kept = upper ? j >= edge : j <= edge;
          to[j * to_step] = kept ? from[j * from_step] : T{};
        }
      }
    });
  });
}

}  // namespace nw::cpu
