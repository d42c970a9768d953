#include <QtTest>
#include <cstdio>

#include "core/backend/creation.h"
#include "core/ops/embedding.h"
#include "core/ops/norm.h"
#include "core/ops/similarity.h"
#include "tests/support/gradcheck_ops.h"

using namespace nw;
using namespace nw::test;

namespace {

const GradRowTraits kNeedsSpread{.takes_batch_of_one = false, .batched = {0}};
const GradRowTraits kBatchFirst{.batched = {0}};

Tensor in_training(const Tensors& t) {
  return ops::batch_norm(t[0], t[1], t[2], {}, {.training = true});
}

Tensor in_evaluation(const Tensors& t) {
  const ops::RunningStatistics running{full({3}, 0.5, DType::Float64),
                                       full({3}, 2, DType::Float64)};
  return ops::batch_norm(t[0], t[1], t[2], running, {.training = false});
}

Tensor by_instance(const Tensors& t) {
  return ops::instance_norm(t[0], t[1], t[2], {}, {.training = true});
}

Tensor named_rows() {
  const int64_t rows[] = {1, 0, 3, 1, 2, 1};
  return tensor_of<int64_t>(rows, {2, 3});
}

GradRow bags(const char* name, BagMode mode, int64_t padding) {
  return {name,
          [=](const Tensors& t) {
            return ops::embedding_bag(named_rows(), t[0], {}, {},
                                      {.mode = mode, .padding_idx = padding});
          },
          {{4, 3}},
          {.takes_batch_of_one = false, .takes_empty_batch = false}};
}

std::vector<GradRow> rows() {
  return {
      {"batch norm of features", in_training, {{5, 3}, {3}, {3}}, kNeedsSpread},
      {"batch norm of images", in_training, {{2, 3, 3, 4}, {3}, {3}}, kBatchFirst},
      {"batch norm without weights",
       [](const Tensors& t) { return ops::batch_norm(t[0], {}, {}, {}, {.training = true}); },
       {{3, 2, 4}}},
      {"batch norm in evaluation", in_evaluation, {{2, 3, 3, 2}, {3}, {3}}, kBatchFirst},
      {"instance norm",
       by_instance,
       {{2, 3, 3, 2}, {3}, {3}},
       {.takes_empty_batch = false, .batched = {0}}},
      {"layer norm over one dimension",
       [](const Tensors& t) { return ops::layer_norm(t[0], {7}, t[1], t[2]); },
       {{4, 7}, {7}, {7}},
       kBatchFirst},
      {"layer norm over two",
       [](const Tensors& t) {
         return ops::layer_norm(t[0], {3, 5}, t[1], t[2], 0.1);
       },
       {{2, 3, 5}, {3, 5}, {3, 5}},
       kBatchFirst},
      {"layer norm of long rows",
       [](const Tensors& t) { return ops::layer_norm(t[0], {530}, t[1]); },
       {{2, 530}, {530}},
       kBatchFirst},
      {"group norm of images",
       [](const Tensors& t) { return ops::group_norm(t[0], 2, t[1], t[2]); },
       {{2, 4, 3, 3}, {4}, {4}},
       kBatchFirst},
      {"group norm of features",
       [](const Tensors& t) { return ops::group_norm(t[0], 2, t[1], t[2]); },
       {{3, 6}, {6}, {6}},
       kBatchFirst},
      {"local response norm",
       [](const Tensors& t) { return ops::local_response_norm(t[0], 3, 0.5, 0.75, 1.5); },
       {{2, 5, 3}}},
      {"cosine similarity",
       [](const Tensors& t) { return ops::cosine_similarity(t[0], t[1], 1); },
       {{3, 4, 2}, {3, 4, 2}}},
      {"embedding",
       [](const Tensors& t) { return ops::embedding(named_rows(), t[0], {.padding_idx = -1}); },
       {{4, 3}},
       {.takes_batch_of_one = false, .takes_empty_batch = false}},
      bags("sum of bags", BagMode::Sum, -1),
      bags("mean of bags", BagMode::Mean, 3),
      bags("largest of bags", BagMode::Max, -1),
      {"weighted sum of bags",
       [](const Tensors& t) {
         return ops::embedding_bag(named_rows(), t[0], {}, t[1], {.mode = BagMode::Sum});
       },
       {{4, 3}, {2, 3}},
       {.takes_batch_of_one = false, .takes_empty_batch = false}},
  };
}

}  // namespace

/// The gradients of normalisation and embeddings against central differences.
class TestGradcheckNorm : public QObject {
  Q_OBJECT

 private slots:
  void gradients_are_right_data() { add_rows(rows()); }
  void gradients_are_right() { checked_ += check_row(rows()); }
  void cleanupTestCase() { std::printf("%d gradients checked\n", checked_); }

 private:
  int checked_ = 0;
};

QTEST_GUILESS_MAIN(TestGradcheckNorm)
#include "test_gradcheck_norm.moc"
