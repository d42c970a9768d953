#include "plugins/cuda/math_mode.h"

#include <cstdlib>
#include <string_view>

namespace nw::cuda {
namespace {

void read(const char* name, bool& value) {
  const char* given = std::getenv(name);
  if (given != nullptr && *given != '\0') value = std::string_view(given) != "0";
}

}  // namespace

const MathMode& math_mode() {
  static const MathMode mode = [] {
    MathMode wanted;
    read("NETWRIGHT_TF32", wanted.tf32_matmul);
    read("NETWRIGHT_TF32", wanted.tf32_conv);
    read("NETWRIGHT_CUDNN_BENCHMARK", wanted.benchmark);
    return wanted;
  }();
  return mode;
}

}  // namespace nw::cuda
