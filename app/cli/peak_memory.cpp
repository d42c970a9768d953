#include "app/cli/peak_memory.h"

#include <malloc.h>

#include <fstream>
#include <string>

namespace nw::cli {
namespace {

/// VmRSS: in use now; VmHWM: the most since it was last reset. Source: proc(5).
int64_t memory_bytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    int64_t kibibytes = 0;
    if (word == field + ":" && status >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

}  // namespace

PeakMemory::PeakMemory() {
  malloc_trim(0);                                 // what earlier work left over must not hide any
  std::ofstream("/proc/self/clear_refs") << "5";  // resets VmHWM
  before_ = memory_bytes("VmRSS");
}

int64_t PeakMemory::bytes() const {
  return memory_bytes("VmHWM") - before_;
}

}  // namespace nw::cli
