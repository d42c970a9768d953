#include <QtTest>
#include <cstdio>

#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/nn/init.h"
#include "core/ops/arithmetic.h"
#include "core/ops/creation.h"
#include "core/ops/dropout.h"
#include "core/ops/elementwise.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"
#include "tests/support/oracle.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kCases = 40;

Tensor order_of(int64_t n, Generator& generator) {
  const std::vector<int64_t> order = generator.randperm(n);
  return tensor_of<int64_t>(order, Dims{n});
}

}  // namespace

/// The random streams of the CPU generator against PyTorch's, bit for bit.
class TestRandomOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str());
    std::printf("%d cases of each stream\n", (test_seed(), kCases));
  }

  void uniform_is_torch_s() {
    Draw draw(test_seed());
    for (int i = 0; i < kCases; ++i) {
      const DType dtype = draw.chance(0.5) ? DType::Float32 : DType::Float64;
      const auto seed = draw.seed() % 1'000'000;
      const double from = draw.real(-3, 3);
      const double to = from + draw.real(0, 5);
      const Dims sizes{draw.integer(1, 40), draw.integer(1, 40)};
      manual_seed(seed);
      const Tensor ours = empty(sizes, dtype);
      nn::init::uniform_(ours, from, to);
      const auto torch =
          oracle_.run(concat("torch.manual_seed(", seed, ")\nx = torch.empty_like(like).uniform_(",
                             nn::to_python(from), ", ", nn::to_python(to), ")"),
                      {{"like", ours}}, {"x"});
      QVERIFY2(torch.ok(), torch.error.c_str());
      const auto text = bit_difference(ours, torch["x"], concat("uniform, seed ", seed));
      QVERIFY2(text.empty(), text.c_str());
    }
  }

  void dropout_masks_are_torch_s() {
    Draw draw(test_seed() + 1);
    for (int i = 0; i < kCases; ++i) {
      const DType dtype = draw.chance(0.5) ? DType::Float32 : DType::Float64;
      const auto seed = draw.seed() % 1'000'000;
      const double p = draw.chance(0.2) ? static_cast<double>(draw.integer(0, 1)) : draw.real(0, 1);
      const Tensor x = draw.numbers({draw.integer(1, 20), draw.integer(1, 30)}, dtype);
      Generator generator(seed);
      // Twice, so that the stream goes on where the first call left it.
      ops::dropout(x, p, generator);
      const Tensor ours = ops::dropout(x, p, generator);
      const auto torch = oracle_.run(concat("torch.manual_seed(", seed, ")\np = ", nn::to_python(p),
                                            "\nF.dropout(x, p)\ny = F.dropout(x, p)"),
                                     {{"x", x}}, {"y"});
      QVERIFY2(torch.ok(), torch.error.c_str());
      const auto text = bit_difference(ours, torch["y"], concat("dropout ", p, ", seed ", seed));
      QVERIFY2(text.empty(), text.c_str());
    }
  }

  void orders_are_torch_s() {
    Draw draw(test_seed() + 2);
    for (int i = 0; i < kCases; ++i) {
      const auto seed = draw.seed() % 1'000'000;
      const int64_t n = draw.integer(1, 5000);
      Generator generator(seed);
      const Tensor ours = order_of(n, generator);
      const auto torch = oracle_.run(
          concat("torch.manual_seed(", seed, ")\nx = torch.randperm(", n, ")"), {}, {"x"});
      QVERIFY2(torch.ok(), torch.error.c_str());
      const auto text = bit_difference(ours, torch["x"], concat("randperm, seed ", seed));
      QVERIFY2(text.empty(), text.c_str());
    }
  }

  /// A DataLoader draws a base seed, then its sampler's seed; the order comes from the latter.
  void loader_seeds_are_torch_s() {
    Draw draw(test_seed() + 3);
    for (int i = 0; i < kCases; ++i) {
      const auto seed = draw.seed() % 1'000'000;
      const int64_t n = draw.integer(2, 200);
      Generator generator(seed);
      generator.random_int63();
      Generator sampler(static_cast<uint64_t>(generator.random_int63()));
      const Tensor ours = order_of(n, sampler);
      const auto torch = oracle_.run(
          concat("from torch.utils.data import DataLoader, TensorDataset\n", "torch.manual_seed(",
                 seed, ")\nloader = DataLoader(TensorDataset(torch.arange(", n,
                 ")), batch_size=7, shuffle=True)\nx = torch.cat([b[0] for b in loader])"),
          {}, {"x"});
      QVERIFY2(torch.ok(), torch.error.c_str());
      const auto text = bit_difference(ours, torch["x"], concat("loader, seed ", seed));
      QVERIFY2(text.empty(), text.c_str());
    }
  }

  /// The state goes to PyTorch and back, at any place of the stream.
  void states_are_torch_s() {
    Draw draw(test_seed() + 6);
    for (int i = 0; i < kCases; ++i) {
      Generator ours(draw.seed() % 1'000'000);
      const int64_t before = draw.integer(0, 1500);
      for (int64_t k = 0; k < before; ++k) ours.random32();
      if (draw.chance(0.5)) ours.normal_double();
      const auto bytes = ours.state();
      const Tensor state = tensor_of<uint8_t>(bytes, {static_cast<int64_t>(bytes.size())});
      const auto torch = oracle_.run(
          "torch.set_rng_state(s)\nx = torch.randn(3, dtype=torch.float64)\n"
          "y = torch.rand(700)\nafter = torch.get_rng_state()\n",
          {{"s", state}}, {"x", "y", "after"});
      QVERIFY2(torch.ok(), torch.error.c_str());
      for (int64_t k = 0; k < 3; ++k) {
        QCOMPARE(ours.normal_double(), torch["x"].data<double>()[k]);
      }
      for (int64_t k = 0; k < 700; ++k) {
        QCOMPARE(ours.uniform_float(), torch["y"].data<float>()[k]);
      }
      Generator theirs;
      theirs.set_state({torch["after"].data<uint8_t>(), Generator::kStateBytes});
      for (int k = 0; k < 2000; ++k) QCOMPARE(theirs.normal_double(), ours.normal_double());
    }
    QVERIFY_THROWS_EXCEPTION(Error, Generator().set_state(std::vector<uint8_t>(5056)));
  }

  /// Twice each, so that the stream goes on where the first call left it.
  void drawn_tensors_are_torch_s() {
    Draw draw(test_seed() + 4);
    const DType floating[] = {DType::Float32, DType::Float64, DType::BFloat16, DType::Complex64,
                              DType::Float16};
    for (int i = 0; i < 4 * kCases; ++i) {
      const auto seed = draw.seed() % 1'000'000;
      const DType dtype = floating[draw.integer(0, 4)];
      const int64_t n = draw.chance(0.5) ? draw.integer(1, 100) : draw.integer(1000, 3000);
      const int64_t kind = draw.integer(0, 2);
      const char* names[] = {"rand", "randn", "randint"};
      manual_seed(seed);
      Tensor ours;
      std::string call;
      for (int twice = 0; twice < 2; ++twice) {
        if (kind == 0) ours = ops::rand({n}, dtype);
        if (kind == 1) ours = ops::randn({n}, dtype);
        if (kind == 2) ours = ops::randint(-5, 100, {n}, DType::Int32);
      }
      const std::string arguments =
          concat("(", kind == 2 ? "-5, 100, (" : "", n, kind == 2 ? ",)" : "", ", dtype=torch.",
                 kind == 2 ? "int32" : name(dtype), ")");
      call = concat("torch.", names[kind], arguments);
      const auto torch =
          oracle_.run(concat("torch.manual_seed(", seed, ")\n", call, "\nx = ", call), {}, {"x"});
      QVERIFY2(torch.ok(), torch.error.c_str());
      const auto text = bit_difference(ours, torch["x"], concat(call, ", seed ", seed));
      QVERIFY2(text.empty(), text.c_str());
    }
  }

  /// Whole numbers from ranges of any width, in dtypes that hold them or not, which torch refuses.
  void whole_numbers_are_torch_s() {
    Draw draw(test_seed() + 7);
    int refused = 0;
    for (int i = 0; i < 6 * kCases; ++i) {
      const auto seed = draw.seed() % 1'000'000;
      const auto bits = static_cast<int>(draw.integer(0, 62));
      const int64_t width = (int64_t{1} << bits) + draw.integer(-1, 1);
      const int64_t low = draw.chance(0.5) ? 0 : draw.integer(-300, 300);
      const int64_t high = low + std::max<int64_t>(width, 1);
      const auto dtype = static_cast<DType>(draw.integer(0, kDTypeCount - 1));
      const std::string call =
          concat("torch.randint(", low, ", ", high, ", (7,), dtype=torch.", name(dtype), ")");
      const auto torch =
          oracle_.run(concat("torch.manual_seed(", seed, ")\nx = ", call), {}, {"x"});
      manual_seed(seed);
      try {
        const Tensor ours = ops::randint(low, high, {7}, dtype);
        QVERIFY2(torch.ok(), (call + ": " + torch.error).c_str());
        const auto text = bit_difference(ours, torch["x"], concat(call, ", seed ", seed));
        QVERIFY2(text.empty(), text.c_str());
      } catch (const Error& error) {
        QVERIFY2(!torch.ok(), (call + ": " + error.text()).c_str());
        ++refused;
      }
    }
    QVERIFY(refused > 10 && refused < 5 * kCases);
  }

  void chosen_numbers_are_torch_s() {
    Draw draw(test_seed() + 8);
    for (int i = 0; i < 4 * kCases; ++i) {
      const auto seed = draw.seed() % 1'000'000;
      const DType dtype = draw.chance(0.5) ? DType::Float32 : DType::Float64;
      const int64_t classes = draw.integer(1, 20);
      const Dims sizes = draw.chance(0.5) ? Dims{classes} : Dims{draw.integer(1, 4), classes};
      const Tensor p = ops::add(ops::abs(draw.numbers(sizes, dtype)), 0.01);
      const bool back = draw.chance(0.5);
      const int64_t samples = draw.integer(1, back ? 30 : classes);
      const double rate = draw.real(0.1, 4);
      const std::string call =
          concat("torch.multinomial(p, ", samples, ", ", back ? "True" : "False", ")");
      const auto torch =
          oracle_.run(concat("torch.manual_seed(", seed, ")\nx = ", call,
                             "\ny = torch.empty_like(p).exponential_(", nn::to_python(rate), ")"),
                      {{"p", p}}, {"x", "y"});
      QVERIFY2(torch.ok(), torch.error.c_str());
      manual_seed(seed);
      const Tensor x =
          ops::multinomial(p, samples, back ? ops::Replacement::Yes : ops::Replacement::No);
      const Tensor y = ops::exponential_(empty_like(p), rate);
      for (const auto& [ours, name] : {std::pair{x, "x"}, std::pair{y, "y"}}) {
        const auto text = bit_difference(ours, torch[name], concat(call, ", seed ", seed));
        QVERIFY2(text.empty(), text.c_str());
      }
    }
    for (const Tensor& bad : {ops::full_like(ops::ones({3}), -1), ops::ones({0}), zeros({2, 3}),
                              ops::ones({1, 1, 2})}) {
      QVERIFY_THROWS_EXCEPTION(Error, ops::multinomial(bad, 1));
    }
    QVERIFY_THROWS_EXCEPTION(Error, ops::multinomial(ops::ones({3}), 4));
    QVERIFY_THROWS_EXCEPTION(Error, ops::exponential_(ops::ones({3}), 0));
  }

  void drawing_in_place_is_torch_s() {
    Draw draw(test_seed() + 5);
    for (int i = 0; i < 4 * kCases; ++i) {
      const auto seed = draw.seed() % 1'000'000;
      const DType dtypes[] = {DType::Float64, DType::Float32, DType::BFloat16};
      const DType dtype = dtypes[draw.integer(0, 2)];
      const Dims sizes{draw.integer(1, 9), draw.integer(1, 9)};
      const Tensor dense = empty({sizes[0] * sizes[1] * 2}, dtype);
      const Tensor x = draw.chance(0.5) ? dense.as_strided(sizes, {2, 2 * sizes[0]}, 0)
                                        : dense.as_strided(sizes, {sizes[1], 1}, 0);
      raw::fill_(dense, 0);
      manual_seed(seed);
      const int64_t kind = draw.integer(0, 3);
      const char* calls[] = {"x.uniform_(-1.5, 2)", "x.normal_(0.5, 3)", "x.bernoulli_(0.3)",
                             "x = torch.bernoulli(x + 0.25)"};
      Tensor ours = x.detach();
      const Oracle::Inputs inputs = {{"x", x}};
      const auto torch =
          oracle_.run(concat("torch.manual_seed(", seed, ")\n", calls[kind]), inputs, {"x"});
      QVERIFY2(torch.ok(), torch.error.c_str());
      if (kind == 0) ops::uniform_(ours, -1.5, 2);
      if (kind == 1) ops::normal_(ours, 0.5, 3);
      if (kind == 2) ops::bernoulli_(ours, 0.3);
      if (kind == 3) ours = ops::bernoulli(ops::add(ours, 0.25));
      const auto text = bit_difference(ours, torch["x"],
                                       concat(calls[kind], " of ", describe(x), ", seed ", seed));
      QVERIFY2(text.empty(), text.c_str());
    }
  }

  void sequences_are_torch_s() {
    Draw draw(test_seed() + 6);
    for (int i = 0; i < kCases; ++i) {
      const double start = static_cast<double>(draw.integer(-8, 8)) / 4;
      const double end = start + static_cast<double>(draw.integer(0, 40)) / 4;
      const int64_t n = draw.integer(0, 30);
      const auto torch =
          oracle_.run(concat("a = torch.arange(", start, ", ", end, ", 0.3)\nb = torch.arange(", n,
                             ", -7, -3)\nc = torch.linspace(", start, ", ", end, ", ", n,
                             ", dtype=torch.float64)\nd = torch.eye(", n,
                             ", 5)\ne = torch.linspace(", start, ", ", end, ", ", n, ")"),
                      {}, {"a", "b", "c", "d", "e"});
      QVERIFY2(torch.ok(), torch.error.c_str());
      const std::pair<Tensor, const char*> ours[] = {
          {ops::arange(start, end, 0.3), "a"},
          {ops::arange(n, -7, -3), "b"},
          {ops::linspace(start, end, n, DType::Float64), "c"},
          {ops::eye(n, 5), "d"},
          {ops::linspace(start, end, n), "e"},
      };
      for (const auto& [tensor, which] : ours) {
        const auto text =
            difference(tensor, torch[which], concat(which, " from ", start, " to ", end, ", ", n));
        QVERIFY2(text.empty(), text.c_str());
      }
    }
  }

 private:
  Oracle oracle_;
};

QTEST_GUILESS_MAIN(TestRandomOracle)
#include "test_random_oracle.moc"
