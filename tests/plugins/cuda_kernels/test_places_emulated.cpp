#include "core/backend/recurrent_kernels.h"
#include "tests/plugins/cuda_kernels/kernel_check.h"

// cuBLASLt is not emulated: the recurrent kernels multiply with the CPU's, and axpy is tested
// elsewhere.
namespace nw::cuda {

void matmul(const Tensor& a, const Tensor& b, const Tensor& out) {
  test::on_cpu().matmul(a, b, out);
}
void linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y) {
  test::on_cpu().linear(x, weight, bias, y);
}
void axpy(const Tensor& x, double scale, const Tensor& y) {
  test::on_cpu().axpy(x, scale, y);
}

}  // namespace nw::cuda

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kRounds = 150;

struct Twice {
  Tensor ours, expected;
  Twice() = default;
  explicit Twice(const Tensor& x) : ours(raw::clone(x)), expected(raw::clone(x)) {}
  Twice(const Dims& sizes, DType dtype) : Twice(zeros(sizes, dtype)) {}
};
bool agree(const Twice& pair, const char* what, double slack = 1) {
  return !pair.ours.defined() || test::agree(pair.ours, pair.expected, what, slack);
}

DType any_dtype() {
  return static_cast<DType>(draw().integer(0, kDTypeCount - 1));
}

const IndexKernels& cpu_index() {
  return *on_cpu().index;
}

/// Channels innermost now and then.
Tensor planes(const Tensor& dense, bool innermost) {
  if (!innermost) return dense;
  const Tensor laid = empty({dense.numel()}, dense.dtype(), kCpu)
                          .as_strided(dense.sizes(), channels_last_strides(dense.sizes()), 0);
  raw::copy_(laid, dense);
  return laid;
}

struct DrawnWindow {
  Window window;
  Dims x, y;

  explicit DrawnWindow(bool dilated) {
    const auto spatial = static_cast<size_t>(draw().integer(1, 3));
    x = {draw().integer(1, 3), draw().integer(1, 5)};
    for (size_t i = 0; i < spatial; ++i) x.push_back(draw().integer(3, 11));
    y = {x[0], x[1]};
    for (size_t i = 0; i < spatial; ++i) {
      const int64_t kernel = draw().integer(1, 3);
      const int64_t step = dilated ? draw().integer(1, 2) : 1;
      const int64_t room = x[2 + i] - ((kernel - 1) * step + 1);
      window.kernel.push_back(room < 0 ? 1 : kernel);
      window.dilation.push_back(room < 0 ? 1 : step);
      window.padding.push_back(draw().integer(0, window.kernel.back() / 2));
      window.stride.push_back(draw().integer(1, 3));
      const int64_t span = (window.kernel.back() - 1) * window.dilation.back() + 1;
      const int64_t left = x[2 + i] + 2 * window.padding.back() - span;
      const int64_t stride = window.stride.back();
      int64_t count = left / stride + 1;
      // As with ceil_mode: a last window that begins inside.
      if (draw().chance(0.3) && left % stride != 0 &&
          count * stride < x[2 + i] + window.padding.back()) {
        ++count;
      }
      y.push_back(count);
    }
  }
};

}  // namespace

/// Indexing, pooling and recurrent layers.
class TestPlacesEmulated : public QObject {
  Q_OBJECT

 private slots:
  void cleanup() { QCOMPARE(cuda::emulated_note().kind, 0); }

  void index_select_and_add() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = any_dtype();
      const int64_t inner = draw().chance(0.5) ? 8 * draw().integer(1, 12) : draw().integer(1, 90);
      const Dims sizes{draw().integer(1, 4), draw().integer(1, 40), inner};
      const Dims picked{sizes[0], draw().integer(0, 60), inner};
      const Tensor x = arranged(draw(), numbers_of(sizes, dtype));
      const Tensor index = draw().whole({picked[1]}, 0, sizes[1] - 1);
      const Twice out(picked, dtype);
      cuda::index_select(x, index, out.ours);
      cpu_index().index_select(x, index, out.expected);
      QVERIFY(agree(out, "index_select"));
      const Tensor source = arranged(draw(), numbers_of(picked, dtype));
      const Twice sums(numbers_of(sizes, dtype));
      cuda::index_add(source, index, sums.ours);
      cpu_index().index_add(source, index, sums.expected);
      QVERIFY(equal_bits(sums.ours, sums.expected, "index_add"));
    }
  }

  void long_indices_are_put_in_order_first() {
    const Dims sizes{2, 3000, 3};
    const Dims picked{2, 2900, 3};
    const Tensor index = draw().whole({picked[1]}, 0, sizes[1] - 1);
    const Tensor source = numbers_of(picked, DType::Float32);
    const Twice sums(sizes, DType::Float32);
    cuda::index_add(source, index, sums.ours);
    cpu_index().index_add(source, index, sums.expected);
    QVERIFY(equal_bits(sums.ours, sums.expected, "index_add"));
  }

  void gather_and_scatter() {
    for (int round = 0; round < 2 * kRounds; ++round) {
      const DType dtype = any_dtype();
      const Dims sizes = any_sizes(1);
      if (numel(sizes) == 0) continue;
      const int64_t dim = draw().integer(0, static_cast<int64_t>(sizes.size()) - 1);
      const auto d = static_cast<size_t>(dim);
      Dims index_sizes = sizes;
      for (size_t i = 0; i < sizes.size(); ++i) {
        if (i != d) index_sizes[i] = draw().integer(1, sizes[i]);
      }
      index_sizes[d] = draw().integer(1, 9);
      const Tensor x = arranged(draw(), numbers_of(sizes, dtype));
      const Tensor index = arranged(draw(), draw().whole(index_sizes, 0, sizes[d] - 1));
      const Twice out(index_sizes, dtype);
      cuda::gather(x, index, dim, out.ours);
      cpu_index().gather(x, index, dim, out.expected);
      QVERIFY(agree(out, "gather"));
      const Tensor source = arranged(draw(), numbers_of(index_sizes, dtype));
      const Twice target(numbers_of(sizes, dtype));
      const PutMode mode = draw().chance(0.5) ? PutMode::Set : PutMode::Add;
      cuda::scatter(source, index, dim, mode, target.ours);
      cpu_index().scatter(source, index, dim, mode, target.expected);
      QVERIFY(equal_bits(target.ours, target.expected, "scatter"));
    }
  }

  void indices_outside_are_noted() {
    const Tensor x = draw().numbers({2, 3, 4}, DType::Float32);
    const Tensor index = full({1}, 3, DType::Int64);
    cuda::index_select(x, index, empty({2, 1, 4}));
    QCOMPARE(cuda::emulated_note().kind, static_cast<int>(cuda::FaultKind::Index));
    QCOMPARE(cuda::emulated_note().limit, int64_t{3});
    cuda::emulated_note() = {};
    const Tensor before = raw::clone(x);
    cuda::index_add(empty({2, 1, 4}), index, x);
    QCOMPARE(cuda::emulated_note().kind, static_cast<int>(cuda::FaultKind::Index));
    QVERIFY(equal_bits(x, before, "nothing is written"));
    cuda::emulated_note() = {};
    const Tensor offset[] = {full({2}, -4, DType::Int64)};
    cuda::index_offsets(offset, {3}, {1}, empty({2}, DType::Int64));
    QCOMPARE(cuda::emulated_note().kind, static_cast<int>(cuda::FaultKind::SignedIndex));
    cuda::emulated_note() = {};
  }

  void several_indices() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = any_dtype();
      const Dims sizes{draw().integer(1, 9), draw().integer(1, 9), draw().integer(1, 30)};
      const int64_t count = draw().integer(1, 40);
      const Tensor indices[] = {draw().whole({count}, -sizes[0], sizes[0] - 1),
                                draw().whole({count}, -sizes[1], sizes[1] - 1)};
      const Tensor x = arranged(draw(), numbers_of(sizes, dtype));
      const Dims& strides = x.strides();
      const Twice offsets({count}, DType::Int64);
      cuda::index_offsets(indices, {sizes[0], sizes[1]}, {strides[0], strides[1]}, offsets.ours);
      cpu_index().offsets(std::span<const Tensor>(indices), {sizes[0], sizes[1]},
                          {strides[0], strides[1]}, offsets.expected);
      QVERIFY(agree(offsets, "offsets"));
      const Tensor first = x.as_strided({sizes[2]}, {strides[2]}, x.offset());
      const Twice out({count, sizes[2]}, dtype);
      cuda::take(first, offsets.expected, out.ours);
      cpu_index().take(first, offsets.expected, out.expected);
      QVERIFY(agree(out, "take"));

      const Twice target(raw::contiguous(x));
      const Dims dense = contiguous_strides(sizes);
      cpu_index().offsets(std::span<const Tensor>(indices), {sizes[0], sizes[1]},
                          {dense[0], dense[1]}, offsets.expected);
      const Tensor source = arranged(draw(), numbers_of({count, sizes[2]}, dtype));
      const PutMode mode = draw().chance(0.5) ? PutMode::Set : PutMode::Add;
      const auto begin = [&](const Tensor& y) { return y.as_strided({sizes[2]}, {1}, y.offset()); };
      cuda::put(source, offsets.expected, mode, begin(target.ours));
      cpu_index().put(source, offsets.expected, mode, begin(target.expected));
      QVERIFY(equal_bits(target.ours, target.expected, "put"));
    }
  }

  void masks_and_triangles() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = any_dtype();
      const Dims sizes = any_sizes(2);
      const Tensor mask = arranged(draw(), draw().coins(sizes, 0.3));
      const Twice filled(numbers_of(sizes, dtype));
      const Tensor value = numbers_of({}, dtype);
      cuda::masked_fill(mask, value, filled.ours);
      cpu_index().masked_fill(mask, value, filled.expected);
      QVERIFY(agree(filled, "masked_fill"));
      const Tensor x = arranged(draw(), with_zeros(numbers_of(sizes, dtype)));
      const Twice count({}, DType::Int64);
      cuda::count_nonzero(x, count.ours);
      cpu_index().count_nonzero(x, count.expected);
      QVERIFY(agree(count, "count_nonzero"));
      const int64_t found = count.expected.data<int64_t>()[0];
      const Twice places({found, static_cast<int64_t>(sizes.size())}, DType::Int64);
      cuda::nonzero(x, places.ours);
      cpu_index().nonzero(x, places.expected);
      QVERIFY(agree(places, "nonzero"));
      const Twice part(numbers_of(sizes, dtype));
      const int64_t diagonal = draw().integer(-4, 4);
      const bool upper = draw().chance(0.5);
      cuda::triangle(x, diagonal, upper, part.ours);
      cpu_index().triangle(x, diagonal, upper, part.expected);
      QVERIFY(equal_bits(part.ours, part.expected, "triangle"));
    }
  }

  void max_pool() {
    for (int round = 0; round < kRounds; ++round) {
      const DrawnWindow drawn(true);
      const bool innermost = draw().chance(0.5);
      // The CPU has the channels innermost in 32 and 64 bits only.
      const DType dtype = innermost ? wide_of(any_floating()) : any_floating();
      const Tensor x = planes(numbers_of(drawn.x, dtype, draw().chance(0.2)), innermost);
      const auto out = [&](DType type) { return planes(zeros(drawn.y, type), innermost); };
      const Tensor y = out(dtype);
      const Tensor expected = out(dtype);
      const Tensor indices = out(DType::Int64);
      const Tensor expected_indices = out(DType::Int64);
      cuda::max_pool(x, drawn.window, y, indices);
      on_cpu().max_pool(x, drawn.window, expected, expected_indices);
      QVERIFY(test::agree(y, expected, "max_pool"));
      QVERIFY(test::agree(indices, expected_indices, "indices"));
      const Tensor alone = out(dtype);
      cuda::max_pool(x, drawn.window, alone, {});
      QVERIFY(test::equal_bits(alone, y, "max_pool without indices"));
      on_cpu().max_pool(x, drawn.window, alone, {});
      QVERIFY(test::equal_bits(alone, expected, "the CPU's without indices"));
      const Tensor grad = planes(numbers_of(drawn.y, dtype), innermost);
      const Tensor grad_x = planes(zeros(drawn.x, dtype), innermost);
      const Tensor expected_grad = planes(zeros(drawn.x, dtype), innermost);
      cuda::max_pool_grad(grad, expected_indices, grad_x);
      on_cpu().max_pool_grad(grad, expected_indices, expected_grad);
      QVERIFY(test::agree(grad_x, expected_grad, "max_pool_grad"));
    }
  }

  void avg_pool() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = any_floating();
      const DrawnWindow drawn(false);
      const bool innermost = draw().chance(0.5);
      const AvgPoolMode mode{draw().chance(0.5), draw().chance(0.2) ? 3 : 0};
      const Tensor x = planes(numbers_of(drawn.x, dtype), innermost);
      const Tensor y = planes(zeros(drawn.y, dtype), innermost);
      const Tensor expected = planes(zeros(drawn.y, dtype), innermost);
      cuda::avg_pool(x, drawn.window, mode, y);
      on_cpu().avg_pool(x, drawn.window, mode, expected);
      QVERIFY(test::agree(y, expected, "avg_pool", 2));
      const Tensor grad = planes(numbers_of(drawn.y, dtype), innermost);
      const Tensor grad_x = planes(zeros(drawn.x, dtype), innermost);
      const Tensor expected_grad = planes(zeros(drawn.x, dtype), innermost);
      cuda::avg_pool_grad(grad, drawn.window, mode, grad_x);
      on_cpu().avg_pool_grad(grad, drawn.window, mode, expected_grad);
      QVERIFY(test::agree(grad_x, expected_grad, "avg_pool_grad", 4));
    }
  }

  void a_bias_for_each_channel() {
    for (const bool innermost : {false, true}) {
      const Tensor y = planes(draw().numbers({2, 5, 3, 7}, DType::Float32), innermost);
      const Tensor expected = raw::clone(y);
      const Tensor bias = draw().numbers({5}, DType::Float32);
      cuda::add_to_channels(bias, y);
      on_cpu().binary(BinaryOp::Add, expected,
                      bias.as_strided({2, 5, 3, 7}, {0, 1, 0, 0}, bias.offset()), expected);
      QVERIFY(test::agree(y, expected, "bias"));
    }
  }

  void recurrent() {
    for (int round = 0; round < kRounds; ++round) {
      recurrent_case(static_cast<RecurrentCell>(round % 4));
      if (QTest::currentTestFailed()) return;
    }
  }

 private:
  static Tensor with_zeros(const Tensor& x) {
    cpu_index().masked_fill(draw().coins(x.sizes(), 0.6), zeros({}, x.dtype()), x);
    return x;
  }

  void recurrent_case(RecurrentCell cell) {
    const bool lstm = cell == RecurrentCell::Lstm;
    const bool gru = cell == RecurrentCell::Gru;
    const DType dtype = draw().chance(0.5) ? DType::Float32 : DType::Float64;
    RecurrentSteps steps;
    steps.cell = cell;
    steps.reverse = draw().chance(0.5);
    steps.steps = draw().integer(1, 6);
    steps.batch = draw().integer(1, 5);
    int64_t rows = steps.steps * steps.batch;
    if (draw().chance(0.5)) {
      std::vector<int64_t> alive(static_cast<size_t>(steps.steps));
      for (int64_t& count : alive) count = draw().integer(1, steps.batch);
      alive.front() = steps.batch;
      std::sort(alive.rbegin(), alive.rend());
      steps.batch_sizes = tensor_of<int64_t>(alive, {steps.steps});
      rows = std::accumulate(alive.begin(), alive.end(), int64_t{0});
    }
    const int64_t hidden = draw().integer(1, 9);
    const bool projects = lstm && draw().chance(0.4);
    const int64_t state = projects ? draw().integer(1, 9) : hidden;
    const int64_t width = gate_count(cell) * hidden;
    const auto some = [&](const Dims& sizes) { return draw().numbers(sizes, dtype); };
    const auto given = [&](bool there, const Dims& sizes) {
      return there && draw().chance(0.7) ? some(sizes) : Tensor();
    };
    const Tensor x_gates = some({rows, width});
    const Tensor weight = some({width, state});
    const Tensor bias = given(gru, {hidden});
    const Tensor projection = projects ? some({state, hidden}) : Tensor();
    const Tensor h_0 = given(true, {steps.batch, state});
    const Tensor c_0 = given(lstm, {steps.batch, hidden});
    const auto twice = [&](bool there, const Dims& sizes) {
      return there ? Twice(sizes, dtype) : Twice();
    };
    const Twice y = twice(true, {rows, state});
    const Twice h_n = twice(true, {steps.batch, state});
    const Twice c_n = twice(lstm, {steps.batch, hidden});
    const Twice gates = twice(lstm || gru, {rows, 4 * hidden});
    const Twice before_h = twice(true, {rows, state});
    const Twice before_c = twice(lstm, {rows, hidden});
    const Twice wide = twice(projects, {rows, hidden});
    cuda::kRecurrentKernels.forward(steps, x_gates, weight, bias, projection, h_0, c_0, y.ours,
                                    h_n.ours, c_n.ours, gates.ours, before_h.ours, before_c.ours,
                                    wide.ours);
    on_cpu().recurrent->forward(steps, x_gates, weight, bias, projection, h_0, c_0, y.expected,
                                h_n.expected, c_n.expected, gates.expected, before_h.expected,
                                before_c.expected, wide.expected);
    const std::pair<const char*, const Twice*> forward[] = {
        {"y", &y},        {"h_n", &h_n},    {"c_n", &c_n},         {"gates", &gates},
        {"h", &before_h}, {"c", &before_c}, {"unprojected", &wide}};
    for (const auto& [name, pair] : forward) QVERIFY(agree(*pair, name, 10));

    const Tensor saved = lstm || gru ? gates.expected : y.expected;
    const Tensor grad_y = given(true, {rows, state});
    const Tensor grad_h_n = given(true, {steps.batch, state});
    const Tensor grad_c_n = given(lstm, {steps.batch, hidden});
    const Twice grad_x = twice(true, {rows, width});
    const Twice grad_gates = twice(gru, {rows, width});
    const Twice grad_h = twice(projects, {rows, state});
    const Twice grad_h_0 = twice(true, {steps.batch, state});
    const Twice grad_c_0 = twice(lstm, {steps.batch, hidden});
    cuda::kRecurrentKernels.backward(steps, weight, projection, saved, before_h.expected,
                                     before_c.expected, grad_y, grad_h_n, grad_c_n, grad_x.ours,
                                     grad_gates.ours, grad_h.ours, grad_h_0.ours, grad_c_0.ours);
    on_cpu().recurrent->backward(steps, weight, projection, saved, before_h.expected,
                                 before_c.expected, grad_y, grad_h_n, grad_c_n, grad_x.expected,
                                 grad_gates.expected, grad_h.expected, grad_h_0.expected,
                                 grad_c_0.expected);
    const std::pair<const char*, const Twice*> backward[] = {{"grad_x_gates", &grad_x},
                                                             {"grad_h_gates", &grad_gates},
                                                             {"grad_h", &grad_h},
                                                             {"grad_h_0", &grad_h_0},
                                                             {"grad_c_0", &grad_c_0}};
    for (const auto& [name, pair] : backward) QVERIFY(agree(*pair, name, 50));
  }
};

QTEST_GUILESS_MAIN(TestPlacesEmulated)
#include "test_places_emulated.moc"
