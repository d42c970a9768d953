#pragma once

#include <cublasLt.h>

#include "tests/simulator/libraries/device.h"

namespace nw::simulated::lt {

// What the opaque descriptors hold. They are the caller's memory: a mark tells whether they were
// initialised.
constexpr uint32_t kLayoutMark = 0x4c41594f;
constexpr uint32_t kProductMark = 0x50524f44;
constexpr uint32_t kPreferenceMark = 0x50524546;
constexpr uint32_t kAlgorithmMark = 0x414c474f;

struct Layout {
  uint32_t mark;
  uint32_t type;
  uint64_t rows, columns;
  int64_t leading;
  int64_t batch_stride;
  int32_t order;
  int32_t batch;
};

struct Product {
  uint32_t mark;
  int32_t compute, scale;
  int32_t transposed_a, transposed_b;
  int32_t pointer_mode;
  uint32_t epilogue;
  int32_t bias_type;
  void* bias;
  int64_t bias_batch_stride;
  void* aux;
  int64_t aux_leading;
  int64_t aux_batch_stride;
};

struct Preference {
  uint32_t mark;
  uint32_t search;
  uint64_t workspace_bytes;
  uint32_t reductions;
  uint32_t alignment[4];  // of A, B, C, D
};

struct Algorithm {
  uint32_t mark;
  uint32_t alignment;  // bytes at which all matrices must begin
  uint64_t problem;    // for which it was found
  uint64_t workspace_bytes;
  int32_t parts;  // of k, that are summed on their own
};

/// What is in there; null: nothing was made of it.
template <typename Content, typename Opaque>
Content* content(Opaque* opaque, uint32_t mark) {
  static_assert(sizeof(Content) <= sizeof(Opaque));
  auto* found = reinterpret_cast<Content*>(opaque);
  return found != nullptr && found->mark == mark ? found : nullptr;
}

/// A whole call: D = epilogue(alpha · op(A) · op(B) + beta · C).
struct Call {
  Product product;
  Layout a, b, c, d;

  uint64_t rows() const { return d.rows; }
  uint64_t columns() const { return d.columns; }
  uint64_t inner() const { return product.transposed_a == CUBLAS_OP_N ? a.columns : a.rows; }
  bool has(uint32_t part) const { return (product.epilogue & part) != 0; }
};

constexpr uint32_t kRelu = 2, kBias = 4, kReluGradient = 8, kBiasGradient = 16, kAux = 128;
constexpr uint32_t kSumsOfA = 256, kSumsOfB = 512;

/// The bytes of one number.
size_t bytes_of(uint32_t type);
/// From the first to the last byte of a matrix, or all of its batch.
size_t span_bytes(const Layout& layout);

/// Whether NVIDIA's tables list it; INVALID_VALUE for what contradicts itself.
cublasStatus_t status_of(const Call& call);
/// What an algorithm belongs to: everything but addresses.
uint64_t problem_of(const Call& call);

struct Operands {
  const void *a, *b, *c;
  void* d;
  double alpha[2], beta[2];
};
/// Computes it, in the types that the call names.
void compute(const Call& call, const Operands& operands, int parts);

}  // namespace nw::simulated::lt
