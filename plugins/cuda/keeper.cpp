#include "plugins/cuda/keeper.h"

#include "core/base/error.h"

namespace nw::cuda {
namespace {

thread_local Keeper* living = nullptr;

}  // namespace

Keeper::Keeper() {
  NW_CHECK(living == nullptr, "[cuda] a recording cannot be part of another one");
  living = this;
}

Keeper::~Keeper() {
  living = nullptr;
}

Keeper* Keeper::current() {
  return living;
}

void keep_for_recording(const Tensor& tensor) {
  if (living != nullptr) living->tensors().push_back(tensor);
}

void refuse_recording(const char* what) {
  NW_CHECK(living == nullptr, "[cuda] cannot record ", what);
}

}  // namespace nw::cuda
