#include <QTest>
#include <map>
#include <numeric>

#include "core/backend/creation.h"
#include "plugins/cuda/kernels/copy_each.h"
#include "plugins/cuda/recurrent_cudnn_shape.cpp"
#include "tests/plugins/cuda_kernels/kernel_check.h"

using namespace nw;
using namespace nw::test;
using cuda::RecurrentAlgorithm;
using cuda::RecurrentPass;
using cuda::RecurrentShape;

namespace {

constexpr cuda::RecurrentHardware kH100{9, 0, 132, 91900};
constexpr cuda::RecurrentHardware kV100{7, 0, 80, 91900};
constexpr cuda::RecurrentHardware kT4{7, 5, 40, 91900};
constexpr cuda::RecurrentHardware kA40{8, 6, 104, 91900};
constexpr cuda::RecurrentHardware kA30{8, 0, 56, 91900};

RecurrentStack any_stack() {
  RecurrentStack stack;
  stack.cell = static_cast<RecurrentCell>(draw().integer(0, 3));
  stack.layers = draw().integer(1, 4);
  stack.bidirectional = draw().chance(0.5);
  stack.steps = draw().integer(1, 9);
  stack.batch = draw().integer(1, 9);
  stack.features = draw().integer(1, 9);
  stack.hidden = draw().integer(2, 9);
  stack.projects = stack.cell == RecurrentCell::Lstm && draw().chance(0.5);
  stack.state = stack.projects ? draw().integer(1, stack.hidden - 1) : stack.hidden;
  stack.biased = draw().chance(0.5);
  return stack;
}

RecurrentShape shape_of(const RecurrentStack& stack, DType dtype = DType::Float32,
                        RecurrentPass pass = RecurrentPass::Forward) {
  return {stack, dtype, 0, pass, true};
}

/// The weights of a stack in their order: sizes, and for those with gates the first id of cuDNN's
/// linear layers that they are.
struct Weight {
  int cell;
  int64_t rows, columns;
  int first_id;
  bool bias;
};
std::vector<Weight> weights_of(const RecurrentStack& s) {
  std::vector<Weight> all;
  const auto gates = static_cast<int>(gate_count(s.cell));
  for (int cell = 0; cell < s.cells(); ++cell) {
    const int64_t inputs = cell < s.directions() ? s.features : s.directions() * s.state;
    all.push_back({cell, gates * s.hidden, inputs, 0, false});
    all.push_back({cell, gates * s.hidden, s.state, gates, false});
    if (s.biased) {
      all.push_back({cell, gates * s.hidden, 1, 0, true});
      all.push_back({cell, gates * s.hidden, 1, gates, true});
    }
    if (s.projects) all.push_back({cell, s.state, s.hidden, 8, false});
  }
  return all;
}

RecurrentStack one_layer(RecurrentCell cell, int64_t features, int64_t hidden, int64_t batch) {
  RecurrentStack stack;
  stack.cell = cell;
  stack.steps = 64;
  stack.batch = batch;
  stack.features = features;
  stack.hidden = hidden;
  stack.state = hidden;
  return stack;
}

}  // namespace

/// What is decided about recurrent layers before cuDNN is called, and how weights are brought
/// there.
class TestRecurrentShapes : public QObject {
  Q_OBJECT

 private slots:
  void cleanup() { QCOMPARE(cuda::emulated_note().kind, 0); }

  void weights_find_their_place_data() {
    QTest::addColumn<int>("gap");
    QTest::newRow("side by side") << 0;
    QTest::newRow("with gaps") << 5;
  }
  void weights_find_their_place() {
    QFETCH(int, gap);
    for (int round = 0; round < 100; ++round) {
      const RecurrentStack stack = any_stack();
      const std::vector<Weight> weights = weights_of(stack);
      QCOMPARE(static_cast<int64_t>(weights.size()), stack.cells() * stack.weights_of_cell());
      // Where a part begins: for (cell, id, is a bias). Biases come before all matrices.
      std::map<std::tuple<int, int, bool>, int64_t> begin;
      int64_t next = gap;
      for (const bool bias : {true, false}) {
        for (const Weight& w : weights) {
          if (w.bias != bias) continue;
          const int64_t parts = w.first_id == 8 ? 1 : gate_count(stack.cell);
          for (int part = 0; part < parts; ++part) {
            begin[{w.cell, w.first_id + part, bias}] = next;
            next += w.rows / parts * w.columns + gap;
          }
        }
      }
      const auto pieces = cuda::pieces_of(shape_of(stack), [&](int cell, int id) {
        const auto at = [&](bool bias) {
          const auto found = begin.find({cell, id, bias});
          return found == begin.end() ? int64_t{-1} : found->second;
        };
        return cuda::WeightPlace{at(false), at(true)};
      });
      if (gap == 0) QCOMPARE(pieces.size(), weights.size());  // whole weights

      std::vector<int64_t> where(static_cast<size_t>(next), -1);  // which number of which weight
      for (const cuda::WeightPiece& piece : pieces) {
        for (int64_t i = 0; i < piece.count; ++i) {
          int64_t& slot = where[static_cast<size_t>(piece.to + i)];
          QCOMPARE(slot, int64_t{-1});
          slot = static_cast<int64_t>(piece.weight) * 10000 + piece.from + i;
        }
      }
      for (size_t i = 0; i < weights.size(); ++i) {
        const Weight& w = weights[i];
        const int64_t rows = w.first_id == 8 ? w.rows : stack.hidden;  // of one part
        for (int64_t row = 0; row < w.rows; ++row) {
          const int id = w.first_id + static_cast<int>(row / rows);
          for (int64_t column = 0; column < w.columns; ++column) {
            const int64_t at = begin[{w.cell, id, w.bias}] + row % rows * w.columns + column;
            QCOMPARE(where[static_cast<size_t>(at)],
                     static_cast<int64_t>(i) * 10000 + row * w.columns + column);
          }
        }
      }
    }
  }

  void many_tensors_are_copied_at_once() {
    for (int round = 0; round < 20; ++round) {
      const DType dtype = any_floating();
      std::vector<Tensor> from;
      std::vector<Tensor> to;
      std::vector<Tensor> rooms;
      std::vector<int64_t> begin;
      const int64_t count = draw().chance(0.1) ? 700 : draw().integer(0, 40);
      for (int64_t i = 0; i < count; ++i) {
        const int64_t size = draw().chance(0.1) ? draw().integer(0, 9000) : draw().integer(0, 50);
        const int64_t shift = draw().integer(0, 3);
        from.push_back(draw().numbers({size + shift}, dtype).as_strided({size}, {1}, shift));
        rooms.push_back(full({size + 9}, 7, dtype));
        begin.push_back(draw().integer(1, 7));
        to.push_back(rooms.back().as_strided({size}, {1}, begin.back()));
      }
      cuda::copy_each(from, to);
      for (size_t i = 0; i < from.size(); ++i) {
        QVERIFY(equal_bits(to[i], from[i], "copy"));
        for (const int64_t outside : {begin[i] - 1, begin[i] + from[i].numel()}) {
          QCOMPARE(rooms[i].as_strided({}, {}, outside).item(), 7.0);
        }
      }
    }
  }

  void lengths_come_from_the_batch_sizes() {
    for (int round = 0; round < 200; ++round) {
      RecurrentStack stack = any_stack();
      if (draw().chance(0.8)) {
        std::vector<int64_t> alive(static_cast<size_t>(stack.steps));
        for (int64_t& count : alive) count = draw().integer(1, stack.batch);
        alive.front() = stack.batch;
        std::sort(alive.rbegin(), alive.rend());
        stack.batch_sizes = tensor_of<int64_t>(alive, {stack.steps});
      }
      const std::vector<int> lengths = cuda::lengths_of(stack);
      QCOMPARE(static_cast<int64_t>(lengths.size()), stack.batch);
      bool alike = true;
      for (int64_t i = 0; i < stack.batch; ++i) {
        int64_t length = 0;
        for (int64_t t = 0; t < stack.steps; ++t) {
          const RecurrentSteps steps{stack.cell, false, stack.steps, stack.batch,
                                     stack.batch_sizes};
          length += steps.alive(t) > i;
        }
        QCOMPARE(static_cast<int64_t>(lengths[static_cast<size_t>(i)]), length);
        alike = alike && length == stack.steps;
      }
      QCOMPARE(shape_of(stack).packed, !alike);
    }
  }

  void some_stacks_are_left_to_our_own_kernels() {
    RecurrentStack stack = one_layer(RecurrentCell::Lstm, 3, 4, 2);
    QVERIFY(shape_of(stack).is_plain());
    const auto declined = [&](const auto& change) {
      RecurrentStack other = stack;
      change(other);
      return !shape_of(other).is_plain();
    };
    QVERIFY(declined([](RecurrentStack& s) { s.batch = 0; }));
    QVERIFY(declined([](RecurrentStack& s) { s.features = 0; }));
    QVERIFY(declined([](RecurrentStack& s) { s.steps = 0; }));
    QVERIFY(declined([](RecurrentStack& s) { s.projects = true; }));  // to as many
    QVERIFY(declined([](RecurrentStack& s) { s.batch = int64_t{1} << 31; }));
    QVERIFY(declined([](RecurrentStack& s) { s.features = (int64_t{1} << 32) + 3; }));
    QVERIFY(!shape_of(stack, DType::Complex64).is_plain());
  }

  void shapes_that_differ_have_plans_of_their_own() {
    const RecurrentStack stack = one_layer(RecurrentCell::Lstm, 3, 4, 2);
    const RecurrentShape shape = shape_of(stack);
    QVERIFY(shape == shape_of(stack));
    QVERIFY(cuda::RecurrentShapeHash()(shape) == cuda::RecurrentShapeHash()(shape_of(stack)));
    RecurrentStack biased = stack;
    biased.biased = true;
    QVERIFY(!(shape == shape_of(biased)));
    QVERIFY(!(shape == shape_of(stack, DType::Float64)));
    QVERIFY(!(shape == shape_of(stack, DType::Float32, RecurrentPass::Backward)));
    QVERIFY(!(shape == RecurrentShape(stack, DType::Float32, 1, RecurrentPass::Forward, true)));
    QVERIFY(!(shape == RecurrentShape(stack, DType::Float32, 0, RecurrentPass::Forward, false)));
    // Only float32 is ever rounded.
    QVERIFY(RecurrentShape(stack, DType::Float64, 0, RecurrentPass::Forward, false) ==
            shape_of(stack, DType::Float64));
  }

  void algorithms() {
    using enum RecurrentAlgorithm;
    using Algorithms = std::vector<RecurrentAlgorithm>;
    const auto of = [](const RecurrentStack& stack, DType dtype, RecurrentPass pass,
                       const cuda::RecurrentHardware& gpu = kH100) {
      return cuda::algorithms_for(shape_of(stack, dtype, pass), gpu);
    };
    const auto train = RecurrentPass::Forward;
    const RecurrentStack small = one_layer(RecurrentCell::Lstm, 64, 128, 32);
    QVERIFY(of(small, DType::Float32, train) == (Algorithms{HeldSmall, Steps}));
    QVERIFY(of(small, DType::Float64, train) == Algorithms{Steps});
    const RecurrentStack medium = one_layer(RecurrentCell::Gru, 64, 192, 32);
    QVERIFY(of(medium, DType::Float32, train) == Algorithms{Steps});
    QVERIFY(of(medium, DType::Float32, RecurrentPass::Backward) == Algorithms{Steps});
    QVERIFY(of(medium, DType::Float32, RecurrentPass::Inference) == (Algorithms{HeldSmall, Steps}));
    const RecurrentStack plain = one_layer(RecurrentCell::Tanh, 64, 256, 32);
    QVERIFY(of(plain, DType::Float32, train) == (Algorithms{HeldSmall, Steps}));
    RecurrentStack projected = small;
    projected.projects = true;
    projected.state = 5;
    QVERIFY(of(projected, DType::Float32, train) == Algorithms{Steps});
    RecurrentStack packed = small;
    packed.steps = 2;
    packed.batch_sizes = tensor_of<int64_t>(std::vector<int64_t>{32, 7}, {2});
    QVERIFY(of(packed, DType::Float32, train) == Algorithms{Steps});

    const RecurrentStack large = one_layer(RecurrentCell::Lstm, 512, 512, 64);
    QVERIFY(of(large, DType::Float16, train) == (Algorithms{Held, Steps}));
    QVERIFY(of(large, DType::Float16, train, kV100) == (Algorithms{Held, Steps}));
    QVERIFY(of(large, DType::Float16, train, kT4) == Algorithms{Steps});
    QVERIFY(of(large, DType::Float16, train, kA40) == Algorithms{Steps});
    QVERIFY(of(large, DType::Float16, train, kA30) == Algorithms{Steps});
    QVERIFY(of(large, DType::Float32, train) == Algorithms{Steps});
    QVERIFY(of(one_layer(RecurrentCell::Gru, 512, 512, 64), DType::Float16, train) ==
            Algorithms{Steps});
    QVERIFY(of(one_layer(RecurrentCell::Lstm, 512, 512, 136), DType::Float16, train) ==
            Algorithms{Steps});

    QVERIFY(of(large, DType::BFloat16, train) == Algorithms{Steps});
    QVERIFY(of(large, DType::BFloat16, train, kV100).empty());
    QVERIFY(of(large, DType::BFloat16, train, {9, 0, 132, 91200}).empty());
  }
};

QTEST_GUILESS_MAIN(TestRecurrentShapes)
#include "test_recurrent_shapes.moc"
