#include "core/backend/recurrent_kernels.h"

#include "plugins/cuda/kernels/elementwise_formulas.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/launch.h"

// Recurrent layers step by step: a product with the weights, then one kernel for all that happens
// in the cell.
namespace nw::cuda {
namespace {

/// One step of a cell for some sequences; pointers as in RecurrentKernels, at the step's rows.
template <typename T>
struct CellStep {
  RecurrentCell cell;
  int64_t hidden;
  const T* x_gates;
  const T* h_gates;  // h · weight_hhᵀ
  const T* bias_hn;  // may be null
  T* h;              // state, read and written; null where the result is projected first
  T* c;              // state, Lstm only
  T* y;
  T* gates;       // saved; may be null, as the next two
  T* previous_h;  // null, too, where the result is projected
  T* previous_c;

  __device__ void operator()(int64_t at) const {
    if (previous_h != nullptr) previous_h[at] = h[at];
    const int64_t row = at / hidden;
    const int64_t j = at % hidden;
    T result;
    if (cell == RecurrentCell::Lstm) {
      result = lstm(at, row * 4 * hidden + j);
    } else if (cell == RecurrentCell::Gru) {
      result = gru(at, row, j);
    } else {
      const T sum = x_gates[at] + h_gates[at];
      result = cell == RecurrentCell::Relu ? (sum < 0 ? T(0) : sum) : std::tanh(sum);
    }
    y[at] = result;
    if (h != nullptr) h[at] = result;
  }

  __device__ T lstm(int64_t at, int64_t first) const {
    const auto sum = [&](int64_t gate) {
      return x_gates[first + gate * hidden] + h_gates[first + gate * hidden];
    };
    const T in = sigmoid(sum(0));
    const T forget = sigmoid(sum(1));
    const T fresh = std::tanh(sum(2));
    const T out = sigmoid(sum(3));
    const T before = c[at];
    if (previous_c != nullptr) previous_c[at] = before;
    const T now = forget * before + in * fresh;
    c[at] = now;
    if (gates != nullptr) {
      gates[first] = in;
      gates[first + hidden] = forget;
      gates[first + 2 * hidden] = fresh;
      gates[first + 3 * hidden] = out;
    }
    return out * std::tanh(now);
  }

  __device__ T gru(int64_t at, int64_t row, int64_t j) const {
    const T* x = x_gates + row * 3 * hidden + j;
    const T* own = h_gates + row * 3 * hidden + j;
    const T reset = sigmoid(x[0] + own[0]);
    const T update = sigmoid(x[hidden] + own[hidden]);
    const T from_h = own[2 * hidden] + (bias_hn != nullptr ? bias_hn[j] : T(0));
    const T fresh = std::tanh(x[2 * hidden] + reset * from_h);
    if (gates != nullptr) {
      T* to = gates + row * 4 * hidden + j;
      to[0] = reset;
      to[hidden] = update;
      to[2 * hidden] = fresh;
      to[3 * hidden] = from_h;
    }
    return (h[at] - fresh) * update + fresh;
  }
};

template <typename T>
struct CellStepGrad {
  RecurrentCell cell;
  int64_t hidden;
  const T* gates;       // saved; for Tanh and Relu, y
  const T* previous_h;  // Gru only
  const T* previous_c;  // Lstm only
  const T* grad_y;      // added to grad; may be null
  T* grad;              // of the result; afterwards, Gru only, what goes to h before the step
  T* grad_c;            // of c behind the step, afterwards before it; Lstm only
  T* x_gates;           // gradients, written
  T* h_gates;           // Gru only

  __device__ void operator()(int64_t at) const {
    const int64_t row = at / hidden;
    const int64_t j = at % hidden;
    const T above = grad[at] + (grad_y != nullptr ? grad_y[at] : T(0));
    if (cell == RecurrentCell::Lstm) {
      lstm(at, row * 4 * hidden + j, above);
    } else if (cell == RecurrentCell::Gru) {
      gru(at, row, j, above);
    } else {
      const T y = gates[at];
      x_gates[at] = cell == RecurrentCell::Relu ? (y <= 0 ? T(0) : above) : above * (1 - y * y);
    }
  }

  __device__ void lstm(int64_t at, int64_t first, T above) const {
    const T in = gates[first];
    const T forget = gates[first + hidden];
    const T fresh = gates[first + 2 * hidden];
    const T out = gates[first + 3 * hidden];
    const T before = previous_c[at];
    const T squashed = std::tanh(forget * before + in * fresh);
    const T slope = grad_c[at] + above * out * (1 - squashed * squashed);
    grad_c[at] = slope * forget;
    x_gates[first] = slope * fresh * in * (1 - in);
    x_gates[first + hidden] = slope * before * forget * (1 - forget);
    x_gates[first + 2 * hidden] = slope * in * (1 - fresh * fresh);
    x_gates[first + 3 * hidden] = above * squashed * out * (1 - out);
  }

  __device__ void gru(int64_t at, int64_t row, int64_t j, T above) const {
    const T* saved = gates + row * 4 * hidden + j;
    const T reset = saved[0];
    const T update = saved[hidden];
    const T fresh = saved[2 * hidden];
    const T from_h = saved[3 * hidden];
    const T grad_fresh = above * (1 - update) * (1 - fresh * fresh);
    const T grad_update = above * (previous_h[at] - fresh) * update * (1 - update);
    const T grad_reset = grad_fresh * from_h * reset * (1 - reset);
    grad[at] = above * update;
    const int64_t first = row * 3 * hidden + j;
    x_gates[first] = grad_reset;
    h_gates[first] = grad_reset;
    x_gates[first + hidden] = grad_update;
    h_gates[first + hidden] = grad_update;
    x_gates[first + 2 * hidden] = grad_fresh;
    h_gates[first + 2 * hidden] = grad_fresh * reset;
  }
};

/// Rows row … row + count − 1 of a dense tensor; undefined of an undefined one.
Tensor rows_of(const Tensor& x, int64_t row, int64_t count) {
  if (!x.defined()) return x;
  const int64_t width = x.size(-1);
  return x.as_strided({count, width}, {width, 1}, x.offset() + row * width);
}

template <typename T>
T* row_of(const Tensor& x, int64_t row) {
  return x.defined() ? numbers<T>(x) + row * x.size(-1) : nullptr;
}

/// to = from, or 0 where there is none
void begin_with(const Tensor& from, const Tensor& to) {
  if (from.defined()) {
    copy(from, to);
  } else {
    fill(to, 0.0);
  }
}

/// Calls body(row, count) for the steps in their order or against it.
template <typename Body>
void for_steps(const RecurrentSteps& steps, bool against, const Body& body) {
  const bool down = steps.reverse != against;
  int64_t row = 0;
  for (int64_t t = 0; down && t < steps.steps; ++t) row += steps.alive(t);
  for (int64_t i = 0; i < steps.steps; ++i) {
    const int64_t count = steps.alive(down ? steps.steps - 1 - i : i);
    if (down) row -= count;
    if (count > 0) body(row, count);
    if (!down) row += count;
  }
}

Tensor like(const Tensor& x, int64_t rows, int64_t columns) {
  return empty({rows, columns}, x.dtype(), x.device());
}

template <typename Body>
void with_plain(DType dtype, const Body& body) {
  if (dtype == DType::Float64) {
    body(double());
  } else {
    body(float());
  }
}

void forward(const RecurrentSteps& steps, const Tensor& x_gates, const Tensor& weight_hh,
             const Tensor& bias_hn, const Tensor& weight_hr, const Tensor& h_0, const Tensor& c_0,
             const Tensor& y, const Tensor& h_n, const Tensor& c_n, const Tensor& gates,
             const Tensor& previous_h, const Tensor& previous_c, const Tensor& unprojected) {
  const bool lstm = steps.cell == RecurrentCell::Lstm;
  const bool projects = weight_hr.defined();
  const int64_t width = weight_hh.size(0);
  const int64_t hidden = width / gate_count(steps.cell);
  // States that ended stay where they are.
  const Tensor h = h_n.defined() ? h_n : like(y, steps.batch, y.size(-1));
  const Tensor c = c_n.defined() || !lstm ? c_n : like(y, steps.batch, hidden);
  begin_with(h_0, h);
  if (lstm) begin_with(c_0, c);
  const Tensor products = like(y, steps.batch, width);
  const Tensor wide = projects && !unprojected.defined() ? like(y, steps.batch, hidden) : Tensor();
  for_steps(steps, false, [&](int64_t row, int64_t count) {
    const Tensor now = rows_of(h, 0, count);
    linear(now, weight_hh, Tensor(), rows_of(products, 0, count));
    if (projects && previous_h.defined()) copy(now, rows_of(previous_h, row, count));
    const Tensor result = !projects               ? rows_of(y, row, count)
                          : unprojected.defined() ? rows_of(unprojected, row, count)
                                                  : rows_of(wide, 0, count);
    with_plain(y.dtype(), [&](auto type) {
      using T = decltype(type);
      for_each(count * hidden,
               CellStep<T>{steps.cell, hidden, row_of<T>(x_gates, row), numbers<T>(products),
                           numbers<T>(bias_hn), projects ? nullptr : numbers<T>(h),
                           lstm ? numbers<T>(c) : nullptr, numbers<T>(result),
                           row_of<T>(gates, row), projects ? nullptr : row_of<T>(previous_h, row),
                           lstm ? row_of<T>(previous_c, row) : nullptr});
    });
    if (!projects) return;
    linear(result, weight_hr, Tensor(), now);
    copy(now, rows_of(y, row, count));
  });
}

void backward(const RecurrentSteps& steps, const Tensor& weight_hh, const Tensor& weight_hr,
              const Tensor& gates, const Tensor& previous_h, const Tensor& previous_c,
              const Tensor& grad_y, const Tensor& grad_h_n, const Tensor& grad_c_n,
              const Tensor& grad_x_gates, const Tensor& grad_h_gates, const Tensor& grad_h,
              const Tensor& grad_h_0, const Tensor& grad_c_0) {
  const bool lstm = steps.cell == RecurrentCell::Lstm;
  const bool gru = steps.cell == RecurrentCell::Gru;
  const bool projected = weight_hr.defined();
  const int64_t hidden = weight_hh.size(0) / gate_count(steps.cell);
  const Tensor& h = grad_h_0;
  begin_with(grad_h_n, h);
  if (lstm) begin_with(grad_c_n, grad_c_0);
  const Tensor wide = projected ? like(h, steps.batch, hidden) : Tensor();
  const Tensor share = gru ? like(h, steps.batch, h.size(-1)) : Tensor();
  for_steps(steps, true, [&](int64_t row, int64_t count) {
    const Tensor now = rows_of(h, 0, count);
    if (projected) {
      if (grad_y.defined()) axpy(rows_of(grad_y, row, count), 1, now);
      copy(now, rows_of(grad_h, row, count));
      matmul(now, weight_hr, rows_of(wide, 0, count));
    }
    with_plain(gates.dtype(), [&](auto type) {
      using T = decltype(type);
      for_each(count * hidden,
               CellStepGrad<T>{steps.cell, hidden, row_of<T>(gates, row),
                               gru ? row_of<T>(previous_h, row) : nullptr,
                               lstm ? row_of<T>(previous_c, row) : nullptr,
                               projected ? nullptr : row_of<T>(grad_y, row),
                               projected ? numbers<T>(wide) : numbers<T>(h),
                               lstm ? numbers<T>(grad_c_0) : nullptr, row_of<T>(grad_x_gates, row),
                               row_of<T>(grad_h_gates, row)});
    });
    if (gru) {
      const Tensor own = rows_of(share, 0, count);
      matmul(rows_of(grad_h_gates, row, count), weight_hh, own);
      axpy(own, 1, now);
    } else {
      matmul(rows_of(grad_x_gates, row, count), weight_hh, now);
    }
  });
}

}  // namespace

const RecurrentKernels kRecurrentKernels{.forward = forward, .backward = backward};

}  // namespace nw::cuda
