#include "plugins/cuda/kernels/channels.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/map.h"

namespace nw::cuda {
namespace {

/// Windows over (N, C, depth, height, width); one and two dimensions are three with leading ones.
struct Pooling {
  int64_t channels;
  bool innermost;  // the channels are, in memory
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1};
  int64_t kernel[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, padding[3] = {}, dilation[3] = {1, 1, 1};

  Pooling(const Tensor& x, const Tensor& y, const Window& window)
      : channels(x.size(1)), innermost(!x.is_contiguous() || !y.is_contiguous()) {
    const size_t spatial = window.kernel.size();
    for (size_t i = 0; i < spatial; ++i) {
      const size_t d = 3 - spatial + i;
      in[d] = x.sizes()[2 + i];
      out[d] = y.sizes()[2 + i];
      kernel[d] = window.kernel[i];
      stride[d] = window.stride[i];
      padding[d] = window.padding[i];
      if (!window.dilation.empty()) dilation[d] = window.dilation[i];
    }
  }
  NW_BOTH int64_t in_size() const { return in[0] * in[1] * in[2]; }
  NW_BOTH int64_t out_size() const { return out[0] * out[1] * out[2]; }
};

/// A point of one plane: where the plane begins in memory, and where in it.
struct Point {
  int64_t start, step;  // place p of the plane lies at start + p · step
  int64_t at[3];
};

/// Finds the points of the elements, numbered in the order of memory, of tensors whose planes have
/// the sizes `own`; `start` and `step` are those of the plane in the other tensor, whose planes
/// have `other` elements.
class Points {
 public:
  Points(const Pooling& p, const int64_t own[3], int64_t other, int64_t count)
      : channels_(p.channels),
        other_(other),
        size_(own[0] * own[1] * own[2]),
        height_(own[1]),
        width_(own[2]),
        by_channels_(p.channels),
        by_size_(size_),
        by_height_(height_),
        by_width_(width_),
        innermost_(p.innermost),
        small_(count <= INT32_MAX) {}

  NW_BOTH Point operator()(int64_t i) const {
    Split split{0, i};  // (plane, place)
    Point point;
    if (innermost_) {
      const Split pixel = parts_of(i, channels_, by_channels_);
      split = parts_of(pixel.whole, size_, by_size_);
      point.start = split.whole * other_ * channels_ + pixel.rest;
      point.step = channels_;
    } else {
      split = parts_of(i, size_, by_size_);
      point.start = split.whole * other_;
      point.step = 1;
    }
    const Split row = parts_of(split.rest, width_, by_width_);
    const Split deep = parts_of(row.whole, height_, by_height_);
    point.at[2] = row.rest;
    point.at[1] = deep.rest;
    point.at[0] = deep.whole;
    return point;
  }

 private:
  struct Split {
    int64_t whole, rest;
  };
  NW_BOTH Split parts_of(int64_t i, int64_t by, const Divisor& divisor) const {
    if (!small_) return {i / by, i % by};
    const uint32_t whole = divisor.quotient(static_cast<uint32_t>(i));
    return {whole, static_cast<uint32_t>(i) - whole * divisor.value};
  }

  int64_t channels_, other_, size_, height_, width_;
  Divisor by_channels_, by_size_, by_height_, by_width_;
  bool innermost_, small_;
};

/// Where a window lies along one axis: begin, begin + step, … below end.
struct Span {
  int64_t begin, end, step;
};
NW_BOTH Span span_of(const Pooling& p, int axis, int64_t at) {
  const int64_t step = p.dilation[axis];
  const int64_t start = at * p.stride[axis] - p.padding[axis];
  const int64_t begin = start >= 0 ? start : start + (-start + step - 1) / step * step;
  const int64_t end = start + (p.kernel[axis] - 1) * step + 1;
  return {begin, end < p.in[axis] ? end : p.in[axis], step};
}

template <typename T>
struct MaxPool {
  Pooling p;
  Points points;
  const T* x;
  T* y;
  int64_t* indices;  // null: not wanted

  __device__ void operator()(int64_t i) const {
    const Point point = points(i);
    const Span deep = span_of(p, 0, point.at[0]);
    const Span high = span_of(p, 1, point.at[1]);
    const Span wide = span_of(p, 2, point.at[2]);
    // A dilated window may have all its points outside: then its gradient goes nowhere.
    const bool outside = deep.begin >= deep.end || high.begin >= high.end || wide.begin >= wide.end;
    int64_t where = outside ? -1 : (deep.begin * p.in[1] + high.begin) * p.in[2] + wide.begin;
    Wide<T> largest = -infinity<Wide<T>>();
    for (int64_t d = deep.begin; d < deep.end; d += deep.step) {
      for (int64_t h = high.begin; h < high.end; h += high.step) {
        for (int64_t w = wide.begin; w < wide.end; w += wide.step) {
          const int64_t place = (d * p.in[1] + h) * p.in[2] + w;
          const Wide<T> value = widen(x[point.start + place * point.step]);
          if (value > largest || value != value) {
            largest = value;
            where = place;
          }
        }
      }
    }
    y[i] = narrow<T>(largest);
    if (indices != nullptr) indices[i] = where;
  }
};

/// Numbers each window among those that chose the same input: lists through `next` that begin at
/// `first`, in no fixed order.
struct LinkWindows {
  const int64_t* indices;
  int32_t* first;
  int32_t* next;
  Divisor by_channels, by_size;
  int64_t channels, in_size;
  bool innermost;

  __device__ void operator()(int64_t i) const {
    const int64_t index = indices[i];
    if (index < 0) return;
    const auto number = static_cast<uint32_t>(i);
    const uint32_t pixel = innermost ? by_channels.quotient(number) : number;
    const int64_t plane = int64_t{by_size.quotient(pixel)} * in_size + index;
    const int64_t place =
        innermost ? plane * channels + (number - pixel * by_channels.value) : plane;
    next[i] = atomicExch(&first[place], static_cast<int32_t>(i));
  }
};

/// Each input adds up the gradients of its windows by their number, so that sums repeat bit for
/// bit.
template <typename T>
struct GatherWindows {
  const T* grad;
  const int32_t* first;
  const int32_t* next;
  T* grad_x;

  __device__ void operator()(int64_t i) const {
    Wide<T> total = 0;
    for (int32_t done = -1;;) {
      int32_t least = INT32_MAX;
      for (int32_t window = first[i]; window >= 0; window = next[window]) {
        if (window > done && window < least) least = window;
      }
      if (least == INT32_MAX) break;
      total += widen(grad[least]);
      done = least;
    }
    grad_x[i] = narrow<T>(total);
  }
};

/// Where an averaging window lies along one axis, and how long it counts.
struct AverageSpan {
  int64_t begin, end, whole;
};
NW_BOTH AverageSpan average_span(const Pooling& p, int axis, int64_t at) {
  const int64_t start = at * p.stride[axis] - p.padding[axis];
  const int64_t padded = p.in[axis] + p.padding[axis];
  const int64_t last = start + p.kernel[axis];
  const int64_t end = last < padded ? last : padded;
  return {start > 0 ? start : 0, end < p.in[axis] ? end : p.in[axis], end - start};
}
NW_BOTH int64_t divisor_of(const AvgPoolMode& mode, const AverageSpan& deep,
                           const AverageSpan& high, const AverageSpan& wide) {
  if (mode.divisor_override != 0) return mode.divisor_override;
  if (mode.count_include_pad) return deep.whole * high.whole * wide.whole;
  return (deep.end - deep.begin) * (high.end - high.begin) * (wide.end - wide.begin);
}

template <typename T>
struct AvgPool {
  Pooling p;
  Points points;
  AvgPoolMode mode;
  const T* x;
  T* y;

  __device__ void operator()(int64_t i) const {
    const Point point = points(i);
    const AverageSpan deep = average_span(p, 0, point.at[0]);
    const AverageSpan high = average_span(p, 1, point.at[1]);
    const AverageSpan wide = average_span(p, 2, point.at[2]);
    Wide<T> total = 0;
    for (int64_t d = deep.begin; d < deep.end; ++d) {
      for (int64_t h = high.begin; h < high.end; ++h) {
        for (int64_t w = wide.begin; w < wide.end; ++w) {
          total += widen(x[point.start + ((d * p.in[1] + h) * p.in[2] + w) * point.step]);
        }
      }
    }
    y[i] = narrow<T>(total / static_cast<Wide<T>>(divisor_of(mode, deep, high, wide)));
  }
};

/// The windows that cover a place of one axis: begin … end − 1.
NW_BOTH Span windows_over(const Pooling& p, int axis, int64_t at) {
  const int64_t last = at + p.padding[axis];
  const int64_t before = last - p.kernel[axis];  // the last place whose window ends too early
  const int64_t begin = before < 0 ? 0 : before / p.stride[axis] + 1;
  const int64_t end = last / p.stride[axis] + 1;
  return {begin, end < p.out[axis] ? end : p.out[axis], 1};
}

template <typename T>
struct AvgPoolGrad {
  Pooling p;
  Points points;
  AvgPoolMode mode;
  const T* grad;
  T* grad_x;

  __device__ void operator()(int64_t i) const {
    const Point point = points(i);
    const Span deep = windows_over(p, 0, point.at[0]);
    const Span high = windows_over(p, 1, point.at[1]);
    const Span wide = windows_over(p, 2, point.at[2]);
    Wide<T> total = 0;
    for (int64_t d = deep.begin; d < deep.end; ++d) {
      for (int64_t h = high.begin; h < high.end; ++h) {
        for (int64_t w = wide.begin; w < wide.end; ++w) {
          const int64_t place = (d * p.out[1] + h) * p.out[2] + w;
          const int64_t divisor =
              divisor_of(mode, average_span(p, 0, d), average_span(p, 1, h), average_span(p, 2, w));
          total += widen(grad[point.start + place * point.step]) / static_cast<Wide<T>>(divisor);
        }
      }
    }
    grad_x[i] = narrow<T>(total);
  }
};

template <typename T>
struct FillWith {
  T value;
  T* out;
  __device__ void operator()(int64_t i) const { out[i] = value; }
};

template <typename F>
struct AddToChannel {
  ChannelOf channel_of;
  const void* bias;
  DType dtype;

  __device__ F operator()(int64_t place, F y) const {
    return y + load_real<F>(bias, dtype, channel_of(place));
  }
};

}  // namespace

void max_pool(const Tensor& x, const Window& window, const Tensor& y, const Tensor& indices) {
  const Pooling p(x, y, window);
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(y.numel(), MaxPool<T>{p, Points(p, p.out, p.in_size(), y.numel()), numbers<T>(x),
                                   numbers<T>(y), numbers<int64_t>(indices)});
  });
}

void max_pool_grad(const Tensor& grad, const Tensor& indices, const Tensor& grad_x) {
  if (grad_x.numel() == 0) return;
  const int64_t channels = grad_x.size(1);
  const int64_t planes = grad_x.size(0) * channels;
  NW_CHECK(grad.numel() <= INT32_MAX, "[max_pool] expects at most 2³¹ − 1 windows, gets ",
           describe(grad));
  const Scratch<int32_t> first(grad_x.numel(), grad_x);
  const Scratch<int32_t> next(grad.numel(), grad_x);
  for_each(grad_x.numel(), FillWith<int32_t>{-1, first.data()});
  for_each(grad.numel(),
           LinkWindows{indices.data<int64_t>(), first.data(), next.data(), Divisor(channels),
                       Divisor(grad.numel() / planes), channels, grad_x.numel() / planes,
                       !grad_x.is_contiguous() || !grad.is_contiguous()});
  with_real(grad.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(grad_x.numel(),
             GatherWindows<T>{numbers<T>(grad), first.data(), next.data(), numbers<T>(grad_x)});
  });
}

void avg_pool(const Tensor& x, const Window& window, const AvgPoolMode& mode, const Tensor& y) {
  const Pooling p(x, y, window);
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(y.numel(), AvgPool<T>{p, Points(p, p.out, p.in_size(), y.numel()), mode, numbers<T>(x),
                                   numbers<T>(y)});
  });
}

void avg_pool_grad(const Tensor& grad, const Window& window, const AvgPoolMode& mode,
                   const Tensor& grad_x) {
  const Pooling p(grad_x, grad, window);
  with_real(grad.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(grad_x.numel(), AvgPoolGrad<T>{p, Points(p, p.in, p.out_size(), grad_x.numel()), mode,
                                            numbers<T>(grad), numbers<T>(grad_x)});
  });
}

void add_to_channels(const Tensor& bias, const Tensor& y) {
  const int64_t channels = y.size(1);
  if (y.numel() == 0) return;
  const int64_t inner = y.is_contiguous() ? y.numel() / y.size(0) / channels : 1;
  with_real(y.dtype(), [&](auto type) {
    using T = decltype(type);
    map(AddToChannel<Wide<T>>{ChannelOf(channels, inner, y.numel()), bias.raw(), bias.dtype()},
        Inputs<T, 1>{{numbers<T>(y)}, {false}}, numbers<T>(y), y.numel());
  });
}

}  // namespace nw::cuda
