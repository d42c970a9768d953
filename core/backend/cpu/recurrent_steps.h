#pragma once

#include <cstdint>

#include "core/backend/recurrent_cell.h"

/// What the steps of a recurrent layer are made of, on plain dense memory; compiled for several
/// instruction sets (recurrent.isa.cpp).
namespace nw::cpu {

/// C (rows, columns) = A (rows, terms) · B (terms, columns) [+ C]: few rows, and the same B again
/// and again, which is packed once.
template <typename T>
struct PackedProduct {
  int64_t rows, columns, terms;
  const T* a;
  const T* packed;  // by pack(), packed_size() elements
  T* c;
  bool add;
};

/// Element (p, j) of B lies at b[p · row + j · column].
template <typename T>
struct Packing {
  int64_t columns, terms;
  const T* b;
  int64_t row, column;
  T* packed;
};

/// Elements of the packed B, for vectors of 64 bytes at most.
template <typename T>
constexpr int64_t packed_size(int64_t terms, int64_t columns) {
  constexpr int64_t kLanes = 64 / static_cast<int64_t>(sizeof(T));
  return (columns + kLanes - 1) / kLanes * kLanes * terms;
}

/// One step of a cell for some sequences. Rows of gates have gate_count · hidden numbers, saved
/// ones as RecurrentKernels says, all others `hidden`.
template <typename T>
struct CellStep {
  RecurrentCell cell;
  int64_t rows, hidden;
  const T* x_gates;
  const T* h_gates;  // h · weight_hhᵀ
  const T* bias_hn;  // may be null
  T* h;              // state, read and written; null where the result is projected first
  T* c;              // state, Lstm only
  T* y;              // the result
  T* gates;          // saved; may be null
};

template <typename T>
struct CellStepGrad {
  RecurrentCell cell;
  int64_t rows, hidden;
  const T* gates;       // saved; for Tanh and Relu, y
  const T* previous_h;  // Gru only
  const T* previous_c;  // Lstm only
  const T* grad_y;      // added to grad; may be null
  T* grad;              // of the result; afterwards, Gru only, what goes to h before the step
  T* grad_c;            // of c behind the step, afterwards before it; Lstm only
  T* x_gates;           // gradients, written
  T* h_gates;           // Gru only
};

template <typename T>
struct RecurrentParts {
  void (*pack)(const Packing<T>& packing);
  void (*multiply)(const PackedProduct<T>& product);
  void (*step)(const CellStep<T>& step);
  void (*step_grad)(const CellStepGrad<T>& step);
};

}  // namespace nw::cpu
