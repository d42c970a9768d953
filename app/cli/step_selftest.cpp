#include "app/cli/step_selftest.h"

#include <cstring>
#include <vector>

#include "core/backend/creation.h"

namespace nw::cli {
namespace {

constexpr int kSteps = train::RecordedStep::kWarmUps + 5;

struct Trained {
  std::vector<double> losses;
  std::vector<std::pair<std::string, Tensor>> state;  // on the CPU
};

Trained train(BenchStep& step) {
  Trained out;
  for (int i = 0; i < kSteps; ++i) out.losses.push_back(step.run());
  for (const auto& entry : step.model().state_dict().entries) {
    out.state.emplace_back(entry.key, raw::contiguous(raw::to(entry.tensor.detach(), kCpu)));
  }
  return out;
}

std::string difference(const Trained& recorded, const Trained& plain) {
  for (size_t i = 0; i < plain.losses.size(); ++i) {
    if (std::memcmp(&recorded.losses[i], &plain.losses[i], sizeof(double)) == 0) continue;
    return concat("the loss of step ", i + 1, " is ", recorded.losses[i], " recorded and ",
                  plain.losses[i], " one by one");
  }
  for (size_t i = 0; i < plain.state.size(); ++i) {
    const Tensor& a = recorded.state[i].second;
    const Tensor& b = plain.state[i].second;
    const size_t bytes = static_cast<size_t>(b.numel()) * item_bytes(b.dtype());
    if (bytes == 0 || std::memcmp(a.raw(), b.raw(), bytes) == 0) continue;
    return plain.state[i].first + " differs";
  }
  return {};
}

}  // namespace

StepVerdict compare_recorded(const BenchNet& net, Device device) {
  BenchStep one_by_one(net, device, Recording::Never);
  const Trained plain = train(one_by_one);
  BenchStep step(net, device);
  const Trained recorded = train(step);
  return {kSteps, step.replays(), step.refusal(), difference(recorded, plain)};
}

}  // namespace nw::cli
