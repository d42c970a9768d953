#include <QtTest>

#include "core/autograd/engine.h"
#include "core/autograd/node.h"
#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/ops/activation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/dropout.h"
#include "core/ops/elementwise.h"
#include "core/ops/in_place.h"
#include "core/ops/slice.h"
#include "tests/support/compare.h"
#include "tests/support/op_oracle.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kCases = 80;

struct Edit {
  std::string name;
  std::string python;  // edits x with b and s
  std::function<Tensor(const Tensor& x, const Tensor& b, const Scalar& s)> ours;
};

/// What torch.nn.functional does in place.
Edit activation(std::string python, Tensor (*ours)(const Tensor& x)) {
  return {python.substr(2, python.find('(') - 2), "y_ = " + python,
          [ours](const Tensor& x, const Tensor&, const Scalar&) { return ours(x); }};
}

std::vector<Edit> edits() {
  using T = const Tensor&;
  using S = const Scalar&;
  return {
      {"add_", "x.add_(b)", [](T x, T b, S) { return ops::add_(x, b); }},
      {"add_ number", "x.add_(s)", [](T x, T, S s) { return ops::add_(x, s); }},
      {"sub_", "x.sub_(b)", [](T x, T b, S) { return ops::sub_(x, b); }},
      {"mul_", "x.mul_(b)", [](T x, T b, S) { return ops::mul_(x, b); }},
      {"mul_ number", "x.mul_(s)", [](T x, T, S s) { return ops::mul_(x, s); }},
      {"div_", "x.div_(b + 8)", [](T x, T b, S) { return ops::div_(x, b + 8); }},
      {"copy_", "x.copy_(b)", [](T x, T b, S) { return ops::copy_(x, b); }},
      {"fill_", "x.fill_(s)", [](T x, T, S s) { return ops::fill_(x, s); }},
      {"zero_", "x.zero_()", [](T x, T, S) { return ops::zero_(x); }},
      {"neg_", "x.neg_()", [](T x, T, S) { return ops::neg_(x); }},
      {"exp_", "x.exp_()", [](T x, T, S) { return ops::exp_(x); }},
      {"clamp_", "x.clamp_(-1, 1)", [](T x, T, S) { return ops::clamp_(x, -1, 1); }},
      {"addcmul_", "x.addcmul_(b, b)", [](T x, T b, S) { return ops::addcmul_(x, b, b); }},
      {"lerp_", "x.lerp_(b, 0.25)", [](T x, T b, S) { return ops::lerp_(x, b, 0.25); }},
      {"pow_", "x.pow_(2)", [](T x, T, S) { return ops::pow_(x, 2); }},
      activation("F.relu(x, inplace=True)", [](T x) { return ops::relu_(x); }),
      activation("F.relu6(x, inplace=True)", [](T x) { return ops::relu6_(x); }),
      activation("F.elu(x, 0.7, inplace=True)", [](T x) { return ops::elu_(x, 0.7); }),
      activation("F.selu(x, inplace=True)", [](T x) { return ops::selu_(x); }),
      activation("F.celu(x, 1.5, inplace=True)", [](T x) { return ops::celu_(x, 1.5); }),
      activation("F.leaky_relu(x, 0.2, True)", [](T x) { return ops::leaky_relu_(x, 0.2); }),
      activation("F.threshold(x, 0.3, 2, True)", [](T x) { return ops::threshold_(x, 0.3, 2); }),
      activation("F.silu(x, inplace=True)", [](T x) { return ops::silu_(x); }),
      activation("F.mish(x, inplace=True)", [](T x) { return ops::mish_(x); }),
      activation("F.hardtanh(x, -1, 0.5, True)", [](T x) { return ops::hardtanh_(x, -1, 0.5); }),
      activation("F.hardsigmoid(x, inplace=True)", [](T x) { return ops::hardsigmoid_(x); }),
      activation("F.hardswish(x, inplace=True)", [](T x) { return ops::hardswish_(x); }),
      activation("F.dropout(x, 1, inplace=True)",
                 [](T x) { return ops::dropout_(x, 1, default_generator()); }),
  };
}

}  // namespace

/// Edits in place against PyTorch: what may be stored where, and the gradients of what the edited
/// tensor came from, of a part of it and of what was stored.
class TestInPlaceOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str());
    test_seed();
  }

  void matches_torch_data() {
    QTest::addColumn<int>("index");
    edits_ = edits();
    for (size_t i = 0; i < edits_.size(); ++i) QTest::newRow(edits_[i].name.c_str()) << int(i);
  }

  void matches_torch() {
    QFETCH(int, index);
    OpOracle tries(oracle_, test_seed() + static_cast<uint64_t>(index));
    int compared = 0;
    for (int i = 0; i < kCases; ++i) {
      const std::string text = check(tries, edits_[static_cast<size_t>(index)], compared);
      QVERIFY2(text.empty(), text.c_str());
    }
    QVERIFY(compared >= kCases / 10);
  }

  void leaves_and_repeated_numbers_are_refused() {
    const Tensor leaf = zeros({2});
    leaf.set_requires_grad();
    QVERIFY_EXCEPTION_THROWN(ops::add_(leaf, 1), Error);
    const autograd::NoGrad guard;
    ops::add_(leaf, 1);
    QCOMPARE(leaf.data<float>()[1], 1.0f);
    const Tensor repeated = zeros({1}).as_strided({3}, {0}, 0);
    QVERIFY_EXCEPTION_THROWN(ops::mul_(repeated, 2), Error);
  }

  void an_edit_of_what_backward_needs_is_caught() {
    const Tensor leaf = full({3}, 2);
    leaf.set_requires_grad();
    const Tensor middle = leaf * 3;
    const Tensor square = ops::square(middle);
    ops::add_(middle, 1);
    QVERIFY_EXCEPTION_THROWN(autograd::backward(square, full({3}, 1)), Error);
  }

 private:
  std::string check(OpOracle& tries, const Edit& edit, int& compared) {
    Draw& draw = tries.draw();
    Dims sizes;
    for (int64_t i = draw.integer(1, 3); i > 0; --i) sizes.push_back(draw.integer(1, 4));
    const DType dtype = tries.dtype();
    // torch has no gradient of the complex function, and of that in place a wrong one.
    if (is_complex(dtype) && edit.name == "silu") return {};
    const DType other = draw.chance(0.6) ? dtype : tries.dtype();
    const Tensor a = tries.laid_out(tries.numbers(sizes, dtype, 2, false, false));
    Dims b_sizes = sizes;
    if (draw.chance(0.3)) b_sizes.erase(0);
    const Tensor b = tries.numbers(b_sizes, other, 2, false, false);
    const bool part = draw.chance(0.4);
    const bool has_gradient = is_floating(dtype) || is_complex(dtype);
    const bool wants_b = is_floating(other) || is_complex(other);
    const std::string what = concat(edit.name, part ? " of a part, " : ", ", describe(a),
                                    " strides ", to_string(a.strides()), " with ", describe(b));
    const Tensor leaf = a.detach();
    const Tensor b_leaf = b.detach();
    if (has_gradient) leaf.set_requires_grad();
    if (wants_b) b_leaf.set_requires_grad();
    std::string code = "s = 2\n";
    if (has_gradient) code += "a.requires_grad_()\n";
    if (wants_b) code += "b.requires_grad_()\n";
    const bool is_bool = dtype == DType::Bool;
    code += is_bool ? "y = a.clone()\n" : "y = a * 1\n";
    code += part ? "x = y[..., :1]\n" : "x = y\n";
    if (part) code += "b_ = b\nb = b[..., :1]\n";
    code += edit.python + "\n";
    Tensor y;
    try {
      y = is_bool ? raw::clone(leaf) : leaf * 1;
      edit.ours(part ? ops::narrow(y, -1, 0, 1) : y, part ? ops::narrow(b_leaf, -1, 0, 1) : b_leaf,
                2);
    } catch (const Error& thrown) {
      const auto torch = oracle_.run(code, {{"a", a}, {"b", b}}, {});
      return torch.ok() ? what + ": ours refuses: " + thrown.text() : std::string();
    }
    Oracle::Inputs inputs = {{"a", a}, {"b", b}};
    std::vector<std::string> outputs = {"y"};
    const bool backward = has_gradient && !is_half(dtype) && !is_half(other);
    if (backward) {
      const Tensor grad = tries.numbers(y.sizes(), dtype, 1, false, false);
      inputs.emplace_back("g", grad);
      code += std::string(part ? "b = b_\n" : "") +
              "y.backward(g)\nzero = lambda t: torch.zeros_like(t) if t.grad is None else t.grad\n"
              "ga = zero(a)\ngb = zero(b)\n";
      outputs.push_back("ga");
      outputs.push_back("gb");
      autograd::backward(y, grad);
    }
    const auto torch = oracle_.run(code, inputs, outputs);
    if (!torch.ok()) {
      const bool missing = torch.error.find("not implemented for") != std::string::npos ||
                           torch.error.find("please report a bug") != std::string::npos;
      return missing ? std::string() : what + ": torch: " + torch.error;
    }
    ++compared;
    if (auto text = difference(y, torch["y"], what, 10); !text.empty()) return text;
    if (!backward) return {};
    const auto grad_of = [](const Tensor& x) {
      return x.grad().defined() ? x.grad() : zeros(x.sizes(), x.dtype(), kCpu);
    };
    if (auto text = difference(grad_of(leaf), torch["ga"], what + ", gradient of x", 10);
        !text.empty()) {
      return text;
    }
    return difference(grad_of(b_leaf), torch["gb"], what + ", gradient of b", 10);
  }

  Oracle oracle_;
  std::vector<Edit> edits_;
};

QTEST_GUILESS_MAIN(TestInPlaceOracle)
#include "test_in_place_oracle.moc"
