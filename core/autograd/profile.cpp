#include "core/autograd/profile.h"

#include <chrono>

#include "core/base/error.h"

namespace nw::autograd {
namespace {

thread_local BackwardProfile* living = nullptr;

}  // namespace

BackwardProfile::BackwardProfile() {
  NW_ASSERT(living == nullptr && "two profiles at a time");
  living = this;
}

BackwardProfile::~BackwardProfile() {
  living = nullptr;
}

BackwardProfile* BackwardProfile::current() {
  return living;
}

void BackwardProfile::run(Node& node, Tensors& grads, Tensors& grad_inputs) {
  const auto begin = std::chrono::steady_clock::now();
  node.backward(grads, grad_inputs);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  Entry& entry = entries_[node.name()];
  ++entry.calls;
  entry.seconds += taken.count();
}

}  // namespace nw::autograd
