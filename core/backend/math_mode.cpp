#include "core/backend/math_mode.h"

#include <cstdlib>
#include <mutex>
#include <string_view>

namespace nw {
namespace {

void read(const char* name, bool& value) {
  const char* given = std::getenv(name);
  if (given != nullptr && *given != '\0') value = std::string_view(given) != "0";
}

MathMode of_environment() {
  MathMode mode;
  read("NETWRIGHT_TF32", mode.matmul_tf32);
  read("NETWRIGHT_TF32", mode.conv_tf32);
  read("NETWRIGHT_CUDNN_BENCHMARK", mode.benchmark);
  return mode;
}

std::mutex mutex;

MathMode& the_mode() {
  static MathMode mode = of_environment();
  return mode;
}

}  // namespace

MathMode math_mode() {
  const std::lock_guard lock(mutex);
  return the_mode();
}

void set_math_mode(const MathMode& mode) {
  const std::lock_guard lock(mutex);
  the_mode() = mode;
}

AllowTf32::AllowTf32(bool allowed) : before_(math_mode()) {
  MathMode mode = before_;
  mode.matmul_tf32 = mode.matmul_tf32 || allowed;
  mode.conv_tf32 = mode.conv_tf32 || allowed;
  set_math_mode(mode);
}

AllowTf32::~AllowTf32() {
  set_math_mode(before_);
}

}  // namespace nw
