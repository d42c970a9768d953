#include <string>

#include "plugins/cuda/stream.h"
#include "plugins/cuda/trace.h"

namespace nw::cuda {

void check_launch() {
  const cudaError_t status = cudaGetLastError();
  if (status == cudaSuccess) [[likely]]
    return;
  const std::string kernels = last_kernels();
  check(status, ("start of " + kernels.substr(0, kernels.find(','))).c_str());
}

}  // namespace nw::cuda
