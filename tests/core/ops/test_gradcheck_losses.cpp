#include <QtTest>
#include <cstdio>
#include <limits>

#include "core/backend/creation.h"
#include "core/ops/activation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/attention.h"
#include "core/ops/distance.h"
#include "core/ops/loss.h"
#include "core/ops/softmax.h"
#include "tests/support/gradcheck_ops.h"

using namespace nw;
using namespace nw::test;

namespace {

/// 0, 1, … below `count`, again and again.
Tensor whole(const Dims& sizes, int64_t count, DType dtype = DType::Int64, int64_t first = 0) {
  const Tensor out = empty(sizes, DType::Int64, kCpu);
  for (int64_t i = 0; i < out.numel(); ++i) out.data<int64_t>()[i] = (i + first) % count;
  return raw::to(out, dtype);
}

/// −1 and 1 in turn.
Tensor signs(const Dims& sizes) {
  return ops::affine(whole(sizes, 2, DType::Float64), 2, -1);
}

Tensor classes_for(const Tensor& x) {
  Dims sizes = x.sizes();
  sizes.erase(1);
  return whole(sizes, x.size(1));
}

Tensor three_weights() {
  const std::vector<double> weights = {0.5, 2.0, 1.0};
  return tensor_of<double>(weights, {3});
}

std::vector<GradRow> loss_rows() {
  using ops::Reduction;
  const Dims two{3, 4};
  const Dims classes{5, 3};
  return {
      {"l1", [](const Tensors& t) { return ops::l1_loss(t[0], t[1]); }, {two, two}},
      {"smooth l1",
       [](const Tensors& t) { return ops::smooth_l1_loss(t[0], t[1], 0.7); },
       {two, two}},
      {"huber, kept apart",
       [](const Tensors& t) { return ops::huber_loss(t[0], t[1], 0.8, Reduction::None); },
       {two, two}},
      {"nll",
       [](const Tensors& t) { return ops::nll_loss(t[0], classes_for(t[0]), three_weights()); },
       {classes}},
      {"bce",
       [](const Tensors& t) {
         return ops::binary_cross_entropy(ops::sigmoid(t[0]), ops::sigmoid(t[1]), three_weights());
       },
       {classes, classes}},
      {"bce of logits",
       [](const Tensors& t) {
         return ops::binary_cross_entropy_with_logits(t[0], t[1], {}, three_weights());
       },
       {classes, classes}},
      {"soft margin",
       [](const Tensors& t) { return ops::soft_margin_loss(t[0], signs(t[0].sizes())); },
       {two}},
      {"multi-label soft margin",
       [](const Tensors& t) {
         return ops::multilabel_soft_margin_loss(t[0], t[1], three_weights(), Reduction::None);
       },
       {classes, classes}},
      {"kl",
       [](const Tensors& t) {
         return ops::kl_div(t[0], ops::sigmoid(t[1]), ops::KlReduction::BatchMean);
       },
       {two, two}},
      {"kl of logarithms",
       [](const Tensors& t) { return ops::kl_div(t[0], t[1], ops::KlReduction::Sum, true); },
       {two, two}},
      {"gaussian",
       [](const Tensors& t) {
         return ops::gaussian_nll_loss(t[0], t[1], ops::sigmoid(t[2]), {.full = true});
       },
       {two, two, two}},
      {"poisson",
       [](const Tensors& t) {
         return ops::poisson_nll_loss(t[0], whole(t[0].sizes(), 5, DType::Float64), {.full = true});
       },
       {two}},
  };
}

std::vector<GradRow> margin_rows() {
  const Dims two{3, 4};
  const Dims classes{5, 3};
  std::vector<GradRow> rows = {
      {"multi margin",
       [](const Tensors& t) {
         return ops::multi_margin_loss(t[0], classes_for(t[0]),
                                       {.p = 2, .margin = 0.9, .weight = three_weights()});
       },
       {classes}},
      {"multi-label margin",
       [](const Tensors& t) {
         return ops::multilabel_margin_loss(ops::mul(t[0], 1.07),
                                            ops::sub(whole(t[0].sizes(), 3, DType::Int64, 1), 1));
       },
       {classes}},
      {"hinge",
       [](const Tensors& t) { return ops::hinge_embedding_loss(t[0], signs(t[0].sizes()), 0.6); },
       {two}},
      {"cosine",
       [](const Tensors& t) {
         return ops::cosine_embedding_loss(t[0], t[1], signs({t[0].size(0)}), 0.1);
       },
       {two, two}},
      {"ranking",
       [](const Tensors& t) {
         return ops::margin_ranking_loss(t[0], t[1], signs(t[0].sizes()), 0.3);
       },
       {two, two}},
      {"triplet, swapped",
       [](const Tensors& t) {
         return ops::triplet_margin_loss(t[0], t[1], t[2], {.margin = 3, .swap = true});
       },
       {two, two, two}},
  };
  // Its gradient holds behind a log_softmax.
  rows.push_back({"ctc",
                  [](const Tensors& t) {
                    const int64_t samples = t[0].size(1);
                    const Tensor targets = ops::add(whole({samples, 2}, 3), 1);
                    return ops::ctc_loss(ops::log_softmax(t[0], 2), targets,
                                         full({samples}, 5, DType::Int64, kCpu),
                                         full({samples}, 2, DType::Int64, kCpu));
                  },
                  {{5, 2, 4}},
                  {.takes_batch_of_one = false, .takes_empty_batch = false}});
  for (double p : {1.0, 1.5, 3.0, std::numeric_limits<double>::infinity()}) {
    rows.push_back(
        {concat("norm ", p), [p](const Tensors& t) { return ops::last_norm(t[0], p); }, {two}});
  }
  return rows;
}

/// Attention of 2 heads over 4 features, fused or composed.
GradRow attention_row(std::string name, bool fused, const ops::AttentionOptions& given,
                      std::vector<Dims> sizes) {
  const auto op = [fused, given](const Tensors& t) -> Tensors {
    ops::AttentionOptions options = given;
    options.heads = 2;
    options.features = 4;
    if (t.size() == 2 || t.size() == 4) options.mask = t[t.size() - 1];
    Generator generator(7);
    const bool packed = t.size() <= 2;
    const ops::Projection q{t[0], 0};
    const ops::Projection k = packed ? ops::Projection{t[0], 4} : ops::Projection{t[1], 0};
    const ops::Projection v = packed ? ops::Projection{t[0], 8} : ops::Projection{t[2], 0};
    const ops::Attention out = fused ? ops::attention(q, k, v, options, generator)
                                     : ops::composed_attention(q, k, v, options, generator);
    return options.want_weights ? Tensors{out.output, out.weights} : Tensors{out.output};
  };
  const GradRowTraits one_batch{.takes_batch_of_one = false, .takes_empty_batch = false};
  return {std::move(name), op, std::move(sizes), one_batch};
}

std::vector<GradRow> attention_rows() {
  std::vector<GradRow> rows;
  for (bool fused : {true, false}) {
    const std::string kind = fused ? "attention" : "composed attention";
    rows.push_back(attention_row(kind + ", self", fused, {}, {{3, 2, 12}}));
    rows.push_back(attention_row(kind + ", self, mask", fused, {}, {{3, 2, 12}, {1, 1, 3, 3}}));
    rows.push_back(attention_row(kind + ", other keys, weights", fused, {.want_weights = true},
                                 {{3, 2, 4}, {5, 2, 4}, {5, 2, 4}}));
    rows.push_back(attention_row(kind + ", dropout, mask, weights", fused,
                                 {.dropout = 0.4, .want_weights = true},
                                 {{3, 2, 4}, {5, 2, 4}, {5, 2, 4}, {2, 2, 3, 5}}));
  }
  return rows;
}

std::vector<GradRow> all_rows() {
  std::vector<GradRow> rows = loss_rows();
  for (GradRow& row : margin_rows()) rows.push_back(std::move(row));
  for (GradRow& row : attention_rows()) rows.push_back(std::move(row));
  return rows;
}

}  // namespace

/// Gradients of the losses and of attention against central differences.
class TestGradcheckLosses : public QObject {
  Q_OBJECT

 private slots:
  void gradients_are_right_data() { add_rows(rows_); }
  void gradients_are_right() { checked_ += check_row(rows_); }
  void cleanupTestCase() { std::printf("%d gradients checked\n", checked_); }

 private:
  const std::vector<GradRow> rows_ = all_rows();
  int checked_ = 0;
};

QTEST_GUILESS_MAIN(TestGradcheckLosses)
#include "test_gradcheck_losses.moc"
