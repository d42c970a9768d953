#include "tests/simulator/libraries/cublaslt.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <set>

// cuBLASLt for the simulated GPU: what plugins/cuda calls of it, as NVIDIA describes it.

struct cublasLtContext {
  int device;
};

namespace nw::simulated::lt {
namespace {

struct Handles {
  std::mutex mutex;
  std::set<cublasLtHandle_t> alive;
};

Handles& handles() {
  static auto& all = *new Handles;
  return all;
}

bool is_alive(cublasLtHandle_t handle) {
  const std::lock_guard lock(handles().mutex);
  return handles().alive.count(handle) > 0;
}

template <typename Value>
cublasStatus_t take(Value& to, const void* from, size_t bytes) {
  if (from == nullptr || bytes != sizeof(Value)) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&to, from, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

/// False: some descriptor was never initialised.
bool gather(Call& call, cublasLtMatmulDesc_t product, cublasLtMatrixLayout_t a,
            cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d) {
  const Product* known = content<Product>(product, kProductMark);
  if (known == nullptr) return false;
  call.product = *known;
  Layout* to[] = {&call.a, &call.b, &call.c, &call.d};
  cublasLtMatrixLayout_t from[] = {a, b, c, d};
  for (int i = 0; i < 4; ++i) {
    const Layout* layout = content<Layout>(from[i], kLayoutMark);
    if (layout == nullptr) return false;
    *to[i] = *layout;
  }
  return true;
}

/// Long sums are made in parts, if there is room: with other rounding than in one go.
Algorithm algorithm_for(const Call& call, const Preference& preference) {
  Algorithm found{kAlgorithmMark, 16, problem_of(call), 0, 1};
  for (const uint32_t alignment : preference.alignment) {
    found.alignment = std::min(found.alignment, alignment);
  }
  const uint64_t wanted = call.rows() * call.columns() * static_cast<uint64_t>(call.d.batch) * 8;
  const uint64_t room = (wanted + 255) / 256 * 256;
  if (call.inner() >= 64 && found.problem % 2 == 0 && room <= preference.workspace_bytes) {
    found.workspace_bytes = room;
    found.parts = 2;
  }
  return found;
}

size_t aux_bytes(const Call& call) {
  const Product& p = call.product;
  return static_cast<size_t>(p.aux_batch_stride * (call.d.batch - 1) +
                             p.aux_leading * static_cast<int64_t>(call.columns())) /
         8;
}

size_t bias_bytes(const Call& call) {
  const uint64_t one = call.has(kSumsOfB) ? call.columns() : call.rows();
  const uint64_t all = one + static_cast<uint64_t>(call.product.bias_batch_stride) *
                                 static_cast<uint64_t>(call.d.batch - 1);
  return all * bytes_of(call.d.type);
}

/// Ends the program for memory that cuBLASLt would read or write out of its bounds.
void expect_memory(const char* name, const void* memory, size_t bytes, size_t alignment,
                   int device) {
  switch (flaw_of(memory, bytes, alignment, device)) {
    case Flaw::None:
      return;
    case Flaw::Null:
      misuse(std::string("cublasLtMatmul: ") + name + " is null");
    case Flaw::Misaligned:
      misuse(std::string("cublasLtMatmul: ") + name + " is not aligned to " +
             std::to_string(alignment) + " bytes, as the algorithm was promised");
    case Flaw::NotOnDevice:
      misuse(std::string("cublasLtMatmul: ") + name + " is not " + std::to_string(bytes) +
             " bytes of memory of the device");
  }
}

void expect_operands(const Call& call, const Operands& o, const Algorithm& algorithm,
                     void* workspace, int device) {
  const size_t alignment = algorithm.alignment;
  const bool reads_c = o.beta[0] != 0 || o.beta[1] != 0;
  expect_memory("A", o.a, span_bytes(call.a), alignment, device);
  expect_memory("B", o.b, span_bytes(call.b), alignment, device);
  if (reads_c) expect_memory("C", o.c, span_bytes(call.c), alignment, device);
  expect_memory("D", o.d, span_bytes(call.d), alignment, device);
  if (call.has(kBias | kBiasGradient | kSumsOfA | kSumsOfB)) {
    expect_memory("the bias", call.product.bias, bias_bytes(call), bytes_of(call.d.type), device);
  }
  if (call.has(kAux)) expect_memory("aux", call.product.aux, aux_bytes(call), 16, device);
  const bool clash = overlap(o.d, span_bytes(call.d), o.a, span_bytes(call.a)) ||
                     overlap(o.d, span_bytes(call.d), o.b, span_bytes(call.b));
  if (clash) misuse("cublasLtMatmul: D lies over A or B");
  if (algorithm.workspace_bytes == 0) return;
  expect_memory("the workspace", workspace, algorithm.workspace_bytes, 256, device);
  for (const auto& [memory, layout] :
       {std::pair{o.a, &call.a}, {o.b, &call.b}, {static_cast<const void*>(o.d), &call.d}}) {
    if (overlap(workspace, algorithm.workspace_bytes, memory, span_bytes(*layout))) {
      misuse("cublasLtMatmul: the workspace lies over a matrix");
    }
  }
}

/// alpha or beta, in host memory, in the scale type.
void read_scale(const Call& call, const void* from, double* to) {
  const bool wide = call.product.scale == CUDA_R_64F || call.product.scale == CUDA_C_64F;
  const bool parts = call.product.scale == CUDA_C_32F || call.product.scale == CUDA_C_64F;
  to[1] = 0;
  for (int i = 0; i <= (parts ? 1 : 0); ++i) {
    to[i] = wide ? static_cast<const double*>(from)[i]
                 : static_cast<double>(static_cast<const float*>(from)[i]);
  }
}

}  // namespace
}  // namespace nw::simulated::lt

using namespace nw::simulated;
using namespace nw::simulated::lt;

extern "C" {

size_t cublasLtGetVersion() {
  return CUBLAS_VERSION;
}

const char* cublasLtGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "the operation completed successfully";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "the library was not initialized";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "an unsupported value or parameter was passed to the function";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "the functionality requested is not supported";
    default:
      return "another error";
  }
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  if (handle == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  *handle = new cublasLtContext{current_device()};
  const std::lock_guard lock(handles().mutex);
  handles().alive.insert(*handle);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  {
    const std::lock_guard lock(handles().mutex);
    if (handles().alive.erase(handle) == 0) return CUBLAS_STATUS_NOT_INITIALIZED;
  }
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescInit_internal(cublasLtMatmulDesc_t product, size_t bytes,
                                               cublasComputeType_t compute, cudaDataType_t scale) {
  if (product == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  if (bytes < sizeof(Product)) return CUBLAS_STATUS_ALLOC_FAILED;
  Product made{};
  made.mark = kProductMark;
  made.compute = compute;
  made.scale = scale;
  made.transposed_a = made.transposed_b = CUBLAS_OP_N;
  made.pointer_mode = CUBLASLT_POINTER_MODE_HOST;
  made.epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  made.bias_type = -1;
  std::memcpy(product, &made, sizeof(made));
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t descriptor,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t bytes) {
  Product* p = content<Product>(descriptor, kProductMark);
  if (p == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_COMPUTE_TYPE:
      return take(p->compute, value, bytes);
    case CUBLASLT_MATMUL_DESC_SCALE_TYPE:
      return take(p->scale, value, bytes);
    case CUBLASLT_MATMUL_DESC_POINTER_MODE:
      return take(p->pointer_mode, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return take(p->transposed_a, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return take(p->transposed_b, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return take(p->epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return take(p->bias, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE:
      return take(p->bias_batch_stride, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
      return take(p->bias_type, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER:
      return take(p->aux, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD:
      return take(p->aux_leading, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_BATCH_STRIDE:
      return take(p->aux_batch_stride, value, bytes);
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t cublasLtMatrixLayoutInit_internal(cublasLtMatrixLayout_t layout, size_t bytes,
                                                 cudaDataType type, uint64_t rows, uint64_t columns,
                                                 int64_t leading) {
  if (layout == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  if (bytes < sizeof(Layout)) return CUBLAS_STATUS_ALLOC_FAILED;
  const Layout made{kLayoutMark, static_cast<uint32_t>(type), rows, columns, leading,
                    0,           CUBLASLT_ORDER_COL,          1};
  std::memcpy(layout, &made, sizeof(made));
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t descriptor,
                                                cublasLtMatrixLayoutAttribute_t attribute,
                                                const void* value, size_t bytes) {
  Layout* layout = content<Layout>(descriptor, kLayoutMark);
  if (layout == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_TYPE:
      return take(layout->type, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_ORDER:
      return take(layout->order, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_ROWS:
      return take(layout->rows, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_COLS:
      return take(layout->columns, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_LD:
      return take(layout->leading, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
      return take(layout->batch, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
      return take(layout->batch_stride, value, bytes);
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t cublasLtMatmulPreferenceInit_internal(cublasLtMatmulPreference_t preference,
                                                     size_t bytes) {
  if (preference == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  if (bytes < sizeof(Preference)) return CUBLAS_STATUS_ALLOC_FAILED;
  const Preference made{kPreferenceMark,
                        CUBLASLT_SEARCH_BEST_FIT,
                        0,
                        CUBLASLT_REDUCTION_SCHEME_MASK,
                        {256, 256, 256, 256}};
  std::memcpy(preference, &made, sizeof(made));
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t descriptor,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, size_t bytes) {
  Preference* p = content<Preference>(descriptor, kPreferenceMark);
  if (p == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_SEARCH_MODE:
      return take(p->search, value, bytes);
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      return take(p->workspace_bytes, value, bytes);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
      return take(p->reductions, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      return take(p->alignment[attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES], value,
                  bytes);
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t product,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int wanted,
                                              cublasLtMatmulHeuristicResult_t* results,
                                              int* count) {
  if (!is_alive(handle)) return CUBLAS_STATUS_NOT_INITIALIZED;
  const Preference* asked = content<Preference>(preference, kPreferenceMark);
  Call call{};
  if (wanted <= 0 || results == nullptr || count == nullptr || asked == nullptr ||
      !gather(call, product, a, b, c, d)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  *count = 0;
  const cublasStatus_t status = status_of(call);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  const Algorithm found = algorithm_for(call, *asked);
  if (found.alignment < std::min<size_t>(bytes_of(call.a.type), 16)) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  results[0] = {};
  std::memcpy(&results[0].algo, &found, sizeof(found));
  results[0].workspaceSize = found.workspace_bytes;
  results[0].state = CUBLAS_STATUS_SUCCESS;
  results[0].wavesCount = 1.0f;
  *count = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t product,
                              const void* alpha, const void* a, cublasLtMatrixLayout_t a_layout,
                              const void* b, cublasLtMatrixLayout_t b_layout, const void* beta,
                              const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* chosen,
                              void* workspace, size_t workspace_bytes, cudaStream_t stream) {
  if (!is_alive(handle)) return CUBLAS_STATUS_NOT_INITIALIZED;
  Call call{};
  if (alpha == nullptr || beta == nullptr ||
      !gather(call, product, a_layout, b_layout, c_layout, d_layout)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  const cublasStatus_t status = status_of(call);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  const bool lacks_bias =
      call.has(kBias | kBiasGradient | kSumsOfA | kSumsOfB) && call.product.bias == nullptr;
  if (lacks_bias || (call.has(kAux) && call.product.aux == nullptr)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  const auto* algorithm = content<const Algorithm>(chosen, kAlgorithmMark);
  if (algorithm == nullptr || algorithm->problem != problem_of(call) ||
      algorithm->workspace_bytes > workspace_bytes) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  const int device = device_of(stream);
  if (handle->device != device || current_device() != device) {
    misuse("cublasLtMatmul: handle, stream and the current device belong to different devices");
  }
  Operands operands{a, b, c, d, {}, {}};
  read_scale(call, alpha, operands.alpha);
  read_scale(call, beta, operands.beta);
  expect_operands(call, operands, *algorithm, workspace, device);
  enqueue(stream, [call, operands, workspace, found = *algorithm] {
    if (found.workspace_bytes > 0) scribble(workspace, found.workspace_bytes);
    compute(call, operands, found.parts);
  });
  return CUBLAS_STATUS_SUCCESS;
}

}  // extern "C"
