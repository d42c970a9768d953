#include "core/trial/kernel_use.h"

#include "core/backend/creation.h"
#include "core/backend/kernel_table.h"
#include "core/base/error.h"
#include "core/trial/device_trial.h"

namespace nw::trial {
namespace {

constexpr uint64_t kSeed = 20;
constexpr int kAccepted = 12;
constexpr int kTries = 60;

bool runs(const BlockCase& drawn) {
  Pass pass(drawn, kMeta);
  if (!pass.error().empty()) return false;
  std::vector<Tensor> gradients;
  for (const Tensor& y : pass.outputs()) gradients.push_back(zeros(y.sizes(), y.dtype(), kCpu));
  try {
    pass.feed(gradients);
  } catch (const Error&) {
    return false;  // a loss of several numbers and the like: forward counts
  }
  return true;
}

}  // namespace

std::set<std::string> kernels_of_block(const nn::Block& block) {
  if (block.make == nullptr) return {};
  Draw draw(kSeed);
  const kernel_table::Recording recording;
  int accepted = 0;
  for (int i = 0; i < kTries && accepted < kAccepted; ++i) {
    accepted += runs(draw_case(draw, block, DType::Float32));
  }
  return recording.names();
}

}  // namespace nw::trial
