#include "app/cli/bench_profile.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "core/autograd/profile.h"

namespace nw::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kWarmUpSteps = 3;

struct Sum {
  int64_t calls = 0;
  double us = 0;
};

/// Times each block of a model in forward.
class ForwardTimes {
 public:
  explicit ForwardTimes(nn::Module& model) {
    for (nn::Module* child : model.children()) watch(*child);
  }

  const std::map<std::string, Sum>& sums() const { return sums_; }
  void clear() { sums_.clear(); }

 private:
  void watch(nn::Module& block) {
    block.register_forward_pre_hook([this](nn::Module&, const Tensors&) {
      begin_ = Clock::now();
      return std::nullopt;
    });
    block.register_forward_hook([this](nn::Module& self, const Tensors&, const Tensors&) {
      const std::chrono::duration<double, std::micro> taken = Clock::now() - begin_;
      Sum& sum = sums_[self.kind() + ", forward"];
      ++sum.calls;
      sum.us += taken.count();
      return std::nullopt;
    });
  }

  Clock::time_point begin_;
  std::map<std::string, Sum> sums_;
};

}  // namespace

std::vector<ProfilePart> profile(const BenchNet& net, int64_t steps) {
  BenchStep step(net);
  ForwardTimes forward(step.model());
  for (int i = 0; i < kWarmUpSteps; ++i) step.run();
  forward.clear();
  std::map<std::string, Sum> sums;
  {
    const autograd::BackwardProfile backward;
    for (int64_t i = 0; i < steps; ++i) {
      const StepTimes times = step.run_timed();
      Sum& loss = sums["loss, forward"];
      Sum& update = sums["optimiser"];
      ++loss.calls;
      loss.us += times.loss_us;
      ++update.calls;
      update.us += times.update_us;
    }
    for (const auto& [name, entry] : backward.entries()) {
      constexpr double kMicro = 1e6;
      sums[std::string(name) + ", backward"] = {entry.calls, entry.seconds * kMicro};
    }
  }
  sums.insert(forward.sums().begin(), forward.sums().end());
  std::vector<ProfilePart> parts;
  for (const auto& [name, sum] : sums) {
    const auto count = static_cast<double>(steps);
    parts.push_back({name, static_cast<double>(sum.calls) / count, sum.us / count});
  }
  std::sort(parts.begin(), parts.end(),
            [](const ProfilePart& a, const ProfilePart& b) { return a.step_us > b.step_us; });
  return parts;
}

}  // namespace nw::cli
