#include "core/backend/kernel_table.h"

namespace nw::kernel_table {
namespace {

thread_local Recording* current = nullptr;

}  // namespace

Recording::Recording() : before_(current) {
  current = this;
}

Recording::~Recording() {
  current = before_;
}

void note(const char* name) {
  if (current != nullptr) [[unlikely]]
    current->names_.insert(name);
}

}  // namespace nw::kernel_table
