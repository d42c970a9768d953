#include <cublasLt.h>

#include <cmath>
#include <limits>
#include <mutex>
#include <unordered_map>

#include "core/backend/creation.h"
#include "core/backend/fallback.h"
#include "core/backend/fetch.h"
#include "core/backend/math_mode.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/libraries.h"
#include "plugins/cuda/product.h"
#include "plugins/cuda/stream.h"

// Products by cuBLASLt, with the bias added, and ReLU applied, where the result is written. Those
// of whole numbers, which it has no code for, by a kernel of ours.
namespace nw::cuda {
namespace {

/// Room that an algorithm may use: what NVIDIA advises for its largest GPUs.
constexpr size_t kWorkspaceBytes = size_t{32} << 20;
constexpr size_t kMostPlans = 4096;

struct Functions {
  decltype(&::cublasLtCreate) create = NW_SYMBOL(cublas_lt(), cublasLtCreate);
  decltype(&::cublasLtMatmul) matmul = NW_SYMBOL(cublas_lt(), cublasLtMatmul);
  decltype(&::cublasLtMatmulAlgoGetHeuristic) heuristic =
      NW_SYMBOL(cublas_lt(), cublasLtMatmulAlgoGetHeuristic);
  decltype(&::cublasLtMatmulDescInit_internal) init_product =
      NW_SYMBOL(cublas_lt(), cublasLtMatmulDescInit_internal);
  decltype(&::cublasLtMatmulDescSetAttribute) set_product =
      NW_SYMBOL(cublas_lt(), cublasLtMatmulDescSetAttribute);
  decltype(&::cublasLtMatrixLayoutInit_internal) init_layout =
      NW_SYMBOL(cublas_lt(), cublasLtMatrixLayoutInit_internal);
  decltype(&::cublasLtMatrixLayoutSetAttribute) set_layout =
      NW_SYMBOL(cublas_lt(), cublasLtMatrixLayoutSetAttribute);
  decltype(&::cublasLtMatmulPreferenceInit_internal) init_preference =
      NW_SYMBOL(cublas_lt(), cublasLtMatmulPreferenceInit_internal);
  decltype(&::cublasLtMatmulPreferenceSetAttribute) set_preference =
      NW_SYMBOL(cublas_lt(), cublasLtMatmulPreferenceSetAttribute);
};

const Functions& lt() {
  static const Functions functions;
  return functions;
}

void check(cublasStatus_t status, const char* call) {
  NW_CHECK(status == CUBLAS_STATUS_SUCCESS, "[cuda] ", call,
           " of cuBLASLt failed: ", NW_SYMBOL(cublas_lt(), cublasLtGetStatusString)(status));
}

/// One of each device, made on first use; thread-safe, as cuBLASLt's handles are.
cublasLtHandle_t handle_of(int device) {
  static std::mutex mutex;
  static auto& handles = *new std::unordered_map<int, cublasLtHandle_t>;
  const std::lock_guard lock(mutex);
  cublasLtHandle_t& handle = handles[device];
  if (handle == nullptr) check(lt().create(&handle), "cublasLtCreate");
  return handle;
}

cudaDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::Float64:
      return CUDA_R_64F;
    case DType::Float16:
      return CUDA_R_16F;
    case DType::BFloat16:
      return CUDA_R_16BF;
    case DType::Complex64:
      return CUDA_C_32F;
    case DType::Complex128:
      return CUDA_C_64F;
    default:
      return CUDA_R_32F;
  }
}

bool is_wide(DType dtype) {
  return dtype == DType::Float64 || dtype == DType::Complex128;
}

/// In what numbers products of a dtype are scaled.
cudaDataType_t scale_type_of(DType dtype) {
  if (is_complex(dtype)) return type_of(dtype);
  return is_wide(dtype) ? CUDA_R_64F : CUDA_R_32F;
}

/// The descriptions of a product. cuBLAS counts columns first, so it is given outᵀ = bᵀ · aᵀ.
class Description {
 public:
  explicit Description(const ProductKey& key) {
    const cublasComputeType_t compute = is_wide(key.dtype) ? CUBLAS_COMPUTE_64F
                                        : key.tf32         ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                           : CUBLAS_COMPUTE_32F;
    check(lt().init_product(&product_, sizeof(product_), compute, scale_type_of(key.dtype)),
          "cublasLtMatmulDescInit");
    set(CUBLASLT_MATMUL_DESC_TRANSA, key.b.transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(CUBLASLT_MATMUL_DESC_TRANSB, key.a.transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    if (key.relu) {
      set(CUBLASLT_MATMUL_DESC_EPILOGUE,
          key.bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU);
    } else if (key.bias) {
      set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    }
    lay_out(first_, key, key.b.transposed ? key.k : key.n, key.b.transposed ? key.n : key.k,
            key.b.leading, key.b_batch);
    lay_out(second_, key, key.a.transposed ? key.m : key.k, key.a.transposed ? key.k : key.m,
            key.a.leading, key.a_batch);
    lay_out(out_, key, key.n, key.m, key.n, key.m * key.n);
  }

  template <typename Value>
  void set(cublasLtMatmulDescAttributes_t attribute, const Value& value) {
    check(lt().set_product(&product_, attribute, &value, sizeof(value)),
          "cublasLtMatmulDescSetAttribute");
  }

  cublasLtMatmulDesc_t product() { return &product_; }
  cublasLtMatrixLayout_t first() { return &first_; }
  cublasLtMatrixLayout_t second() { return &second_; }
  cublasLtMatrixLayout_t out() { return &out_; }

 private:
  static void lay_out(cublasLtMatrixLayoutOpaque_t& layout, const ProductKey& key, int64_t rows,
                      int64_t columns, int64_t leading, int64_t step) {
    check(lt().init_layout(&layout, sizeof(layout), type_of(key.dtype), static_cast<uint64_t>(rows),
                           static_cast<uint64_t>(columns), leading),
          "cublasLtMatrixLayoutInit");
    if (key.batch == 1) return;
    const auto count = static_cast<int32_t>(key.batch);
    check(lt().set_layout(&layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof(count)),
          "cublasLtMatrixLayoutSetAttribute");
    check(
        lt().set_layout(&layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &step, sizeof(step)),
        "cublasLtMatrixLayoutSetAttribute");
  }

  cublasLtMatmulDescOpaque_t product_{};
  cublasLtMatrixLayoutOpaque_t first_{}, second_{}, out_{};
};

/// An algorithm and the room it wants; none: cuBLASLt has no code for such a product.
struct Plan {
  bool there = false;
  cublasLtMatmulAlgo_t algorithm{};
  size_t workspace_bytes = 0;
};

Plan find_plan(const ProductKey& key, Description& description) {
  cublasLtMatmulPreferenceOpaque_t preference{};
  check(lt().init_preference(&preference, sizeof(preference)), "cublasLtMatmulPreferenceInit");
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
    check(lt().set_preference(&preference, attribute, &value, sizeof(value)),
          "cublasLtMatmulPreferenceSetAttribute");
  };
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t{kWorkspaceBytes});
  for (const auto attribute :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    set(attribute, uint32_t{key.alignment});
  }
  cublasLtMatmulHeuristicResult_t found{};
  int count = 0;
  const cublasStatus_t status = lt().heuristic(
      handle_of(key.device), description.product(), description.first(), description.second(),
      description.out(), description.out(), &preference, 1, &found, &count);
  if (status != CUBLAS_STATUS_SUCCESS || count == 0) return {};
  return {true, found.algo, found.workspaceSize};
}

Plan plan_of(const ProductKey& key, Description& description) {
  static std::mutex mutex;
  static auto& plans = *new std::unordered_map<ProductKey, Plan, ProductKeyHash>;
  {
    const std::lock_guard lock(mutex);
    const auto known = plans.find(key);
    if (known != plans.end()) return known->second;
  }
  const Plan plan = find_plan(key, description);
  const std::lock_guard lock(mutex);
  if (plans.size() >= kMostPlans) plans.clear();
  plans.emplace(key, plan);
  return plan;
}

/// out = scale · a · b, and what the description adds to it.
void multiply(const ProductKey& key, Description& description, const Plan& plan, const Tensor& a,
              const Tensor& b, double scale, const Tensor& out) {
  const Tensor room =
      plan.workspace_bytes == 0
          ? Tensor()
          : empty({static_cast<int64_t>(plan.workspace_bytes)}, DType::UInt8, out.device());
  // Of complex numbers both parts are read.
  const double factor[] = {scale, 0};
  const double zero[] = {0, 0};
  const float narrow_factor[] = {static_cast<float>(scale), 0};
  const float narrow_zero[] = {0, 0};
  const bool wide = is_wide(key.dtype);
  const void* alpha = wide ? static_cast<const void*>(factor) : narrow_factor;
  const void* beta = wide ? static_cast<const void*>(zero) : narrow_zero;
  check(
      lt().matmul(handle_of(key.device), description.product(), alpha, b.raw(), description.first(),
                  a.raw(), description.second(), beta, out.raw(), description.out(), out.raw(),
                  description.out(), &plan.algorithm, room.defined() ? room.raw() : nullptr,
                  plan.workspace_bytes, current_stream(key.device)),
      "cublasLtMatmul");
}

/// Whether a plan's ReLU hands NaN on, as ours does: a net that has gone wrong must show it.
/// NVIDIA promises max(x, 0) and nothing of NaN, so it is tried out with the first product, which
/// is written to `out`. Not while work is recorded, when no number can be looked at.
bool relu_keeps_nan(const ProductKey& key, Description& description, const Plan& plan,
                    const Tensor& a, const Tensor& b, const Tensor& out) {
  static std::mutex mutex;
  static auto& verdicts = *new std::unordered_map<ProductKey, bool, ProductKeyHash>;
  {
    const std::lock_guard lock(mutex);
    const auto known = verdicts.find(key);
    if (known != verdicts.end()) return known->second;
  }
  cudaStreamCaptureStatus recording = cudaStreamCaptureStatusNone;
  NW_CUDA(cudaStreamIsCapturing(current_stream(key.device), &recording));
  if (recording != cudaStreamCaptureStatusNone) return false;
  multiply(key, description, plan, a, b, std::numeric_limits<double>::quiet_NaN(), out);
  const bool keeps = std::isnan(Fetch(out.as_strided({}, {}, out.offset())).get().to_double());
  const std::lock_guard lock(mutex);
  if (verdicts.size() >= kMostPlans) verdicts.clear();
  verdicts.emplace(key, keeps);
  return keeps;
}

/// The bias' values, when they are given, must have out's dtype. False: no such algorithm.
bool run(ProductKey key, const Tensor& a, const Tensor& b, const Tensor& bias, const Tensor& out) {
  key.alignment = common_alignment({a.raw(), b.raw(), out.raw(), key.bias ? bias.raw() : nullptr});
  Description description(key);
  if (key.bias) {
    const void* values = bias.raw();
    description.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, values);
  }
  const Plan plan = plan_of(key, description);
  if (!plan.there) return false;
  if (key.relu && !relu_keeps_nan(key, description, plan, a, b, out)) return false;
  multiply(key, description, plan, a, b, 1, out);
  return true;
}

/// A matrix, or a stack of them, in memory as cuBLAS takes it: itself, or else a dense copy.
struct Placed {
  Tensor tensor;
  MatrixOperand operand;

  explicit Placed(const Tensor& given) : tensor(given) {
    const int64_t rows = given.size(-2);
    const int64_t columns = given.size(-1);
    const Dims& strides = given.strides();
    const size_t rank = strides.size();
    auto found = operand_of(rows, columns, strides[rank - 2], strides[rank - 1]);
    if (!found) {
      tensor = raw::contiguous(given);
      found = MatrixOperand{false, columns};
    }
    operand = *found;
  }
  int64_t batch_stride() const { return tensor.dim() == 3 ? tensor.strides()[0] : 0; }
};

/// False: out was not written, or with `relu` not all of it done.
bool product(const Tensor& a, const Tensor& b, const Tensor& bias, bool relu, const Tensor& out) {
  const bool known = is_floating(out.dtype()) || is_complex(out.dtype());
  if (!known || a.dtype() != out.dtype() || b.dtype() != out.dtype()) return false;
  if (bias.defined() && bias.dtype() != out.dtype()) return false;
  if (out.numel() == 0) return true;
  if (out.dim() == 3 && out.size(0) > std::numeric_limits<int32_t>::max()) return false;
  if (a.size(-1) == 0) {
    if (bias.defined()) {
      copy(raw::expand(bias, out.sizes()), out);
    } else {
      fill(out, 0.0);
    }
    return true;
  }
  const Placed left(a);
  const Placed right(b);
  ProductKey key{out.dtype(),
                 out.device().index,
                 out.dim() == 3 ? out.size(0) : 1,
                 out.size(-2),
                 out.size(-1),
                 a.size(-1),
                 left.operand,
                 right.operand,
                 left.batch_stride(),
                 right.batch_stride(),
                 bias.defined() && !is_complex(out.dtype()),
                 math_mode().matmul_tf32 && out.dtype() == DType::Float32,
                 relu,
                 0};
  if (relu) return (key.bias || !bias.defined()) && run(key, left.tensor, right.tensor, bias, out);
  const bool done = run(key, left.tensor, right.tensor, bias, out);
  if (done && (key.bias || !bias.defined())) return true;
  if (!done && !key.bias) return false;
  key.bias = false;
  if (!done && !run(key, left.tensor, right.tensor, Tensor(), out)) return false;
  binary(BinaryOp::Add, out, raw::expand(bias, out.sizes()), out);
  return true;
}

}  // namespace

void matmul(const Tensor& a, const Tensor& b, const Tensor& out) {
  if (is_whole(out.dtype())) return whole_product(a, b, out);
  if (!product(a, b, Tensor(), false, out)) fallback_kernels().matmul(a, b, out);
}

void bmm(const Tensor& a, const Tensor& b, const Tensor& out) {
  if (is_whole(out.dtype())) return whole_product(a, b, out);
  if (!product(a, b, Tensor(), false, out)) fallback_kernels().bmm(a, b, out);
}

namespace {

/// weight (out, in) as (in, out), where it lies.
Tensor turned(const Tensor& weight) {
  const Dims& strides = weight.strides();
  return weight.as_strided({weight.size(1), weight.size(0)}, {strides[1], strides[0]},
                           weight.offset());
}

UnaryOp unary_of(ElementKind kind) {
  return kind == ElementKind::Relu   ? UnaryOp::Relu
         : kind == ElementKind::Tanh ? UnaryOp::Tanh
                                     : UnaryOp::Sigmoid;
}

}  // namespace

void linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y) {
  if (is_whole(y.dtype())) {
    whole_product(x, turned(weight), y);
    if (bias.defined()) binary(BinaryOp::Add, y, raw::expand(bias, y.sizes()), y);
    return;
  }
  if (!product(x, turned(weight), bias, false, y)) fallback_kernels().linear(x, weight, bias, y);
}

void activated_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, ElementKind f,
                      const Tensor& y) {
  const bool there = cublas_lt().found();
  const bool whole = x.numel() > 0 && weight.numel() > 0;
  if (there && whole && f == ElementKind::Relu && product(x, turned(weight), bias, true, y)) return;
  if (there) {
    linear(x, weight, bias, y);
  } else {
    fallback_kernels().linear(x, weight, bias, y);
  }
  unary(unary_of(f), y, y);
}

}  // namespace nw::cuda
