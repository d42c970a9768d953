#include <QtTest>
#include <functional>

#include "core/backend/creation.h"
#include "core/tensor/tensor.h"

using namespace nw;

namespace {

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.text();
  }
  return {};
}

}  // namespace

class TestTensor : public QObject {
  Q_OBJECT

 private slots:
  void views_share_numbers() {
    const Tensor x = zeros({4, 6});
    const Tensor view = x.as_strided({2, 3}, {12, 2}, 1);
    view.data<float>()[0] = 5;
    QCOMPARE(x.data<float>()[1], 5.0f);
    QVERIFY(!view.is_contiguous());
    QCOMPARE(view.offset(), int64_t{1});
    QCOMPARE(view.storage().get(), x.storage().get());
    QVERIFY(x.is_contiguous());
    // A single column or a row of one is dense whatever its strides say.
    QVERIFY(x.as_strided({1, 6}, {999, 1}, 0).is_contiguous());
    QVERIFY(x.as_strided({0, 6}, {3, 9}, 0).is_contiguous());
  }

  void views_stay_inside() {
    const Tensor x = zeros({4, 6});
    QVERIFY(error_of([&] {
              x.as_strided({4, 6}, {6, 1}, 1);
            }).find("leaves its storage") != std::string::npos);
    QVERIFY(!error_of([&] { x.as_strided({2}, {24}, 0); }).empty());
    QVERIFY(!error_of([&] { x.as_strided({2}, {-1}, 1); }).empty());
    QVERIFY(!error_of([&] { x.as_strided({1}, {1}, -1); }).empty());
    QVERIFY(!error_of([&] { x.as_strided({2}, {INT64_MAX}, 1); }).empty());
    QVERIFY(!error_of([&] { x.as_strided({3, 3}, {INT64_MAX / 2, INT64_MAX / 2}, 0); }).empty());
    QVERIFY(!error_of([&] { x.as_strided({2, 2}, {1}, 0); }).empty());
    x.as_strided({0}, {1}, 25);     // nothing may stand anywhere
    x.as_strided({1000}, {0}, 23);  // one number repeated
  }

  void reading() {
    const Tensor x = full({1, 1}, 2.5);
    QCOMPARE(x.item(), 2.5);
    QCOMPARE(full({}, 1, DType::Bool).item(), 1.0);
    QVERIFY(error_of([] { zeros({2}).item(); }).starts_with("[item] expects one element"));
    QVERIFY(error_of([&] { x.data<double>(); }) == "[tensor] expects float64, gets float32");
    QVERIFY(error_of([] { Tensor().sizes(); }) == "[tensor] is undefined");
    QCOMPARE(x.size(-1), int64_t{1});
    QVERIFY(!error_of([&] { x.size(2); }).empty());
    QVERIFY(!error_of([&] { x.size(-3); }).empty());
  }

  void gradients_belong_to_floating_leaves() {
    const Tensor x = zeros({2});
    QVERIFY(!x.requires_grad());
    x.set_requires_grad();
    QVERIFY(x.requires_grad());
    QVERIFY(!x.grad().defined());
    QVERIFY(!x.detach().requires_grad());
    QVERIFY(!error_of([] { zeros({2}, DType::Int64).set_requires_grad(); }).empty());
  }

  void handles_count() {
    const Tensor x = zeros({2});
    QCOMPARE(x.use_count(), 1);
    {
      const Tensor other = x;
      QCOMPARE(x.use_count(), 2);
      QVERIFY(other.is_same(x));
    }
    QCOMPARE(x.use_count(), 1);
  }

  void shapes() {
    QCOMPARE(numel({}), int64_t{1});
    QCOMPARE(numel({3, 0, INT64_MAX, INT64_MAX}), int64_t{0});
    QVERIFY(!error_of([] { numel({INT64_MAX, 2}); }).empty());
    QVERIFY(!error_of([] { numel({-1}); }).empty());
    QVERIFY(!error_of([] { numel({0, -1}); }).empty());
    QCOMPARE(contiguous_strides({2, 3, 4}), (Dims{12, 4, 1}));
    QCOMPARE(channels_last_strides({2, 3, 4, 5}), (Dims{60, 1, 15, 3}));
    QVERIFY(zeros({2, 3, 4, 5}).as_strided({2, 3, 4, 5}, {60, 1, 15, 3}, 0).is_channels_last());
    QCOMPARE(broadcast({3, 1}, {4}, "add"), (Dims{3, 4}));
    QCOMPARE(broadcast({0}, {1}, "add"), (Dims{0}));
    QCOMPARE(error_of([] {
               broadcast({3, 2}, {4}, "add");
             }),
             "[add] cannot broadcast 3×2 with 4: 2 and 4 differ in dimension 1");
    QCOMPARE(wrap_dim(-1, 3, "sum"), int64_t{2});
    QCOMPARE(wrap_dim(-1, 0, "sum"), int64_t{0});
    QVERIFY(!error_of([] { wrap_dim(3, 3, "sum"); }).empty());
    QCOMPARE(to_string(Dims{16, 6, 6}), std::string("16×6×6"));
    QCOMPARE(to_string(Dims{}), std::string("scalar"));
    Dims full(kMaxDims);
    QVERIFY(!error_of([&] { full.push_back(1); }).empty());
  }

  void small_vectors() {
    Dims dims{1, 2, 3};
    dims.insert(1, 9);
    QCOMPARE(dims, (Dims{1, 9, 2, 3}));
    dims.erase(0);
    QCOMPARE(dims, (Dims{9, 2, 3}));
    dims.resize(5, 7);
    QCOMPARE(dims, (Dims{9, 2, 3, 7, 7}));
    QVERIFY(dims != (Dims{9, 2, 3, 7}));
  }

  void dtype_names() {
    const size_t bytes[kDTypeCount] = {4, 8, 2, 2, 8, 16, 8, 4, 2, 1, 1, 1};
    for (int i = 0; i < kDTypeCount; ++i) {
      const auto dtype = static_cast<DType>(i);
      QCOMPARE(dtype_from_name(name(dtype)), dtype);
      QCOMPARE(item_bytes(dtype), bytes[i]);
      QCOMPARE(is_floating(dtype), i < 4);
    }
    QCOMPARE(name(DType::BFloat16), std::string_view("bfloat16"));
    QVERIFY(!error_of([] { dtype_from_name("float"); }).empty());
  }

  void device_names() {
    QCOMPARE(to_string(device_from_string("cpu")), std::string("cpu"));
    QCOMPARE(to_string(device_from_string("cuda")), std::string("cuda:0"));
    QCOMPARE(to_string(device_from_string("cuda:12")), std::string("cuda:12"));
    QCOMPARE(device_from_string("meta"), kMeta);
    for (const char* text : {"", "gpu", "cuda:", "cuda:-1", "cuda:1x", "cuda1", "cpu:0"}) {
      QVERIFY2(!error_of([&] { device_from_string(text); }).empty(), text);
    }
  }
};

QTEST_GUILESS_MAIN(TestTensor)
#include "test_tensor.moc"
