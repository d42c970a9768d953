#include "core/base/error.h"

namespace nw {

void throw_internal(const char* condition, const char* file, int line) {
  throw InternalError(concat("[internal] ", condition, " does not hold at ", file, ":", line,
                             "; please report this"));
}

}  // namespace nw
