#include "core/backend/index_kernels.h"
#include "core/backend/resample_kernels.h"
#include "tests/plugins/cuda_kernels/kernel_check.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kRounds = 100;

struct Twice {
  Tensor ours, expected;
  Twice(const Dims& sizes, DType dtype)
      : ours(zeros(sizes, dtype)), expected(zeros(sizes, dtype)) {}
};
bool agree(const Twice& pair, const char* what, double slack = 1) {
  return test::agree(pair.ours, pair.expected, what, slack);
}

const ResampleKernels& on_cpu_resample() {
  return *on_cpu().resample;
}

AxisMap any_map(int64_t inputs) {
  AxisMap map;
  map.inputs = inputs;
  map.first = {0};
  for (int64_t output = draw().integer(1, 9); output > 0; --output) {
    for (int64_t terms = draw().integer(0, 4); terms > 0; --terms) {
      map.source.push_back(draw().integer(0, inputs - 1));
      map.weight.push_back(draw().real(-1, 1));
    }
    map.first.push_back(static_cast<int64_t>(map.source.size()));
  }
  return map;
}

Window any_window(const Dims& x) {
  Window window;
  for (size_t i = 2; i < x.size(); ++i) {
    window.dilation.push_back(draw().integer(1, 2));
    window.kernel.push_back(std::min<int64_t>(draw().integer(1, 3), (x[i] - 1) / 2 + 1));
    window.padding.push_back(draw().integer(0, 1));
    window.stride.push_back(draw().integer(1, 3));
  }
  return window;
}

}  // namespace

/// Resampling, unfolding, sorting.
class TestResampleEmulated : public QObject {
  Q_OBJECT

 private slots:
  void cleanup() { QCOMPARE(cuda::emulated_note().kind, 0); }

  void along_axis() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = any_floating();
      const AxisMap map = any_map(draw().integer(1, 12));
      const Dims sizes{draw().integer(1, 6), map.inputs, draw().integer(1, 6)};
      const Tensor x = numbers_of(sizes, dtype);
      const Twice y({sizes[0], map.outputs(), sizes[2]}, dtype);
      for (int again = 0; again < 2; ++again) {  // the second finds the map uploaded
        cuda::kResampleKernels.along_axis(x, map, y.ours);
        on_cpu_resample().along_axis(x, map, y.expected);
        QVERIFY(agree(y, "along_axis", 2));
      }
    }
  }

  void max_of_ranges() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = any_floating();
      const Dims sizes{draw().integer(1, 4), draw().integer(1, 5), draw().integer(1, 9),
                       draw().integer(1, 9)};
      std::vector<AxisRanges> axes(3);
      Dims out{sizes[0]};
      for (size_t d = 0; d < 3; ++d) {
        for (int64_t i = draw().integer(1, 4); i > 0; --i) {
          const int64_t begin = draw().integer(0, sizes[d + 1] - 1);
          axes[d].begin.push_back(begin);
          axes[d].end.push_back(draw().integer(begin + 1, sizes[d + 1]));
        }
        out.push_back(static_cast<int64_t>(axes[d].begin.size()));
      }
      const Tensor x = numbers_of(sizes, dtype, draw().chance(0.3));
      const Twice y(out, dtype);
      const Twice indices(out, DType::Int64);
      cuda::kResampleKernels.max_of_ranges(x, axes, y.ours, indices.ours);
      on_cpu_resample().max_of_ranges(x, axes, y.expected, indices.expected);
      QVERIFY(agree(y, "max_of_ranges"));
      QVERIFY(agree(indices, "indices"));
    }
  }

  void places_of_planes() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = any_floating();
      const int64_t planes = draw().integer(1, 5);
      const int64_t count = draw().integer(1, 40);
      const int64_t size = draw().integer(1, 60);
      const Tensor x = numbers_of({planes, count}, dtype);
      const Tensor indices = draw().whole({planes, count}, 0, size - 1);
      const Twice y({planes, size}, dtype);
      cuda::kResampleKernels.scatter(x, indices, y.ours);
      on_cpu_resample().scatter(x, indices, y.expected);
      QVERIFY(equal_bits(y.ours, y.expected, "scatter"));
      const Tensor from = numbers_of({planes, size}, dtype);
      const Twice taken({planes, count}, dtype);
      cuda::kResampleKernels.gather(from, indices, taken.ours);
      on_cpu_resample().gather(from, indices, taken.expected);
      QVERIFY(equal_bits(taken.ours, taken.expected, "gather"));
    }
    const Tensor outside = full({1, 2}, 9, DType::Int64);
    cuda::kResampleKernels.gather(zeros({1, 9}), outside, empty({1, 2}));
    QCOMPARE(cuda::emulated_note().kind, static_cast<int>(cuda::FaultKind::Index));
    cuda::emulated_note() = {};
    cuda::kResampleKernels.scatter(zeros({1, 2}), outside, empty({1, 9}));
    QCOMPARE(cuda::emulated_note().kind, static_cast<int>(cuda::FaultKind::Index));
    cuda::emulated_note() = {};
  }

  void unfold_and_fold() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = any_floating();
      Dims sizes{draw().integer(1, 3), draw().integer(1, 3)};
      for (int64_t spatial = draw().integer(1, 3); spatial > 0; --spatial) {
        sizes.push_back(draw().integer(3, 8));
      }
      const Window window = any_window(sizes);
      int64_t taps = sizes[1];
      int64_t windows = 1;
      for (size_t i = 0; i < window.kernel.size(); ++i) {
        const int64_t span = (window.kernel[i] - 1) * window.dilation[i] + 1;
        taps *= window.kernel[i];
        windows *= (sizes[2 + i] + 2 * window.padding[i] - span) / window.stride[i] + 1;
      }
      const Tensor x = numbers_of(sizes, dtype);
      const Twice columns({sizes[0], taps, windows}, dtype);
      cuda::kResampleKernels.unfold(x, window, columns.ours);
      on_cpu_resample().unfold(x, window, columns.expected);
      QVERIFY(equal_bits(columns.ours, columns.expected, "unfold"));
      const Tensor given = numbers_of({sizes[0], taps, windows}, dtype);
      const Twice image(sizes, dtype);
      cuda::kResampleKernels.fold(given, window, image.ours);
      on_cpu_resample().fold(given, window, image.expected);
      QVERIFY(agree(image, "fold", 4));
    }
  }

  void sort() {
    for (int round = 0; round < 2 * kRounds; ++round) {
      const DType dtype = draw().chance(0.6) ? any_floating() : any_whole();
      Dims sizes = any_sizes(1);
      if (draw().chance(0.05)) sizes = {2, draw().integer(1025, 2500)};
      if (numel(sizes) == 0) continue;
      const int64_t dim = draw().integer(0, static_cast<int64_t>(sizes.size()) - 1);
      const Tensor x = arranged(draw(), numbers_of(sizes, dtype, draw().chance(0.5)));
      const bool descending = draw().chance(0.5);
      const Twice values(sizes, dtype);
      const Twice indices(sizes, DType::Int64);
      cuda::sort(x, dim, descending, values.ours, indices.ours);
      on_cpu().index->sort(x, dim, descending, values.expected, indices.expected);
      QVERIFY(agree(indices, "sort indices"));
      QVERIFY(equal_bits(values.ours, values.expected, "sort"));
      Dims few = sizes;
      few[static_cast<size_t>(dim)] = draw().integer(1, sizes[static_cast<size_t>(dim)]);
      const Twice first(few, dtype);
      const Twice places(few, DType::Int64);
      cuda::topk(x, dim, descending, first.ours, places.ours);
      on_cpu().index->topk(x, dim, descending, first.expected, places.expected);
      QVERIFY(agree(places, "topk indices"));
      QVERIFY(equal_bits(first.ours, first.expected, "topk"));
    }
  }
};

QTEST_GUILESS_MAIN(TestResampleEmulated)
#include "test_resample_emulated.moc"
