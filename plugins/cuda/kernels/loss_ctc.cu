#include "core/backend/creation.h"
#include "core/backend/loss_kernels.h"
#include "plugins/cuda/kernels/block.h"
#include "plugins/cuda/kernels/fault.h"
#include "plugins/cuda/kernels/losses.h"

// Connectionist temporal classification: a block for each sample goes from step to step, and its
// threads share the states.
namespace nw::cuda {
namespace {

template <typename F>
NW_BOTH F never() {  // the logarithm of 0
  return -infinity<F>();
}

/// log(eᵃ + eᵇ + eᶜ)
template <typename F>
NW_BOTH F log_sum(F a, F b, F c) {
  F largest = a > b ? a : b;
  if (c > largest) largest = c;
  if (largest == never<F>()) return a + b + c;  // or NaN, which no maximum shows
  return largest + std::log(std::exp(a - largest) + std::exp(b - largest) + std::exp(c - largest));
}
template <typename F>
struct LogSum {
  __device__ F operator()(F a, F b) const { return log_sum(a, b, never<F>()); }
};

/// The batch: log_probs (steps, samples, classes), alphas and betas (samples, steps, room), where
/// room is 2·S + 1.
template <typename F>
struct Batch {
  const F* log_probs;
  const int64_t* targets;
  const int64_t* input_lengths;
  const int64_t* target_lengths;
  int64_t steps, samples, classes, room, blank;
  int64_t row;  // targets of a sample; −1: all stand in one row
  int64_t all;  // targets in all
  F* alphas;

  NW_BOTH F log_prob(int64_t step, int64_t sample, int64_t wanted) const {
    return log_probs[(step * samples + sample) * classes + wanted];
  }
};

/// The wanted classes of one sample with a blank before, between and behind them: its states.
struct Path {
  const int64_t* classes;
  int64_t steps, states, blank;

  NW_BOTH int64_t class_of(int64_t state) const {
    return state % 2 == 0 ? blank : classes[state / 2];
  }
  /// Whether one may come to `state` from two before: no blank between unlike classes is needed.
  NW_BOTH bool skips_to(int64_t state) const {
    return state >= 2 && class_of(state) != class_of(state - 2);
  }
};

/// Made by all threads of a block, which then agree on it.
template <typename F>
__device__ Path path_of(const Batch<F>& batch, int64_t sample) {
  int64_t before = 0;
  if (batch.row < 0) {
    for (int64_t n = threadIdx.x; n < sample; n += blockDim.x) before += batch.target_lengths[n];
    before = block_reduce(before, Plus<int64_t>{});
  } else {
    before = sample * batch.row;
  }
  return {batch.targets + before, batch.input_lengths[sample], 2 * batch.target_lengths[sample] + 1,
          batch.blank};
}

struct CtcFaults {
  FaultReport input_length, target_length, loss;
};

/// Whether lengths and classes fit; by one block. All threads get the answer.
template <typename F>
__device__ bool check_batch(const Batch<F>& batch, const CtcFaults& faults) {
  const int64_t most = batch.row < 0 ? batch.all : batch.row;
  int64_t wrong = 0;
  int64_t total = 0;
  for (int64_t n = threadIdx.x; n < batch.samples; n += blockDim.x) {
    const int64_t steps = batch.input_lengths[n];
    const int64_t length = batch.target_lengths[n];
    if (steps < 0 || steps > batch.steps) {
      faults.input_length.raise(FaultKind::Length, steps, batch.steps, n);
      ++wrong;
    }
    if (length < 0 || length > most) {
      faults.target_length.raise(FaultKind::Length, length, most, n);
      ++wrong;
    }
    total += length;
  }
  total = block_reduce(total, Plus<int64_t>{});
  if (block_reduce(wrong, Plus<int64_t>{}) != 0) return false;
  if (batch.row < 0 && total != batch.all) {
    if (threadIdx.x == 0) faults.loss.raise(FaultKind::Lengths, total, batch.all);
    return false;
  }
  return true;
}

template <typename F>
__device__ bool check_path(const Path& path, const Batch<F>& batch, const CtcFaults& faults) {
  int64_t wrong = 0;
  for (int64_t i = threadIdx.x; i < path.states / 2; i += blockDim.x) {
    if (path.classes[i] >= 0 && path.classes[i] < batch.classes) continue;
    faults.loss.raise(FaultKind::Target, path.classes[i], batch.classes);
    ++wrong;
  }
  return block_reduce(wrong, Plus<int64_t>{}) == 0;
}

/// What has been gathered in each state after each step, and −log P(target); a mistake is noted
/// and the losses of the samples that it spoils are NaN.
template <typename F>
__global__ void ctc_alphas(Batch<F> batch, F* losses, CtcFaults faults) {
  const int64_t sample = blockIdx.x;
  bool fine = check_batch(batch, faults);
  Path path{};
  if (fine) {
    path = path_of(batch, sample);
    fine = check_path(path, batch, faults);
  }
  if (!fine) {
    if (threadIdx.x == 0) losses[sample] = not_a_number<F>();
    return;
  }
  F* own = batch.alphas + sample * batch.steps * batch.room;
  for (int64_t t = 0; t < path.steps; ++t) {
    const F* before = own + (t - 1) * batch.room;
    for (int64_t s = threadIdx.x; s < path.states; s += blockDim.x) {
      const F here = batch.log_prob(t, sample, path.class_of(s));
      if (t == 0) {
        own[s] = s < 2 ? here : never<F>();
        continue;
      }
      const F next = s > 0 ? before[s - 1] : never<F>();
      const F skip = path.skips_to(s) ? before[s - 2] : never<F>();
      own[t * batch.room + s] = log_sum(before[s], next, skip) + here;
    }
    __syncthreads();
  }
  if (threadIdx.x != 0) return;
  if (path.steps == 0) {
    losses[sample] = path.states == 1 ? F(0) : infinity<F>();
    return;
  }
  const F* last = own + (path.steps - 1) * batch.room;
  const F other = path.states > 1 ? last[path.states - 2] : never<F>();
  losses[sample] = -log_sum(last[path.states - 1], other, never<F>());
}

/// alphas + betas: what flows through each state at each step.
template <typename F>
__global__ void ctc_flows(Batch<F> batch, const F* losses, bool zero_infinity, F* betas, F* flows) {
  const int64_t sample = blockIdx.x;
  const F loss = losses[sample];
  // NaN without a NaN among the numbers is a mistake that forward has told of.
  if (loss != loss || (zero_infinity && std::fabs(loss) == infinity<F>())) return;
  const Path path = path_of(batch, sample);
  const int64_t first = sample * batch.steps * batch.room;
  for (int64_t t = path.steps - 1; t >= 0; --t) {
    const int64_t row = first + t * batch.room;
    const F* after = betas + row + batch.room;
    for (int64_t s = threadIdx.x; s < path.states; s += blockDim.x) {
      const F here = batch.log_prob(t, sample, path.class_of(s));
      F beta = never<F>();
      if (t == path.steps - 1) {
        if (s >= path.states - 2) beta = here;
      } else {
        const F next = s + 1 < path.states ? after[s + 1] : never<F>();
        const bool skips = s + 2 < path.states && path.skips_to(s + 2);
        beta = log_sum(after[s], next, skips ? after[s + 2] : never<F>()) + here;
      }
      betas[row + s] = beta;
      flows[row + s] = batch.alphas[row + s] + beta;
    }
    __syncthreads();
  }
}

/// The gradients of one step of one sample by each block. A class is worked on by the first of its
/// states, which adds up those of the others.
template <typename F>
__global__ void ctc_slopes(Batch<F> batch, const F* grad, const F* losses, bool zero_infinity,
                           const F* flows, F* grad_log_probs) {
  for (int64_t i = blockIdx.x; i < batch.steps * batch.samples; i += gridDim.x) {
    const int64_t sample = i % batch.samples;
    const int64_t t = i / batch.samples;
    const F loss = losses[sample];
    F* out = grad_log_probs + i * batch.classes;
    const bool counts = t < batch.input_lengths[sample];
    const bool nothing = !counts || (zero_infinity && std::fabs(loss) == infinity<F>());
    const auto slope = [&](int64_t wanted, F share) {
      const F p = batch.log_prob(t, sample, wanted);
      return (std::exp(p) - std::exp(share + loss - p)) * grad[sample];
    };
    for (int64_t c = threadIdx.x; c < batch.classes; c += blockDim.x) {
      out[c] = nothing ? F(0) : slope(c, never<F>());
    }
    if (nothing || loss != loss) continue;
    const Path path = path_of(batch, sample);
    const F* own = flows + (sample * batch.steps + t) * batch.room;
    // As in PyTorch the label takes the blank's place at the end where it is the blank's class.
    const bool replaced =
        t == path.steps - 1 && path.states > 1 && path.class_of(path.states - 2) == path.blank;
    F blanks = never<F>();
    for (int64_t s = threadIdx.x; s < path.states; s += blockDim.x) {
      if (path.class_of(s) != path.blank) continue;
      if (!replaced || s == path.states - 2) blanks = LogSum<F>{}(blanks, own[s]);
    }
    blanks = block_reduce(blanks, LogSum<F>{});
    __syncthreads();  // all classes have been written once
    if (threadIdx.x == 0) out[path.blank] = slope(path.blank, blanks);
    for (int64_t s = 1 + 2 * static_cast<int64_t>(threadIdx.x); s < path.states;
         s += 2 * static_cast<int64_t>(blockDim.x)) {
      const int64_t wanted = path.class_of(s);
      bool is_first = wanted != path.blank;
      for (int64_t r = 1; r < s && is_first; r += 2) is_first = path.class_of(r) != wanted;
      if (!is_first) continue;
      F share = own[s];
      for (int64_t r = s + 2; r < path.states; r += 2) {
        if (path.class_of(r) == wanted) share = LogSum<F>{}(share, own[r]);
      }
      out[wanted] = slope(wanted, share);
    }
  }
}

/// The targets may stand on the CPU.
CtcTargets on_device_of(const CtcTargets& given, const Tensor& like) {
  return {raw::to(given.classes, like.device()), raw::to(given.input_lengths, like.device()),
          raw::to(given.target_lengths, like.device()), given.blank};
}

template <typename F>
Batch<F> batch_of(const Tensor& log_probs, const CtcTargets& targets, const Tensor& alphas) {
  return {numbers<F>(log_probs),
          targets.classes.data<int64_t>(),
          targets.input_lengths.data<int64_t>(),
          targets.target_lengths.data<int64_t>(),
          log_probs.size(0),
          log_probs.size(1),
          log_probs.size(2),
          alphas.size(2),
          targets.blank,
          targets.classes.dim() == 2 ? targets.classes.size(1) : -1,
          targets.classes.numel(),
          numbers<F>(alphas)};
}

template <typename F>
void forward(const Tensor& log_probs, const CtcTargets& targets, const Tensor& losses,
             const Tensor& alphas) {
  const auto batch = batch_of<F>(log_probs, targets, alphas);
  if (batch.samples == 0) return;
  const CtcFaults faults{fault_report("[CTCLoss] input_lengths"),
                         fault_report("[CTCLoss] target_lengths"), fault_report("[CTCLoss]")};
  launch(ctc_alphas<F>, batch.samples, threads_for_row(batch.room), 0, batch, numbers<F>(losses),
         faults);
}

template <typename F>
void backward(const Tensor& grad, const Tensor& log_probs, const CtcTargets& targets,
              const Tensor& losses, const Tensor& alphas, bool zero_infinity,
              const Tensor& grad_log_probs) {
  const auto batch = batch_of<F>(log_probs, targets, alphas);
  if (batch.samples == 0 || batch.steps == 0) return;
  const Scratch<F> betas(alphas.numel(), alphas);
  const Scratch<F> flows(alphas.numel(), alphas);
  launch(ctc_flows<F>, batch.samples, threads_for_row(batch.room), 0, batch, numbers<F>(losses),
         zero_infinity, betas.data(), flows.data());
  const int threads = threads_for_row(batch.classes);
  launch(ctc_slopes<F>, blocks_for_rows(batch.steps * batch.samples, threads), threads, 0, batch,
         numbers<F>(grad), numbers<F>(losses), zero_infinity, flows.data(),
         numbers<F>(grad_log_probs));
}

}  // namespace

void ctc(const Tensor& log_probs, const CtcTargets& targets, const Tensor& losses,
         const Tensor& alphas) {
  if (is_half(log_probs.dtype())) {
    const Tensor wide_losses = empty(losses.sizes(), DType::Float32, losses.device());
    const Tensor wide_alphas = empty(alphas.sizes(), DType::Float32, alphas.device());
    ctc(raw::to(log_probs, DType::Float32), targets, wide_losses, wide_alphas);
    raw::copy_(losses, wide_losses);
    return raw::copy_(alphas, wide_alphas);
  }
  const CtcTargets there = on_device_of(targets, log_probs);
  if (log_probs.dtype() == DType::Float64) return forward<double>(log_probs, there, losses, alphas);
  forward<float>(log_probs, there, losses, alphas);
}

void ctc_grad(const Tensor& grad, const Tensor& log_probs, const CtcTargets& targets,
              const Tensor& losses, const Tensor& alphas, bool zero_infinity,
              const Tensor& grad_log_probs) {
  const auto wide = [](const Tensor& x) { return raw::to(x, DType::Float32); };
  if (is_half(log_probs.dtype())) {
    const Tensor out = empty(log_probs.sizes(), DType::Float32, log_probs.device());
    ctc_grad(wide(grad), wide(log_probs), targets, wide(losses), wide(alphas), zero_infinity, out);
    return raw::copy_(grad_log_probs, out);
  }
  const CtcTargets there = on_device_of(targets, log_probs);
  if (log_probs.dtype() == DType::Float64) {
    return backward<double>(grad, log_probs, there, losses, alphas, zero_infinity, grad_log_probs);
  }
  backward<float>(grad, log_probs, there, losses, alphas, zero_infinity, grad_log_probs);
}

}  // namespace nw::cuda
