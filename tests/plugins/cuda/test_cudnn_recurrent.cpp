#include <QTest>

#include "core/backend/creation.h"
#include "plugins/cuda/recurrent_cudnn_plan.h"
#include "tests/support/draw.h"

using namespace nw;
using namespace nw::test;

namespace {

RecurrentStack any_stack(Draw& draw) {
  RecurrentStack stack;
  stack.cell = static_cast<RecurrentCell>(draw.integer(0, 3));
  const bool large = draw.chance(0.3);
  stack.layers = large ? 1 : draw.integer(1, 4);
  stack.bidirectional = !large && draw.chance(0.5);
  stack.steps = draw.integer(1, 50);
  stack.batch = large ? 8 * draw.integer(1, 16) : draw.integer(1, 40);
  stack.features = large ? 128 * draw.integer(1, 8) : draw.integer(1, 300);
  stack.hidden = large ? 128 * draw.integer(1, 8) : draw.integer(2, 300);
  stack.projects = stack.cell == RecurrentCell::Lstm && draw.chance(0.3);
  stack.state = stack.projects ? draw.integer(1, stack.hidden - 1) : stack.hidden;
  if (draw.chance(0.4)) {
    std::vector<int64_t> alive(static_cast<size_t>(stack.steps), stack.batch);
    for (size_t t = 1; t < alive.size(); ++t) alive[t] = draw.integer(1, alive[t - 1]);
    stack.batch_sizes = tensor_of<int64_t>(alive, {stack.steps});
  }
  return stack;
}

}  // namespace

/// What cuDNN itself says to the stacks and sequences that it is told of; needs the library, and no
/// GPU.
class TestCudnnRecurrent : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    if (!cuda::cudnn().found()) QSKIP(cuda::cudnn().problem().c_str());
  }

  void cudnn_takes_what_it_is_told() {
    constexpr DType kTypes[] = {DType::Float32, DType::Float64, DType::Float16, DType::BFloat16};
    constexpr cuda::RecurrentPass kPasses[] = {cuda::RecurrentPass::Inference,
                                               cuda::RecurrentPass::Forward,
                                               cuda::RecurrentPass::Backward};
    const cuda::RecurrentHardware gpu{9, 0, 132, NW_CUDNN(cudnnGetVersion)()};
    const cuda::CudnnDescriptor<cudnnDropoutDescriptor_t> dropout(
        NW_CUDNN(cudnnCreateDropoutDescriptor), NW_CUDNN(cudnnDestroyDropoutDescriptor));
    const cuda::CudnnDescriptor<cudnnRNNDescriptor_t> rnn(NW_CUDNN(cudnnCreateRNNDescriptor),
                                                          NW_CUDNN(cudnnDestroyRNNDescriptor));
    const cuda::CudnnDescriptor<cudnnRNNDataDescriptor_t> data(
        NW_CUDNN(cudnnCreateRNNDataDescriptor), NW_CUDNN(cudnnDestroyRNNDataDescriptor));
    Draw draw(test_seed());
    int seen[3] = {};
    for (int round = 0; round < 1000; ++round) {
      const RecurrentStack stack = any_stack(draw);
      const cuda::RecurrentShape shape(stack, kTypes[draw.integer(0, 3)], 0,
                                       kPasses[draw.integer(0, 2)], draw.chance(0.5));
      QVERIFY(shape.is_plain());
      for (const cuda::RecurrentAlgorithm algorithm : cuda::algorithms_for(shape, gpu)) {
        ++seen[static_cast<int>(algorithm)];
        QCOMPARE(cuda::describe_stack(rnn.get(), shape, algorithm, dropout.get()),
                 CUDNN_STATUS_SUCCESS);
      }
      QCOMPARE(cuda::describe_sequences(data.get(), shape, cuda::lengths_of(stack), shape.features),
               CUDNN_STATUS_SUCCESS);
    }
    for (const int count : seen) QVERIFY(count > 5);
  }

  void cudnn_refuses_what_is_left_to_our_own_kernels() {
    const cuda::CudnnDescriptor<cudnnRNNDataDescriptor_t> data(
        NW_CUDNN(cudnnCreateRNNDataDescriptor), NW_CUDNN(cudnnDestroyRNNDataDescriptor));
    RecurrentStack stack;
    stack.steps = 3;
    stack.batch = 2;
    stack.hidden = stack.state = 4;
    const cuda::RecurrentShape shape(stack, DType::Float32, 0, cuda::RecurrentPass::Forward, true);
    QVERIFY(!shape.is_plain());  // no features
    QVERIFY(cuda::describe_sequences(data.get(), shape, cuda::lengths_of(stack), shape.features) !=
            CUDNN_STATUS_SUCCESS);
  }
};

QTEST_GUILESS_MAIN(TestCudnnRecurrent)
#include "test_cudnn_recurrent.moc"
