#include "plugins/cuda/nccl_calls.h"

#include "core/base/error.h"
#include "plugins/cuda/libraries.h"

namespace nw::cuda {

using dist::Reduction;

void check_nccl(ncclResult_t status, const char* call) {
  if (status == ncclSuccess || status == ncclInProgress) return;
  const std::string_view detail = NW_SYMBOL(nccl(), ncclGetLastError)(nullptr);
  throw Error(concat("[nccl] ", call, ": ", NW_SYMBOL(nccl(), ncclGetErrorString)(status),
                     detail.empty() ? "" : ": ", detail, "; NCCL_DEBUG=INFO makes NCCL tell more"));
}

ncclDataType_t nccl_type(std::string_view op, DType dtype) {
  switch (dtype) {
    case DType::Float32:
    case DType::Complex64:
      return ncclFloat32;
    case DType::Float64:
    case DType::Complex128:
      return ncclFloat64;
    case DType::Float16:
      return ncclFloat16;
    case DType::BFloat16:
      return ncclBfloat16;
    case DType::Int64:
      return ncclInt64;
    case DType::Int32:
      return ncclInt32;
    case DType::Int8:
      return ncclInt8;
    case DType::UInt8:
    case DType::Bool:
      return ncclUint8;
    case DType::Int16:
      break;
  }
  throw Error(concat("[", op, "] of an nccl group does not take int16; convert it to int32"));
}

size_t nccl_count(const Tensor& tensor) {
  return static_cast<size_t>(tensor.numel()) * (is_complex(tensor.dtype()) ? 2 : 1);
}

ncclRedOp_t nccl_reduction(std::string_view op, DType dtype, Reduction reduction) {
  const bool adds = reduction == Reduction::Sum || reduction == Reduction::Average;
  NW_CHECK(!is_complex(dtype) || adds, "[", op, "] can only add or average ", name(dtype),
           " numbers");
  NW_CHECK(reduction != Reduction::Average || is_floating(dtype) || is_complex(dtype), "[", op,
           "] cannot average ", name(dtype), " numbers: add them");
  switch (reduction) {
    case Reduction::Sum:
      return dtype == DType::Bool ? ncclMax : ncclSum;  // of bools: or
    case Reduction::Average:
      return ncclAvg;
    case Reduction::Product:
      return dtype == DType::Bool ? ncclMin : ncclProd;  // of bools: and
    case Reduction::Min:
      return ncclMin;
    case Reduction::Max:
      return ncclMax;
  }
  NW_ASSERT(false);
}

}  // namespace nw::cuda
