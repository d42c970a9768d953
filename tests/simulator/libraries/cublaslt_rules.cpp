#include <array>
#include <limits>

#include "tests/simulator/libraries/cublaslt.h"

// What the tables in NVIDIA's description of cublasLtMatmul() list.
namespace nw::simulated::lt {
namespace {

bool is_complex(uint32_t type) {
  return type == CUDA_C_32F || type == CUDA_C_64F;
}

bool are_types_listed(const Call& call) {
  const uint32_t in = call.a.type;
  const uint32_t out = call.d.type;
  const auto scale = static_cast<uint32_t>(call.product.scale);
  if (call.b.type != in || call.c.type != out) return false;
  switch (call.product.compute) {
    case CUBLAS_COMPUTE_32F:
    case CUBLAS_COMPUTE_32F_PEDANTIC:
      if (in == CUDA_C_32F) return scale == CUDA_C_32F && out == in;
      if (scale != CUDA_R_32F) return false;
      if (in == CUDA_R_32F) return out == in;
      return (in == CUDA_R_16F || in == CUDA_R_16BF) && (out == in || out == CUDA_R_32F);
    case CUBLAS_COMPUTE_32F_FAST_16F:
    case CUBLAS_COMPUTE_32F_FAST_16BF:
    case CUBLAS_COMPUTE_32F_FAST_TF32:
      return (in == CUDA_R_32F || in == CUDA_C_32F) && scale == in && out == in;
    case CUBLAS_COMPUTE_64F:
    case CUBLAS_COMPUTE_64F_PEDANTIC:
      return (in == CUDA_R_64F || in == CUDA_C_64F) && scale == in && out == in;
    default:
      return false;
  }
}

bool is_epilogue_known(uint32_t epilogue) {
  switch (epilogue) {
    case CUBLASLT_EPILOGUE_DEFAULT:
    case CUBLASLT_EPILOGUE_RELU:
    case CUBLASLT_EPILOGUE_RELU_AUX:
    case CUBLASLT_EPILOGUE_BIAS:
    case CUBLASLT_EPILOGUE_RELU_BIAS:
    case CUBLASLT_EPILOGUE_RELU_AUX_BIAS:
    case CUBLASLT_EPILOGUE_DRELU:
    case CUBLASLT_EPILOGUE_DRELU_BGRAD:
    case CUBLASLT_EPILOGUE_BGRADA:
    case CUBLASLT_EPILOGUE_BGRADB:
      return true;
    default:
      return false;
  }
}

cublasStatus_t status_of_epilogue(const Call& call) {
  const Product& product = call.product;
  if (!is_epilogue_known(product.epilogue)) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (product.epilogue == CUBLASLT_EPILOGUE_DEFAULT) return CUBLAS_STATUS_SUCCESS;
  if (is_complex(call.d.type)) return CUBLAS_STATUS_NOT_SUPPORTED;
  const bool with_sums = call.has(kBiasGradient | kSumsOfA | kSumsOfB);
  if (with_sums && call.d.batch > 1 && product.bias_batch_stride == 0) {
    return CUBLAS_STATUS_INVALID_VALUE;  // the batch would write to one place
  }
  if (product.bias_type != -1 && product.bias_type != static_cast<int32_t>(call.d.type)) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  if (!call.has(kAux)) return CUBLAS_STATUS_SUCCESS;
  const bool fits = product.aux_leading % 128 == 0 && product.aux_batch_stride % 128 == 0 &&
                    product.aux_leading >= static_cast<int64_t>(call.rows());
  return fits ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

bool is_in_31_bits(const Layout& layout) {
  constexpr uint64_t kMost = std::numeric_limits<int32_t>::max();
  return layout.rows <= kMost && layout.columns <= kMost;
}

cublasStatus_t status_of_layout(const Layout& layout, bool written) {
  if (layout.rows == 0 || layout.columns == 0 || layout.batch < 1) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (layout.order != CUBLASLT_ORDER_COL) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (layout.leading < static_cast<int64_t>(layout.rows) || layout.batch_stride < 0) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  const int64_t one =
      layout.leading * static_cast<int64_t>(layout.columns - 1) + static_cast<int64_t>(layout.rows);
  if (written && layout.batch > 1 && layout.batch_stride < one) return CUBLAS_STATUS_INVALID_VALUE;
  return is_in_31_bits(layout) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

bool do_sizes_fit(const Call& call) {
  const bool turned_a = call.product.transposed_a != CUBLAS_OP_N;
  const bool turned_b = call.product.transposed_b != CUBLAS_OP_N;
  const uint64_t m = turned_a ? call.a.columns : call.a.rows;
  const uint64_t n = turned_b ? call.b.rows : call.b.columns;
  const uint64_t k = turned_b ? call.b.columns : call.b.rows;
  return m == call.d.rows && n == call.d.columns && k == call.inner() &&
         call.c.rows == call.d.rows && call.c.columns == call.d.columns &&
         call.a.batch == call.d.batch && call.b.batch == call.d.batch &&
         call.c.batch == call.d.batch;
}

}  // namespace

size_t bytes_of(uint32_t type) {
  switch (type) {
    case CUDA_C_64F:
      return 16;
    case CUDA_R_64F:
    case CUDA_C_32F:
      return 8;
    case CUDA_R_32F:
      return 4;
    default:
      return 2;
  }
}

size_t span_bytes(const Layout& layout) {
  const int64_t last = layout.leading * static_cast<int64_t>(layout.columns - 1) +
                       static_cast<int64_t>(layout.rows) + layout.batch_stride * (layout.batch - 1);
  return static_cast<size_t>(last) * bytes_of(layout.type);
}

cublasStatus_t status_of(const Call& call) {
  if (call.product.pointer_mode != CUBLASLT_POINTER_MODE_HOST) return CUBLAS_STATUS_NOT_SUPPORTED;
  for (const Layout* layout : {&call.a, &call.b, &call.c, &call.d}) {
    const cublasStatus_t status = status_of_layout(*layout, layout == &call.d);
    if (status != CUBLAS_STATUS_SUCCESS) return status;
  }
  if (!do_sizes_fit(call)) return CUBLAS_STATUS_INVALID_VALUE;
  if (!are_types_listed(call)) return CUBLAS_STATUS_NOT_SUPPORTED;
  return status_of_epilogue(call);
}

uint64_t problem_of(const Call& call) {
  const Product& p = call.product;
  const auto number = [](auto value) { return static_cast<int64_t>(value); };
  std::vector<int64_t> values{
      p.compute,   p.scale,       p.transposed_a, p.transposed_b,      p.epilogue,
      p.bias_type, p.aux_leading, p.pointer_mode, p.bias_batch_stride, p.aux_batch_stride};
  for (const Layout* layout : {&call.a, &call.b, &call.c, &call.d}) {
    for (const int64_t value :
         {number(layout->type), number(layout->rows), number(layout->columns), layout->leading,
          layout->batch_stride, number(layout->order), number(layout->batch)}) {
      values.push_back(value);
    }
  }
  return mixed(values);
}

}  // namespace nw::simulated::lt
