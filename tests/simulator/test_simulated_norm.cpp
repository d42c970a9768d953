#include <QTest>
#include <array>

#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/fallback.h"
#include "core/backend/norm_kernels.h"
#include "tests/simulator/load_gpus.h"
#include "tests/support/block_case.h"
#include "tests/support/compare.h"

using namespace nw;
using namespace nw::test;

namespace {

const Device kGpu{DeviceType::Cuda, 0};

Tensor laid_out(const Tensor& x, bool innermost) {
  if (!x.defined() || !innermost) return x;
  const Tensor laid = empty(Dims{x.numel()}, x.dtype(), x.device())
                          .as_strided(x.sizes(), channels_last_strides(x.sizes()), 0);
  raw::copy_(laid, x);
  return laid;
}

/// A batch with all that is given to its normalisation, on one device.
struct Batch {
  Tensor x, grad, weight, bias, batches, running_mean, running_variance;
  bool innermost = false;
  double eps = 1e-3;
  BatchTracking tracking;

  explicit Batch(Draw& draw) {
    constexpr DType kTypes[] = {DType::Float32, DType::Float64, DType::Float16, DType::BFloat16};
    const DType dtype = kTypes[draw.integer(0, 3)];
    const bool beside = is_half(dtype) && draw.chance(0.7);
    const DType wide = beside ? DType::Float32 : dtype;
    Dims sizes{draw.integer(2, 5), draw.integer(1, 7)};
    for (int64_t i = draw.integer(0, 3); i > 0; --i) sizes.push_back(draw.integer(1, 6));
    innermost = sizes.size() > 2 && draw.chance(0.5);
    x = laid_out(draw.numbers(sizes, dtype), innermost);
    grad = laid_out(draw.numbers(sizes, dtype), innermost);
    const Dims channels{sizes[1]};
    if (draw.chance(0.85)) weight = draw.numbers(channels, wide);
    if (draw.chance(0.85)) bias = draw.numbers(channels, wide);
    if (draw.chance(0.1)) eps = 0;
    tracking = {draw.real(0, 1), draw.chance(0.15)};
    if (!draw.chance(0.8)) return;
    batches = full({}, draw.integer(0, 9), DType::Int64);
    running_mean = draw.numbers(channels, wide);
    running_variance = draw.numbers(channels, wide);
    const Kernels& cpu = kernels_of(running_variance);
    cpu.unary(UnaryOp::Square, running_variance, running_variance);
    cpu.affine(running_variance, 1, 0.5, running_variance);
  }

  Batch on(Device device) const {
    Batch moved = *this;
    for (Tensor* one : {&moved.x, &moved.grad, &moved.weight, &moved.bias, &moved.batches,
                        &moved.running_mean, &moved.running_variance}) {
      if (one->defined()) *one = raw::clone(raw::to(*one, device));
    }
    moved.x = laid_out(moved.x, innermost);
    moved.grad = laid_out(moved.grad, innermost);
    return moved;
  }

  /// Whether cuDNN has code for it that does what PyTorch does.
  bool is_for_cudnn() const {
    const DType dtype = x.dtype();
    const DType wide = is_half(dtype) ? DType::Float32 : dtype;
    const auto has = [&](const Tensor& t) { return t.defined() && t.dtype() == wide; };
    const bool moves = running_mean.defined();
    return dtype != DType::BFloat16 && x.dim() >= 3 && x.dim() <= 5 && eps > 0 && has(weight) &&
           has(bias) && (!moves || (has(running_mean) && !tracking.cumulative));
  }
};

using Results = std::vector<std::pair<std::string, Tensor>>;

Tensor alike(const Tensor& x) {
  return empty(Dims{x.numel()}, x.dtype(), x.device()).as_strided(x.sizes(), x.strides(), 0);
}

/// Forward, backward and, where there are statistics, by these; `kept` tells who did it.
Results results_of(const Batch& b, Tensor& kept) {
  const NormKernels& kernels = *kernels_of(b.x).norm;
  const DType wide = b.x.dtype() == DType::Float64 ? DType::Float64 : DType::Float32;
  const Dims channels{b.x.size(1)};
  const auto grad_of = [](const Tensor& t) { return t.defined() ? alike(t) : t; };
  const Tensor y = alike(b.x);
  const Tensor mean = empty(channels, wide, b.x.device());
  const Tensor rstd = empty(channels, wide, b.x.device());
  kernels.batch_norm(b.x, b.weight, b.bias, b.eps, b.tracking, b.batches, b.running_mean,
                     b.running_variance, y, mean, rstd, kept);
  Results all{{"y", y},
              {"mean", mean},
              {"rstd", rstd},
              {"batches", b.batches},
              {"running mean", b.running_mean},
              {"running variance", b.running_variance},
              {"grad_x", alike(b.x)},
              {"grad_weight", grad_of(b.weight)},
              {"grad_bias", grad_of(b.bias)}};
  kernels.batch_norm_grad(b.grad, b.x, mean, rstd, kept, b.weight, b.eps, all[6].second,
                          all[7].second, all[8].second);
  if (!b.running_mean.defined() || b.eps == 0) return all;
  all.emplace_back("y by given statistics", alike(b.x));
  kernels.batch_norm_fixed(b.x, b.running_mean, b.running_variance, b.weight, b.bias, b.eps,
                           all.back().second);
  return all;
}

}  // namespace

/// Batch normalisation on a simulated GPU: by cuDNN where that is asked, else by our kernels.
class TestSimulatedNorm : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { QCOMPARE(load_simulated_gpus(), std::string()); }

  void batches() {
    Draw draw(test_seed());
    int by_cudnn = 0;
    int by_ours = 0;
    for (int round = 0; round < 400; ++round) {
      const Batch batch(draw);
      if (batch.x.numel() == batch.x.size(1)) continue;
      Tensor kept;
      const Results ours = results_of(batch.on(kGpu), kept);
      // The stand-in for cuDNN keeps something in any case.
      QCOMPARE(kept.defined(), batch.is_for_cudnn());
      (kept.defined() ? by_cudnn : by_ours) += 1;
      Tensor nothing;
      const Results expected = results_of(batch.on(kCpu), nothing);
      QCOMPARE(ours.size(), expected.size());
      for (size_t i = 0; i < ours.size(); ++i) {
        const auto& [name, tensor] = ours[i];
        if (!tensor.defined()) continue;
        const std::string text = difference(raw::to(tensor, kCpu), expected[i].second, name, 50);
        QVERIFY2(text.empty(), (text + " of " + describe(batch.x)).c_str());
      }
    }
    QVERIFY(by_cudnn > 60 && by_ours > 60);
    for (const auto& [kernel, count] : fallback_counts()) {
      QVERIFY2(!kernel.starts_with("norm"), kernel.c_str());
    }
  }

  /// What one of the two kept for the backward pass the other need not understand.
  void backward_of_a_forward_that_was_ours() {
    Draw draw(test_seed());
    const Dims sizes{3, 4, 5, 2};
    const Tensor x = raw::to(draw.numbers(sizes, DType::Float32), kGpu);
    const Tensor weight = raw::to(draw.numbers({4}, DType::Float32), kGpu);
    const Tensor mean = empty({4}, DType::Float32, kGpu);
    const Tensor rstd = empty({4}, DType::Float32, kGpu);
    const auto grads = [&](const Tensor& bias) {
      Tensor kept;
      const NormKernels& kernels = *kernels_of(x).norm;
      kernels.batch_norm(x, weight, bias, 1e-3, {}, {}, {}, {}, alike(x), mean, rstd, kept);
      std::array<Tensor, 2> both{alike(x), alike(weight)};
      kernels.batch_norm_grad(x, x, mean, rstd, kept, weight, 1e-3, both[0], both[1], {});
      return both;
    };
    const auto by_cudnn = grads(zeros({4}, DType::Float32, kGpu));
    const auto by_ours = grads({});
    for (size_t i = 0; i < 2; ++i) {
      QCOMPARE(difference(raw::to(by_ours[i], kCpu), raw::to(by_cudnn[i], kCpu), "gradient", 5),
               std::string());
    }
  }
};

QTEST_GUILESS_MAIN(TestSimulatedNorm)
#include "test_simulated_norm.moc"
