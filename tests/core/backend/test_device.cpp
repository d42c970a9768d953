#include <QTemporaryDir>
#include <QtTest>

#include "core/backend/creation.h"
#include "core/backend/fallback.h"
#include "core/backend/fetch.h"
#include "core/backend/kernel_table.h"
#include "core/backend/norm_kernels.h"
#include "core/base/random.h"
#include "core/base/warning.h"
#include "core/io/state_file.h"
#include "core/nn/block.h"
#include "core/ops/arithmetic.h"
#include "core/ops/index.h"
#include "core/ops/reduction.h"
#include "core/ops/softmax.h"
#include "core/trial/kernel_use.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"
#include "tests/support/fake_device.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr Device kGpu{DeviceType::Cuda, 0};
constexpr Device kOther{DeviceType::Cuda, 1};

std::vector<std::string> warnings;

int count_warnings(const std::string& part) {
  return static_cast<int>(
      std::count_if(warnings.begin(), warnings.end(),
                    [&](const std::string& text) { return text.find(part) != std::string::npos; }));
}

}  // namespace

/// Memory and kernels of another device than the CPU, on one that the host cannot touch.
class TestDevice : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    set_warning_handler([](const std::string& text) { warnings.push_back(text); });
    fake_gpus();
  }

  void tensors_come_back_as_they_went() {
    Draw draw(test_seed());
    const Tensor x = draw.numbers(Dims{3, 4, 5}, DType::Float32);
    const Tensor turned = x.as_strided(Dims{5, 3, 4}, Dims{1, 20, 5}, 0);
    const Tensor part = x.as_strided(Dims{2, 3}, Dims{20, 5}, 7);
    const Tensor repeated = x.as_strided(Dims{3, 4, 6}, Dims{20, 5, 0}, 0);
    for (const Tensor& one : {x, turned, part, repeated}) {
      const Tensor there = raw::to(one, kGpu);
      QCOMPARE(there.device(), kGpu);
      const Tensor across = raw::to(there, kOther);
      QCOMPARE(across.device(), kOther);
      const std::string problem = bit_difference(raw::to(across, kCpu), one, "copy");
      QVERIFY2(problem.empty(), problem.c_str());
    }
  }

  void copies_into_views_convert_and_broadcast() {
    const Tensor row = tensor_of<double>(std::array{1.5, -2.0, 3.0}, Dims{3});
    const Tensor there = zeros(Dims{4, 6}, DType::Float16, kGpu);
    raw::copy_(there.as_strided(Dims{4, 3}, Dims{6, 2}, 1), row);
    const Tensor here = raw::to(raw::to(there, kCpu), DType::Float64);
    for (int64_t i = 0; i < 4; ++i) {
      for (int64_t j = 0; j < 6; ++j) {
        const double wanted = j % 2 == 1 ? row.data<double>()[j / 2] : 0.0;
        QCOMPARE(here.data<double>()[6 * i + j], wanted);
      }
    }
    const Tensor back = zeros(Dims{2, 3}, DType::Int64, kCpu);
    raw::copy_(back, raw::to(row, kGpu));
    QCOMPARE(back.data<int64_t>()[3], int64_t{1});
    QCOMPARE(back.data<int64_t>()[4], int64_t{-2});
  }

  void a_number_is_read_where_it_lies() {
    const Tensor x =
        raw::to(tensor_of<int64_t>(std::array<int64_t, 2>{7, 1LL << 60}, Dims{2}), kGpu);
    QCOMPARE(x.as_strided(Dims{}, Dims{}, 1).scalar().to_int64(), int64_t{1} << 60);
    QCOMPARE(ops::sum(ops::mul(raw::to(x, DType::Float64), 0.5)).item(), 3.5 + 0x1p59);
    Fetch fetch(x.as_strided(Dims{}, Dims{}, 0));
    raw::fill_(x, 0);
    QCOMPARE(fetch.get().to_int64(), int64_t{7});
    QVERIFY_THROWS_EXCEPTION(Error, empty(Dims{}, DType::Float32, kMeta).item());
  }

  void a_missing_kernel_is_named_once() {
    warnings.clear();
    const auto before = fallback_counts()["softmax"];
    const Tensor x = raw::to(tensor_of<float>(std::array{1.f, 2.f, 4.f}, Dims{3}), kGpu);
    for (int i = 0; i < 3; ++i) ops::softmax(x, 0);
    QCOMPARE(count_warnings("no kernel yet for softmax: computed on the CPU"), 1);
    QCOMPARE(fallback_counts()["softmax"], before + 3);
    ops::add(x, x);
    QCOMPARE(count_warnings("binary"), 0);  // has one of its own
    QVERIFY(has_native_kernel("binary") && !has_native_kernel("softmax"));
    QVERIFY(has_native_kernel("cross_entropy"));  // is not needed
    QVERIFY(!has_native_kernel("norm.group_norm"));
  }

  /// What the CPU's kernel throws comes through, and nothing is written back.
  void mistakes_come_through_the_fallback() {
    const Tensor x = raw::to(tensor_of<float>(std::array{1.f, 2.f}, Dims{2}), kGpu);
    const Tensor index = raw::to(tensor_of<int64_t>(std::array<int64_t, 1>{5}, Dims{1}), kGpu);
    QVERIFY_THROWS_EXCEPTION(Error, ops::index_select(x, 0, index));
  }

  void tensors_of_two_devices_do_not_meet() {
    const Tensor here = zeros(Dims{2}, DType::Float32, kCpu);
    QVERIFY_THROWS_EXCEPTION(Error, ops::add(here, raw::to(here, kGpu)));
    QVERIFY_THROWS_EXCEPTION(Error, ops::add(raw::to(here, kOther), raw::to(here, kGpu)));
  }

  void a_device_beyond_the_last_is_refused() {
    try {
      zeros(Dims{2}, DType::Float32, {DeviceType::Cuda, 2});
      QFAIL("there are two");
    } catch (const Error& error) {
      QVERIFY2(error.text().starts_with("[device] cuda:2 is not there: this machine shows 2 GPUs"),
               error.what());
    }
  }

  void modules_are_saved_from_and_loaded_to_a_device() {
    QTemporaryDir folder;
    const nn::Block& block = *nn::blocks().find("BatchNorm2d");
    nn::Args args;
    args.set("num_features", int64_t{3});
    const auto make = [&] { return block.make(block.complete(args)); };
    const auto module = make();
    for (const Tensor& parameter : module->parameters()) raw::fill_(parameter, 0.25);
    module->to(kGpu);
    for (const auto format : {io::StateFormat::Pt, io::StateFormat::Safetensors}) {
      const std::string path = folder.filePath("state").toStdString();
      io::save_state(module->state_dict(), path, format);
      const auto other = make();
      other->to(kOther);
      other->load_state_dict(io::load_state(path));
      const nn::StateDict a = module->state_dict();
      const nn::StateDict b = other->state_dict();
      QCOMPARE(a.entries.size(), b.entries.size());
      for (size_t i = 0; i < a.entries.size(); ++i) {
        QCOMPARE(b.entries[i].tensor.device(), kOther);
        const std::string problem = bit_difference(raw::to(b.entries[i].tensor, kCpu),
                                                   raw::to(a.entries[i].tensor, kCpu), "state");
        QVERIFY2(problem.empty(), problem.c_str());
      }
    }
  }

  void the_kernels_of_a_block_are_known() {
    const auto linear = trial::kernels_of_block(*nn::blocks().find("Linear"));
    QVERIFY(linear.count("linear") + linear.count("matmul") > 0);
    QVERIFY(linear.count("conv") == 0);
    const auto norm = trial::kernels_of_block(*nn::blocks().find("GroupNorm"));
    QVERIFY(norm.count("norm.group_norm") == 1 && norm.count("norm.group_norm_grad") == 1);
  }

  void names_stand_at_their_kernels() {
    const auto names = kernel_table::names_of<Kernels>();
    const auto entries = kernel_table::entries_of(backend_of(kCpu).kernels());
    const auto at = [&](const std::string& name) {
      const auto it = std::find(names.begin(), names.end(), name);
      return entries[static_cast<size_t>(it - names.begin())];
    };
    const Kernels& table = backend_of(kCpu).kernels();
    using kernel_table::AnyKernel;
    QVERIFY(at("fill") == reinterpret_cast<AnyKernel>(table.fill));
    QVERIFY(at("randint") == reinterpret_cast<AnyKernel>(table.randint));
    const auto norm = kernel_table::names_of<NormKernels>();
    const auto kernels = kernel_table::entries_of(*table.norm);
    const auto it = std::find(norm.begin(), norm.end(), std::string("norm.group_norm"));
    QVERIFY(kernels[static_cast<size_t>(it - norm.begin())] ==
            reinterpret_cast<AnyKernel>(table.norm->group_norm));
  }

  void a_generator_counts_for_gpus() {
    Generator generator(9);
    QCOMPARE(generator.philox(10).offset, uint64_t{0});
    const Generator::Philox place = generator.philox(1);
    QCOMPARE(place.offset, uint64_t{12});
    QCOMPARE(place.seed, uint64_t{9});
    QCOMPARE(generator.philox_offset(), uint64_t{16});
    QCOMPARE(generator.random32(), Generator(9).random32());  // the CPU's numbers go their own way
    generator.manual_seed(9);
    QCOMPARE(generator.philox_offset(), uint64_t{0});
    QVERIFY_THROWS_EXCEPTION(Error, generator.set_philox_offset(6));
  }
};

QTEST_GUILESS_MAIN(TestDevice)
#include "test_device.moc"
