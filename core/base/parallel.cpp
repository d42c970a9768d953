#include "core/base/parallel.h"

#include <omp.h>

#include <algorithm>
#include <cstdlib>

#include "core/base/error.h"

namespace nw {

int num_threads() {
  return omp_get_max_threads();
}

void set_num_threads(int count) {
  NW_CHECK(count >= 1, "[threads] expects at least 1 thread, gets ", count);
  omp_set_num_threads(count);
}

}  // namespace nw
