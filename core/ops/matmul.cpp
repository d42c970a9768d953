#include "core/ops/matmul.h"
#include "core/autograd/kept.h"
#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/elementwise.h"
#include "core/ops/matmul_raw.h"
#include "core/ops/reduction.h"
#include "core/ops/shape.h"

namespace nw::ops {
namespace {

using autograd::kept_for;
using autograd::needs_record;
using autograd::Node;
using autograd::record;

void check_operands(const Tensor& a, const Tensor& b, std::string_view op) {
  NW_CHECK(a.defined() && b.defined(), "[", op, "] expects two tensors, gets none");
  NW_CHECK(a.dtype() == b.dtype(), "[", op, "] expects tensors of one dtype, gets ",
           name(a.dtype()), " and ", name(b.dtype()));
  NW_CHECK(a.dtype() != DType::Bool, "[", op, "] expects numbers, gets bool");
  check_device(a, b, op);
}

[[noreturn]] void throw_sizes(const Tensor& a, const Tensor& b, std::string_view op,
                              std::string_view expected) {
  throw Error(concat("[", op, "] expects ", expected, ", gets ", to_string(a.sizes()), " and ",
                     to_string(b.sizes())));
}

/// a · b for (M, K) and (K, N).
Tensor matrix_product(const Tensor& a, const Tensor& b) {
  const Tensor out = product(a, b);
  if (needs_record(a, b)) {
    record("matmul", out, std::array{a, b}, std::array{kept_for(b, a), kept_for(a, b)},
           [](const Node& node, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
             if (node.needs_grad(0)) {
               grad_inputs[0] = product(grads[0], adjoint(saved[1]));
             }
             if (node.needs_grad(1)) {
               grad_inputs[1] = product(adjoint(saved[0]), grads[0]);
             }
           });
  }
  return out;
}

/// The same for each of a batch: (B, M, K) and (B, K, N).
Tensor batch_product(const Tensor& a, const Tensor& b) {
  const Tensor out = batched_product(a, b);
  if (needs_record(a, b)) {
    record("bmm", out, std::array{a, b}, std::array{kept_for(b, a), kept_for(a, b)},
           [](const Node& node, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
             if (node.needs_grad(0)) {
               grad_inputs[0] = batched_product(grads[0], adjoint(saved[1]));
             }
             if (node.needs_grad(1)) {
               grad_inputs[1] = batched_product(adjoint(saved[0]), grads[0]);
             }
           });
  }
  return out;
}

Dims leading(const Tensor& x, size_t left_out) {
  return Dims(x.sizes().begin(), x.sizes().end() - left_out);
}

/// `x` (batch…, rows, columns) repeated to the batch and with it as one dimension.
Tensor as_batch(const Tensor& x, const Dims& batch) {
  const Dims& sizes = x.sizes();
  const std::array<int64_t, 2> matrix{sizes[sizes.size() - 2], sizes[sizes.size() - 1]};
  Dims wanted = batch;
  wanted.push_back(matrix[0]);
  wanted.push_back(matrix[1]);
  return reshape(expand(x, wanted), Dims{numel(batch), matrix[0], matrix[1]});
}

/// At least one has more than two dimensions, neither is a vector.
Tensor broadcast_product(const Tensor& a, const Tensor& b) {
  const int64_t inner = a.sizes().back();
  Dims out = broadcast(leading(a, 2), leading(b, 2), "matmul");
  const Dims batch = out;
  out.push_back(a.size(-2));
  out.push_back(b.size(-1));
  if (b.dim() == 2) {
    // One matrix for all: the batch is nothing but more rows.
    const Tensor rows = reshape(a, Dims{numel(leading(a, 1)), inner});
    return reshape(matrix_product(rows, b), out);
  }
  return reshape(batch_product(as_batch(a, batch), as_batch(b, batch)), out);
}

}  // namespace

Tensor mm(const Tensor& a, const Tensor& b) {
  if (const auto cast = autocast::run(autocast::kLower, mm, a, b)) return *cast;
  check_operands(a, b, "mm");
  if (a.dim() != 2 || b.dim() != 2 || a.size(1) != b.size(0)) {
    throw_sizes(a, b, "mm", "(M, K) and (K, N)");
  }
  return matrix_product(a, b);
}

Tensor bmm(const Tensor& a, const Tensor& b) {
  if (const auto cast = autocast::run(autocast::kLower, bmm, a, b)) return *cast;
  check_operands(a, b, "bmm");
  if (a.dim() != 3 || b.dim() != 3 || a.size(0) != b.size(0) || a.size(2) != b.size(1)) {
    throw_sizes(a, b, "bmm", "(B, M, K) and (B, K, N)");
  }
  return batch_product(a, b);
}

Tensor mv(const Tensor& a, const Tensor& b) {
  if (const auto cast =
          autocast::run(autocast::Rules{autocast::Rule::Whole, autocast::Rule::Lower}, mv, a, b))
    return *cast;
  check_operands(a, b, "mv");
  if (a.dim() != 2 || b.dim() != 1 || a.size(1) != b.size(0)) {
    throw_sizes(a, b, "mv", "(M, K) and (K)");
  }
  return squeeze(matrix_product(a, unsqueeze(b, 1)), 1);
}

Tensor dot(const Tensor& a, const Tensor& b) {
  if (const auto cast = autocast::run(autocast::kWidestOnGpu, dot, a, b)) return *cast;
  check_operands(a, b, "dot");
  if (a.dim() != 1 || b.dim() != 1 || a.size(0) != b.size(0)) {
    throw_sizes(a, b, "dot", "(K) and (K)");
  }
  return reshape(matrix_product(unsqueeze(a, 0), unsqueeze(b, 1)), Dims{});
}

Tensor outer(const Tensor& a, const Tensor& b) {
  if (a.dim() != 1 || b.dim() != 1) throw_sizes(a, b, "outer", "(M) and (N)");
  return mul(unsqueeze(a, 1), b);
}

Tensor matmul(const Tensor& a, const Tensor& b) {
  if (const auto cast = autocast::run(autocast::kLower, matmul, a, b)) return *cast;
  check_operands(a, b, "matmul");
  if (a.dim() == 0 || b.dim() == 0) throw_sizes(a, b, "matmul", "at least one dimension each");
  if (a.size(-1) != b.size(b.dim() == 1 ? 0 : -2)) {
    throw_sizes(a, b, "matmul", "(…, M, K) and (…, K, N)");
  }
  if (a.dim() == 1 && b.dim() == 1) return dot(a, b);
  if (a.dim() == 1) return squeeze(matmul(unsqueeze(a, 0), b), -2);
  if (b.dim() == 1) return squeeze(matmul(a, unsqueeze(b, 1)), -1);
  if (a.dim() == 2 && b.dim() == 2) return matrix_product(a, b);
  return broadcast_product(a, b);
}

Tensor addmm(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& beta,
             const Scalar& alpha) {
  if (const auto cast = autocast::run(autocast::kLower, addmm, x, a, b, beta, alpha)) return *cast;
  const Tensor products = mm(a, b);
  const Tensor scaled = alpha.to_complex() == 1.0 ? products : mul(products, alpha);
  NW_CHECK(broadcast(x.sizes(), scaled.sizes(), "addmm") == scaled.sizes(),
           "[addmm] expects something that broadcasts to ", to_string(scaled.sizes()), ", gets ",
           to_string(x.sizes()));
  if (beta.to_complex() == 0.0) return scaled;
  return add(beta.to_complex() == 1.0 ? x : mul(x, beta), scaled);
}

}  // namespace nw::ops
