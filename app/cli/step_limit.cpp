#include "app/cli/step_limit.h"

#include <algorithm>

#include "core/backend/math_mode.h"
#include "core/graph/infer.h"

namespace nw::cli {
namespace {

/// Whether most of its products are such as cuDNN computes on a GPU, which has a switch of its own.
bool is_for_cudnn(const BenchNet& net) {
  return std::any_of(net.graph.nodes.begin(), net.graph.nodes.end(), [](const graph::Node& node) {
    const std::string& block = node.block;
    return block.starts_with("Conv") || block == "RNN" || block == "LSTM" || block == "GRU";
  });
}

/// How often each weight goes to or from memory in an update: it is read and written, its gradient
/// written and read, and what is kept for it read and written.
double moves_of_update(const BenchNet& net) {
  const double kept = net.optimizer.id == "Adam" ? 2 : 1;
  return 4 + 2 * kept;
}

}  // namespace

StepWork work_of(const BenchNet& net) {
  const graph::Inference inference = graph::infer(net.graph, net.data);
  const auto batch = static_cast<double>(net.batch);
  StepWork work;
  work.flops = 3 * 2 * static_cast<double>(inference.multiply_adds) * batch;
  work.bytes = 4 * static_cast<double>(inference.activation_bytes) * batch +
               moves_of_update(net) * sizeof(float) * static_cast<double>(inference.parameters);
  return work;
}

std::optional<double> least_us(const BenchNet& net, const DeviceFacts& facts) {
  const bool rounds = is_for_cudnn(net) ? math_mode().conv_tf32 : math_mode().matmul_tf32;
  const double flops = rounds && facts.tf32_flops > 0 ? facts.tf32_flops : facts.float32_flops;
  if (flops == 0 || facts.bytes_per_second == 0) return {};
  const StepWork work = work_of(net);
  return 1e6 * std::max(work.flops / flops, work.bytes / facts.bytes_per_second);
}

}  // namespace nw::cli
