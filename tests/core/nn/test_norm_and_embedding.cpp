#include <QtTest>
#include <cmath>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/nn/layers/batch_norm.h"
#include "core/nn/layers/embedding.h"
#include "core/ops/norm.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"

using namespace nw;
using namespace nw::nn;

namespace {

template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.text();
  }
  return {};
}

double at(const Tensor& x, int64_t i) {
  return x.dtype() == DType::Float64 ? x.data<double>()[i] : double{x.data<float>()[i]};
}

StateDict without(const StateDict& state, std::string_view key, int version) {
  StateDict out;
  for (const auto& entry : state.entries) {
    if (entry.key != key) out.entries.push_back({entry.key, raw::clone(entry.tensor)});
  }
  for (const auto& [path, given] : state.versions) out.versions.emplace_back(path, version);
  return out;
}

}  // namespace

/// What the comparison with PyTorch does not reach: states of older versions, given weights.
class TestNormAndEmbedding : public QObject {
  Q_OBJECT

 private slots:
  void old_states_lack_the_count_of_batches() {
    BatchNorm2d norm({.num_features = 2});
    norm.forward(full({3, 2, 4, 4}, 1.5));
    QCOMPARE(norm.state_dict().find("num_batches_tracked")->item(), 1.0);
    const StateDict state = norm.state_dict();
    QVERIFY(error_of([&] {
              norm.load_state_dict(without(state, "num_batches_tracked", 2));
            }).find("num_batches_tracked") != std::string::npos);
    norm.load_state_dict(without(state, "num_batches_tracked", 1));
    QCOMPARE(norm.state_dict().find("num_batches_tracked")->item(), 0.0);
    QVERIFY(error_of([&] {
              norm.load_state_dict(without(state, "running_var", 1));
            }).find("running_var") != std::string::npos);
  }

  void one_value_per_channel_is_refused_in_training_alone() {
    BatchNorm1d norm({.num_features = 3});
    QVERIFY(error_of([&] {
              norm.forward(zeros({1, 3}));
            }).starts_with("[BatchNorm] expects more than 1 value per channel when training"));
    norm.eval();
    QCOMPARE(norm.forward(zeros({1, 3})).sizes(), (Dims{1, 3}));
  }

  void pretrained_rows_are_shared_and_frozen() {
    const float numbers[] = {1, 2, 3, 4, 5, 6};
    const Tensor rows = tensor_of<float>(numbers, {3, 2});
    const auto frozen = Embedding::from_pretrained(rows);
    const int64_t chosen[] = {2, 0};
    const Tensor index = tensor_of<int64_t>(chosen, {2});
    const Tensor y = frozen->forward(Tensors{index})[0];
    QCOMPARE(y.data<float>()[0], 5.0f);
    QCOMPARE(y.data<float>()[3], 2.0f);
    QVERIFY(!y.requires_grad());
    rows.data<float>()[4] = 50;
    QCOMPARE(frozen->forward(Tensors{index})[0].data<float>()[0], 50.0f);
    QVERIFY(Embedding::from_pretrained(rows, false)->forward(Tensors{index})[0].requires_grad());
    QVERIFY(!error_of([] { Embedding::from_pretrained(zeros({3})); }).empty());
    const auto bag = EmbeddingBag::from_pretrained(rows, true, {}, {.mode = BagMode::Max});
    const Tensor largest = bag->forward(Tensors{tensor_of<int64_t>(chosen, {1, 2})})[0];
    QCOMPARE(largest.data<float>()[0], 50.0f);
    QCOMPARE(largest.data<float>()[1], 6.0f);
  }

  void long_rows_are_shortened_in_place() {
    const float numbers[] = {3, 4, 0.3f, 0.4f};
    const Tensor rows = tensor_of<float>(numbers, {2, 2});
    const auto table = Embedding::from_pretrained(rows, true, {.max_norm = 1});
    const int64_t first[] = {0, 0, 1};
    table->forward(Tensors{tensor_of<int64_t>(first, {3})});
    QVERIFY(std::abs(rows.data<float>()[0] - 0.6f) < 1e-6f);
    QCOMPARE(rows.data<float>()[2], 0.3f);
  }

  void indices_outside_are_refused() {
    Embedding table({.num_embeddings = 3, .embedding_dim = 2});
    const int64_t outside[] = {3};
    QVERIFY(!error_of([&] { table.forward(Tensors{tensor_of<int64_t>(outside, {1})}); }).empty());
    QVERIFY(!error_of([&] { table.forward(Tensors{zeros({2})}); }).empty());
    QVERIFY(error_of([] {
              Embedding({.num_embeddings = 3, .embedding_dim = 2, .padding_idx = 3});
            }).find("padding_idx") != std::string::npos);
  }

  /// The mean of equal numbers is that number: no rounding may look like a variance, which without
  /// eps would be blown up to 1.
  void equal_numbers_have_no_variance() {
    test::Draw draw(test::test_seed());
    for (const DType dtype : {DType::Float32, DType::Float64}) {
      for (const int64_t count : {2, 3, 7, 10, 49, 100, 600, 5000}) {
        const double number = draw.real(-3, 3);
        const Tensor row = full({2, count}, number, dtype);
        const Tensor y = ops::layer_norm(row, {count}, {}, {}, 0);
        for (int64_t i = 0; i < y.numel(); ++i) QVERIFY(std::isnan(at(y, i)));
        const Tensor channels = full({2, 3, count}, number, dtype);
        const Tensor grouped = ops::group_norm(channels, 1, {}, {}, 0);
        for (int64_t i = 0; i < grouped.numel(); ++i) QVERIFY(std::isnan(at(grouped, i)));
        const Tensor mean = zeros({3}, dtype);
        const Tensor variance = full({3}, 1, dtype);
        const Tensor normal = ops::batch_norm(channels, {}, {}, {mean, variance, {}},
                                              {.training = true, .momentum = 1, .eps = 0});
        for (int64_t i = 0; i < 3; ++i) {
          QCOMPARE(at(mean, i), at(row, 0));
          QCOMPARE(at(variance, i), 0.0);
        }
        QCOMPARE(at(normal, 0), 0.0);
      }
    }
  }

  /// 16-bit numbers beside float32 weights and statistics, as under autocast: computed in float32
  /// and rounded once, gradients and statistics in the dtypes of what they belong to.
  void narrow_numbers_beside_wide_weights() {
    test::Draw draw(test::test_seed());
    for (const DType dtype : {DType::Float16, DType::BFloat16}) {
      for (const bool by_instance : {false, true}) {
        for (const bool training : {true, false}) {
          for (const bool innermost : {false, true}) {
            const Dims sizes{3, 4, 5, 2};
            const Tensor drawn = raw::to(draw.numbers(sizes, DType::Float32), dtype);
            const Tensor narrow =
                innermost ? empty(sizes, dtype).as_strided(sizes, channels_last_strides(sizes), 0)
                          : empty(sizes, dtype);
            raw::copy_(narrow, drawn);
            const Tensor weight = draw.numbers({4}, DType::Float32);
            const Tensor bias = draw.numbers({4}, DType::Float32);
            const Tensor slope = raw::to(draw.numbers(sizes, DType::Float32), dtype);
            const auto run = [&](const Tensor& given, const Tensor& grad) {
              std::vector<Tensor> leaves{raw::clone(given), raw::clone(weight), raw::clone(bias)};
              for (const Tensor& leaf : leaves) leaf.set_requires_grad(true);
              const ops::RunningStatistics running{full({4}, 0.5), full({4}, 2),
                                                   full({}, 6, DType::Int64)};
              const ops::BatchNormOptions options{.training = training, .momentum = 0.3};
              const auto norm = by_instance ? ops::instance_norm : ops::batch_norm;
              const Tensor y = norm(leaves[0], leaves[1], leaves[2], running, options);
              autograd::backward(y, grad);
              std::vector<Tensor> all{y.detach(), running.mean, running.variance, running.batches};
              for (const Tensor& leaf : leaves) all.push_back(leaf.grad());
              return all;
            };
            const auto ours = run(narrow, slope);
            const auto wide = run(raw::to(narrow, DType::Float32), raw::to(slope, DType::Float32));
            for (size_t i = 0; i < ours.size(); ++i) {
              const bool is_narrow = i == 0 || i == 4;
              const Tensor expected = is_narrow ? raw::to(wide[i], dtype) : wide[i];
              QCOMPARE(test::difference(ours[i], expected, "number " + std::to_string(i), 0),
                       std::string());
            }
            QCOMPARE(running_moved(ours), training);
          }
        }
      }
    }
  }

 private:
  static bool running_moved(const std::vector<Tensor>& all) { return at(all[1], 0) != 0.5; }
};

QTEST_GUILESS_MAIN(TestNormAndEmbedding)
#include "test_norm_and_embedding.moc"
