#include "core/backend/loss_kernels.h"
#include "plugins/cuda/kernels/losses.h"
#include "tests/plugins/cuda_kernels/kernel_check.h"

namespace nw::cuda {

// What reductions of very many numbers leave to other kernels.
void binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& out) {
  test::on_cpu().binary(op, a, b, out);
}
void copy(const Tensor& in, const Tensor& out) {
  test::on_cpu().copy(in, out);
}

}  // namespace nw::cuda

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kRounds = 150;

Tensor whole_numbers(int64_t count, int64_t least, int64_t most) {
  return draw().whole({count}, least, most);
}

Tensor words(const std::vector<int64_t>& values, const Dims& sizes) {
  return tensor_of<int64_t>(values, sizes);
}

/// The text of what the CPU throws, and of the note that the kernel leaves.
template <typename OnCpu, typename Ours>
bool same_fault(const OnCpu& on_cpu, const Ours& ours) {
  cuda::emulated_note() = {};
  std::string expected = "nothing";
  try {
    on_cpu();
  } catch (const Error& error) {
    expected = error.text();
  }
  ours();
  const std::string text = cuda::fault_text(cuda::emulated_note());
  cuda::emulated_note() = {};
  if (text != expected) qWarning("%s\n%s", text.c_str(), expected.c_str());
  return text == expected;
}

/// A batch for CTC: lengths that fit, targets in rows or all in one.
struct CtcCase {
  Tensor log_probs, losses, alphas;
  CtcTargets targets;

  CtcCase(DType dtype, int64_t blank) {
    const int64_t steps = draw().integer(1, 12);
    const int64_t samples = draw().integer(1, 5);
    const int64_t classes = draw().chance(0.2) ? draw().integer(30, 90) : draw().integer(2, 6);
    const int64_t room = draw().chance(0.1) ? draw().integer(20, 50) : draw().integer(0, 6);
    const Tensor x = numbers_of({steps * samples, classes, 1}, dtype);
    log_probs = empty({steps, samples, classes}, dtype);
    on_cpu().softmax(x, true, log_probs.as_strided(x.sizes(), x.strides(), 0));
    targets.blank = std::min(blank, classes - 1);
    targets.input_lengths = whole_numbers(samples, 0, steps);
    targets.target_lengths = whole_numbers(samples, 0, room);
    const bool padded = draw().chance(0.5);
    int64_t total = 0;
    for (int64_t n = 0; n < samples; ++n) total += targets.target_lengths.data<int64_t>()[n];
    const int64_t all = padded ? samples * room : total;
    targets.classes = whole_numbers(all, 0, classes - 1);
    if (padded) targets.classes = targets.classes.as_strided({samples, room}, {room, 1}, 0);
    losses = empty({samples}, dtype);
    alphas = zeros({samples, steps, 2 * (padded ? room : total) + 1}, dtype);
  }
};

struct BagCase {
  Bags bags;
  Tensor index, offsets, weight, scales, chosen, out;
  bool by_frequency = draw().chance(0.4);

  explicit BagCase(DType dtype) {
    const int64_t rows = draw().integer(1, 12);
    const int64_t columns = draw().chance(0.2) ? draw().integer(30, 80) : draw().integer(1, 9);
    const int64_t count = draw().chance(0.2) ? draw().integer(30, 90) : draw().integer(0, 12);
    bags.mode = static_cast<BagMode>(draw().integer(0, 2));
    bags.padding = draw().chance(0.3) ? draw().integer(0, rows - 1) : -1;
    index = whole_numbers(count, 0, rows - 1);
    std::vector<int64_t> begins{0};
    for (int64_t b = draw().integer(0, 5); b > 0; --b) begins.push_back(draw().integer(0, count));
    std::sort(begins.begin(), begins.end());
    const auto known = static_cast<int64_t>(begins.size());
    const int64_t all = known > 1 && draw().chance(0.3) ? known - 1 : known;
    offsets = words(begins, {known});
    weight = numbers_of({rows, columns}, dtype);
    if (bags.mode == BagMode::Sum && draw().chance(0.5)) scales = numbers_of({count}, dtype);
    out = zeros({all, columns}, dtype);
    if (bags.mode == BagMode::Max) chosen = zeros({all, columns}, DType::Int64);
  }
};

}  // namespace

/// Losses and embeddings that go along rows.
class TestRowsEmulated : public QObject {
  Q_OBJECT

 private slots:
  void multi_margin() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = any_floating();
      const Dims sizes{draw().integer(1, 7),
                       draw().chance(0.2) ? draw().integer(50, 400) : draw().integer(1, 9)};
      const Tensor x = numbers_of(sizes, dtype);
      const Tensor target = whole_numbers(sizes[0], 0, sizes[1] - 1);
      const Tensor weight = draw().chance(0.5) ? numbers_of({sizes[1]}, dtype) : Tensor();
      const int power = static_cast<int>(draw().integer(1, 2));
      const double margin = draw().real(0, 2);
      const Tensor ours = empty({sizes[0]}, dtype);
      const Tensor expected = empty({sizes[0]}, dtype);
      cuda::multi_margin(x, target, weight, power, margin, ours);
      on_cpu().loss->multi_margin(x, target, weight, power, margin, expected);
      QVERIFY(agree(ours, expected, "multi_margin", 10));
      const Tensor grad = numbers_of({sizes[0]}, dtype);
      const Tensor slope = empty(sizes, dtype);
      const Tensor expected_slope = empty(sizes, dtype);
      cuda::multi_margin_grad(grad, x, target, weight, power, margin, slope);
      on_cpu().loss->multi_margin_grad(grad, x, target, weight, power, margin, expected_slope);
      QVERIFY(agree(slope, expected_slope, "multi_margin_grad", 20));
    }
  }

  void multi_label_margin() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = any_floating();
      const Dims sizes{draw().integer(1, 7),
                       draw().chance(0.2) ? draw().integer(40, 150) : draw().integer(1, 9)};
      const Tensor x = numbers_of(sizes, dtype);
      const Tensor target = draw().whole(sizes, -1, sizes[1] - 1);
      const Tensor ours = empty({sizes[0]}, dtype);
      const Tensor expected = empty({sizes[0]}, dtype);
      cuda::multi_label_margin(x, target, ours);
      on_cpu().loss->multi_label_margin(x, target, expected);
      QVERIFY(agree(ours, expected, "multi_label_margin", 10));
      const Tensor grad = numbers_of({sizes[0]}, dtype);
      const Tensor slope = empty(sizes, dtype);
      const Tensor expected_slope = empty(sizes, dtype);
      cuda::multi_label_margin_grad(grad, x, target, slope);
      on_cpu().loss->multi_label_margin_grad(grad, x, target, expected_slope);
      QVERIFY(agree(slope, expected_slope, "multi_label_margin_grad", 20));
    }
  }

  void margins_tell_of_targets() {
    const Tensor x = numbers_of({3, 4}, DType::Float32);
    const Tensor out = empty({3}, DType::Float32);
    const auto multi = [&](const Tensor& target, const Tensor& weight) {
      return same_fault([&] { on_cpu().loss->multi_margin(x, target, weight, 1, 1, out); },
                        [&] { cuda::multi_margin(x, target, weight, 1, 1, out); });
    };
    QVERIFY(multi(words({0, 4, 1}, {3}), {}));
    QVERIFY(multi(words({0, 1, -1}, {3}), {}));
    QVERIFY(multi(words({0, 1, 3}, {3}), numbers_of({2}, DType::Float32)));
    const Tensor labels = words({0, 1, -1, 0, 2, -1, -1, 0, 3, 1, -2, 0}, {3, 4});
    QVERIFY(same_fault([&] { on_cpu().loss->multi_label_margin(x, labels, out); },
                       [&] { cuda::multi_label_margin(x, labels, out); }));
  }

  void ctc() {
    int infinite = 0;
    for (int round = 0; round < 4 * kRounds; ++round) {
      const DType dtype = any_floating();
      const CtcCase given(dtype, draw().integer(0, 3));
      const Tensor expected = empty(given.losses.sizes(), dtype);
      const Tensor expected_alphas = zeros(given.alphas.sizes(), dtype);
      cuda::ctc(given.log_probs, given.targets, given.losses, given.alphas);
      on_cpu().loss->ctc(given.log_probs, given.targets, expected, expected_alphas);
      QVERIFY(agree(given.losses, expected, "ctc", 20));
      const Tensor grad = numbers_of(given.losses.sizes(), dtype);
      const bool zero_infinity = draw().chance(0.5);
      const Tensor slope = empty(given.log_probs.sizes(), dtype);
      const Tensor expected_slope = empty(given.log_probs.sizes(), dtype);
      cuda::ctc_grad(grad, given.log_probs, given.targets, expected, expected_alphas, zero_infinity,
                     slope);
      on_cpu().loss->ctc_grad(grad, given.log_probs, given.targets, expected, expected_alphas,
                              zero_infinity, expected_slope);
      QVERIFY(agree(slope, expected_slope, "ctc_grad", 100));
      for (int64_t n = 0; n < expected.numel(); ++n) {
        infinite += std::isinf(expected.as_strided({}, {}, n).item()) ? 1 : 0;
      }
    }
    QVERIFY(infinite > 10);
  }

  void ctc_tells_of_mistakes() {
    const Tensor log_probs = numbers_of({4, 2, 3}, DType::Float32);
    const Tensor losses = empty({2}, DType::Float32);
    const Tensor alphas = empty({2, 4, 7}, DType::Float32);
    const auto check = [&](const std::vector<int64_t>& classes, Dims sizes,
                           const std::vector<int64_t>& inputs,
                           const std::vector<int64_t>& lengths) {
      const CtcTargets targets{words(classes, sizes), words(inputs, {2}), words(lengths, {2}), 0};
      return same_fault([&] { on_cpu().loss->ctc(log_probs, targets, losses, alphas); },
                        [&] { cuda::ctc(log_probs, targets, losses, alphas); });
    };
    QVERIFY(check({1, 2, 1}, {3}, {4, 5}, {1, 2}));
    QVERIFY(check({1, 2, 1}, {3}, {-1, 4}, {1, 2}));
    QVERIFY(check({1, 2, 1}, {3}, {4, 4}, {1, 4}));
    QVERIFY(check({1, 2, 1}, {3}, {4, 4}, {1, 1}));
    QVERIFY(check({1, 2, 3}, {3}, {4, 4}, {1, 2}));
    QVERIFY(check({1, 2, 1, 1}, {2, 2}, {4, 4}, {3, 2}));
  }

  void bags() {
    for (int round = 0; round < 4 * kRounds; ++round) {
      const DType dtype = any_floating();
      const BagCase given(dtype);
      const Tensor expected = zeros(given.out.sizes(), dtype);
      const Tensor expected_chosen =
          given.chosen.defined() ? zeros(given.chosen.sizes(), DType::Int64) : Tensor();
      cuda::bag_rows(given.bags, given.index, given.offsets, given.weight, given.scales,
                     given.chosen, given.out);
      on_cpu().norm->bag_rows(given.bags, given.index, given.offsets, given.weight, given.scales,
                              expected_chosen, expected);
      QVERIFY(agree(given.out, expected, "bag_rows", 4));
      if (given.chosen.defined()) QVERIFY(equal_bits(given.chosen, expected_chosen, "chosen"));
      const Tensor grad = numbers_of(given.out.sizes(), dtype);
      const Tensor slope = empty(given.weight.sizes(), dtype);
      const Tensor expected_slope = empty(given.weight.sizes(), dtype);
      const bool scaled = given.scales.defined();
      const Tensor scale_slope = scaled ? empty(given.scales.sizes(), dtype) : Tensor();
      const Tensor expected_scale_slope = scaled ? empty(given.scales.sizes(), dtype) : Tensor();
      cuda::bag_rows_grad(given.bags, given.by_frequency, grad, given.index, given.offsets,
                          given.weight, given.scales, expected_chosen, slope, scale_slope);
      on_cpu().norm->bag_rows_grad(given.bags, given.by_frequency, grad, given.index, given.offsets,
                                   given.weight, given.scales, expected_chosen, expected_slope,
                                   expected_scale_slope);
      QVERIFY(agree(slope, expected_slope, "bag_rows_grad", 10));
      if (scaled) QVERIFY(agree(scale_slope, expected_scale_slope, "grad_scales", 10));
    }
  }

  void bags_tell_of_mistakes() {
    const Tensor weight = numbers_of({3, 2}, DType::Float32);
    const Tensor out = zeros({2, 2}, DType::Float32);
    const auto check = [&](const std::vector<int64_t>& index, const std::vector<int64_t>& offsets) {
      const Tensor entries = words(index, {4});
      const Tensor begins = words(offsets, {2});
      const Bags sums{BagMode::Sum, -1};
      return same_fault(
          [&] { on_cpu().norm->bag_rows(sums, entries, begins, weight, {}, {}, out); },
          [&] { cuda::bag_rows(sums, entries, begins, weight, {}, {}, out); });
    };
    QVERIFY(check({0, 1, 3, 0}, {0, 2}));
    QVERIFY(check({0, -1, 2, 0}, {0, 2}));
    QVERIFY(check({0, 1, 2, 0}, {1, 2}));
    QVERIFY(check({0, 1, 2, 0}, {0, 5}));
    QVERIFY(check({0, 1, 2, 0}, {0, -1}));
  }

  void renorm() {
    constexpr double kDegrees[] = {2, 1, 0, 3, 0.5, HUGE_VAL, -HUGE_VAL};
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = any_floating();
      const Dims sizes{draw().integer(1, 12), draw().integer(1, 90)};
      const Tensor ours = numbers_of(sizes, dtype);
      const Tensor expected = raw::clone(ours);
      const Tensor index = whole_numbers(draw().integer(0, 9), 0, sizes[0] - 1);
      const double p = kDegrees[round % 7];
      const double most = draw().real(0.1, 4);
      cuda::renorm_rows(index, most, p, ours);
      on_cpu().norm->renorm_rows(index, most, p, expected);
      QVERIFY2(agree(ours, expected, "renorm", 4), qPrintable(QString::number(p)));
    }
  }
};

QTEST_GUILESS_MAIN(TestRowsEmulated)
#include "test_rows_emulated.moc"
