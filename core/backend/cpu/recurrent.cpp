#include "core/backend/cpu/recurrent.h"

#include <algorithm>

#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/recurrent_steps.h"
#include "core/backend/cpu/scratch.h"
#include "core/base/parallel.h"

namespace nw::cpu {
namespace {

/// Multiply-adds of all steps together that a thread should get at least.
constexpr int64_t kSequenceGrain = int64_t{1} << 17;

/// B of a product with all rows, packed for as long as it lives.
template <typename T>
class Packed {
 public:
  /// `weight` (outputs, inputs): products with it, or with its transpose.
  Packed(const Tensor& weight, bool transposed)
      : columns_(weight.defined() ? weight.size(transposed ? 0 : 1) : 0),
        terms_(weight.defined() ? weight.size(transposed ? 1 : 0) : 0),
        memory_(packed_size<T>(terms_, columns_)) {
    if (!weight.defined()) return;
    const int64_t inputs = weight.size(1);
    fast<T>().recurrent->pack(Packing<T>{columns_, terms_, weight.data<T>(),
                                         transposed ? 1 : inputs, transposed ? inputs : 1,
                                         memory_.data()});
  }

  /// c (rows, columns) = a (rows, terms) · B [+ c]
  void multiply(const T* a, int64_t rows, T* c, bool add) const {
    fast<T>().recurrent->multiply(
        PackedProduct<T>{rows, columns_, terms_, a, memory_.data(), c, add});
  }

 private:
  int64_t columns_, terms_;
  Scratch<T> memory_;
};

/// A tensor's rows; none for an undefined tensor.
template <typename T>
class Rows {
 public:
  explicit Rows(const Tensor& tensor)
      : data_(data_or_null<T>(tensor)), width_(tensor.defined() ? tensor.size(-1) : 0) {}

  T* at(int64_t row) const { return data_ == nullptr ? nullptr : data_ + row * width_; }
  int64_t width() const { return width_; }

 private:
  T* data_;
  int64_t width_;
};

/// Copies rows where there is a target; no source means 0.
template <typename T>
void copy_rows(const T* from, int64_t count, T* to) {
  if (to == nullptr) return;
  if (from == nullptr) {
    std::fill(to, to + count, T{0});
  } else {
    std::copy(from, from + count, to);
  }
}

/// Which sequences a thread takes along.
struct Share {
  int64_t first, count;
};

/// Calls body(share) for each share of the batch. Sequences do not touch each other, so that the
/// numbers do not depend on the shares.
template <typename Body>
void for_shares(const RecurrentSteps& steps, int64_t work_of_row, const Body& body) {
  const int64_t work = std::max<int64_t>(work_of_row * steps.steps, 1);
  parallel_for(steps.batch, std::max<int64_t>(kSequenceGrain / work, 1),
               [&](int64_t begin, int64_t end) {
                 body(Share{begin, end - begin});
               });
}

int64_t rows_of(const RecurrentSteps& steps) {
  int64_t rows = 0;
  for (int64_t t = 0; t < steps.steps; ++t) rows += steps.alive(t);
  return rows;
}

/// Calls body(row, count) for the steps in their order or against it: the rows of a share that are
/// alive.
template <typename Body>
void for_steps(const RecurrentSteps& steps, const Share& share, bool against, const Body& body) {
  const bool down = steps.reverse != against;
  int64_t row = down ? rows_of(steps) : 0;
  for (int64_t i = 0; i < steps.steps; ++i) {
    const int64_t alive = steps.alive(down ? steps.steps - 1 - i : i);
    if (down) row -= alive;
    const int64_t count = std::min(alive - share.first, share.count);
    if (count > 0) body(row + share.first, count);
    if (!down) row += alive;
  }
}

template <typename T>
struct Forward {
  const RecurrentSteps& steps;
  Rows<T> x_gates, h_0, c_0, y, h_n, c_n, gates, previous_h, previous_c, unprojected;
  const T* bias_hn;
  int64_t hidden;
  const Packed<T>& to_gates;
  const Packed<T>* to_state;  // null: y is h

  void run(const Share& share) const {
    const int64_t state = y.width();
    const bool lstm = steps.cell == RecurrentCell::Lstm;
    const int64_t width = gate_count(steps.cell) * hidden;
    const Scratch<T> h(share.count * state);
    const Scratch<T> c(lstm ? share.count * hidden : 0);
    const Scratch<T> products(share.count * width);
    const Scratch<T> wide(to_state != nullptr ? share.count * hidden : 0);
    copy_rows<T>(h_0.at(share.first), share.count * state, h.data());
    if (lstm) copy_rows<T>(c_0.at(share.first), share.count * hidden, c.data());
    for_steps(steps, share, false, [&](int64_t row, int64_t count) {
      copy_rows<T>(h.data(), count * state, previous_h.at(row));
      if (lstm) copy_rows<T>(c.data(), count * hidden, previous_c.at(row));
      to_gates.multiply(h.data(), count, products.data(), false);
      const bool projects = to_state != nullptr;
      T* result = !projects                        ? y.at(row)
                  : unprojected.at(row) != nullptr ? unprojected.at(row)
                                                   : wide.data();
      fast<T>().recurrent->step(CellStep<T>{steps.cell, count, hidden, x_gates.at(row),
                                            products.data(), bias_hn, projects ? nullptr : h.data(),
                                            c.data(), result, gates.at(row)});
      if (!projects) return;
      to_state->multiply(result, count, h.data(), false);
      copy_rows<T>(h.data(), count * state, y.at(row));
    });
    copy_rows<T>(h.data(), share.count * state, h_n.at(share.first));
    if (lstm) copy_rows<T>(c.data(), share.count * hidden, c_n.at(share.first));
  }
};

template <typename T>
struct Backward {
  const RecurrentSteps& steps;
  Rows<T> gates, previous_h, previous_c, grad_y, grad_h_n, grad_c_n;
  Rows<T> grad_x_gates, grad_h_gates, grad_h, grad_h_0, grad_c_0;
  int64_t hidden;
  const Packed<T>& from_gates;
  const Packed<T>* from_state;  // null: y is h

  void run(const Share& share) const {
    const bool lstm = steps.cell == RecurrentCell::Lstm;
    const bool gru = steps.cell == RecurrentCell::Gru;
    const int64_t state = previous_h.width();
    T* h = grad_h_0.at(share.first);
    T* c = lstm ? grad_c_0.at(share.first) : nullptr;
    const Scratch<T> wide(from_state != nullptr ? share.count * hidden : 0);
    copy_rows<T>(grad_h_n.at(share.first), share.count * state, h);
    copy_rows<T>(grad_c_n.at(share.first), share.count * hidden, c);
    for_steps(steps, share, true, [&](int64_t row, int64_t count) {
      const bool projected = from_state != nullptr;
      if (projected) {
        if (grad_y.at(row) != nullptr) fast<T>().axpy(grad_y.at(row), 1, 1.0, h, count * state);
        copy_rows<T>(h, count * state, grad_h.at(row));
        from_state->multiply(h, count, wide.data(), false);
      }
      fast<T>().recurrent->step_grad(CellStepGrad<T>{
          steps.cell, count, hidden, gates.at(row), previous_h.at(row), previous_c.at(row),
          projected ? nullptr : grad_y.at(row), projected ? wide.data() : h, c,
          grad_x_gates.at(row), grad_h_gates.at(row)});
      from_gates.multiply(gru ? grad_h_gates.at(row) : grad_x_gates.at(row), count, h, gru);
    });
  }
};

void forward(const RecurrentSteps& steps, const Tensor& x_gates, const Tensor& weight_hh,
             const Tensor& bias_hn, const Tensor& weight_hr, const Tensor& h_0, const Tensor& c_0,
             const Tensor& y, const Tensor& h_n, const Tensor& c_n, const Tensor& gates,
             const Tensor& previous_h, const Tensor& previous_c, const Tensor& unprojected) {
  with_floating(y, "recurrent", [&](auto type) {
    using T = decltype(type);
    const Packed<T> to_gates(weight_hh, true);
    const Packed<T> to_state(weight_hr, true);
    const Forward<T> pass{steps,
                          Rows<T>(x_gates),
                          Rows<T>(h_0),
                          Rows<T>(c_0),
                          Rows<T>(y),
                          Rows<T>(h_n),
                          Rows<T>(c_n),
                          Rows<T>(gates),
                          Rows<T>(previous_h),
                          Rows<T>(previous_c),
                          Rows<T>(unprojected),
                          data_or_null<T>(bias_hn),
                          weight_hh.size(0) / gate_count(steps.cell),
                          to_gates,
                          weight_hr.defined() ? &to_state : nullptr};
    for_shares(steps, weight_hh.numel(), [&](const Share& share) { pass.run(share); });
  });
}

void backward(const RecurrentSteps& steps, const Tensor& weight_hh, const Tensor& weight_hr,
              const Tensor& gates, const Tensor& previous_h, const Tensor& previous_c,
              const Tensor& grad_y, const Tensor& grad_h_n, const Tensor& grad_c_n,
              const Tensor& grad_x_gates, const Tensor& grad_h_gates, const Tensor& grad_h,
              const Tensor& grad_h_0, const Tensor& grad_c_0) {
  with_floating(gates, "recurrent", [&](auto type) {
    using T = decltype(type);
    const Packed<T> from_gates(weight_hh, false);
    const Packed<T> from_state(weight_hr, false);
    const Backward<T> pass{steps,
                           Rows<T>(gates),
                           Rows<T>(previous_h),
                           Rows<T>(previous_c),
                           Rows<T>(grad_y),
                           Rows<T>(grad_h_n),
                           Rows<T>(grad_c_n),
                           Rows<T>(grad_x_gates),
                           Rows<T>(grad_h_gates),
                           Rows<T>(grad_h),
                           Rows<T>(grad_h_0),
                           Rows<T>(grad_c_0),
                           weight_hh.size(0) / gate_count(steps.cell),
                           from_gates,
                           weight_hr.defined() ? &from_state : nullptr};
    for_shares(steps, weight_hh.numel(), [&](const Share& share) { pass.run(share); });
  });
}

}  // namespace

const RecurrentKernels kRecurrentKernels{.forward = forward, .backward = backward};

}  // namespace nw::cpu
