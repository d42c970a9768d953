#include <QtTest>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/ops/matmul.h"
#include "tests/support/compare.h"
#include "tests/support/op_oracle.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kCases = 150;

struct Product {
  std::string name;
  std::string python;
  int inputs;
  std::function<Tensor(const Tensors&)> ours;
  std::function<std::vector<Dims>(Draw&)> sizes;
};

/// A size, now and then one that does not fit or is 0.
int64_t size_near(Draw& draw, int64_t wanted) {
  if (draw.chance(0.02)) return 0;
  return draw.chance(0.02) ? wanted + 1 : wanted;
}

int64_t some(Draw& draw) {
  return draw.chance(0.1) ? draw.integer(30, 70) : draw.integer(1, 9);
}

/// Operands of matmul: vectors, matrices and batches that broadcast.
std::vector<Dims> matmul_sizes(Draw& draw) {
  const int64_t k = some(draw);
  Dims batch;
  for (int64_t i = draw.integer(0, 3); i > 0; --i) batch.push_back(draw.integer(1, 4));
  const auto operand = [&](bool left) {
    if (draw.chance(0.15)) return Dims{size_near(draw, k)};
    Dims sizes = batch;
    while (!sizes.empty() && draw.chance(0.3)) sizes.erase(0);
    for (int64_t& size : sizes) {
      if (draw.chance(0.2)) size = 1;
    }
    sizes.push_back(left ? some(draw) : size_near(draw, k));
    sizes.push_back(left ? size_near(draw, k) : some(draw));
    return sizes;
  };
  const Dims a = operand(true);
  return {a, operand(false)};
}

std::vector<Product> products() {
  return {
      {"matmul", "torch.matmul(a, b)", 2, [](const Tensors& x) { return ops::matmul(x[0], x[1]); },
       matmul_sizes},
      {"mm", "torch.mm(a, b)", 2, [](const Tensors& x) { return ops::mm(x[0], x[1]); },
       [](Draw& draw) {
         const int64_t k = some(draw);
         return std::vector<Dims>{{some(draw), size_near(draw, k)}, {k, some(draw)}};
       }},
      {"bmm", "torch.bmm(a, b)", 2, [](const Tensors& x) { return ops::bmm(x[0], x[1]); },
       [](Draw& draw) {
         const int64_t k = some(draw);
         const int64_t batch = draw.integer(1, 6);
         return std::vector<Dims>{{batch, some(draw), k},
                                  {size_near(draw, batch), size_near(draw, k), some(draw)}};
       }},
      {"mv", "torch.mv(a, b)", 2, [](const Tensors& x) { return ops::mv(x[0], x[1]); },
       [](Draw& draw) {
         const int64_t k = some(draw);
         return std::vector<Dims>{{some(draw), size_near(draw, k)}, {k}};
       }},
      {"dot", "torch.dot(a, b)", 2, [](const Tensors& x) { return ops::dot(x[0], x[1]); },
       [](Draw& draw) {
         const int64_t k = some(draw);
         return std::vector<Dims>{{size_near(draw, k)}, {k}};
       }},
      {"outer", "torch.outer(a, b)", 2, [](const Tensors& x) { return ops::outer(x[0], x[1]); },
       [](Draw& draw) {
         return std::vector<Dims>{{some(draw)}, {some(draw)}};
       }},
      {"addmm", "torch.addmm(a, b, c)", 3,
       [](const Tensors& x) { return ops::addmm(x[0], x[1], x[2]); },
       [](Draw& draw) {
         const int64_t k = some(draw);
         const int64_t n = some(draw);
         return std::vector<Dims>{{n}, {some(draw), size_near(draw, k)}, {k, n}};
       }},
      {"linear", "F.linear(a, b, c)", 3,
       [](const Tensors& x) { return ops::linear(x[0], x[1], x[2]); },
       [](Draw& draw) {
         const int64_t k = some(draw);
         const int64_t n = some(draw);
         Dims x;
         for (int64_t i = draw.integer(0, 3); i > 0; --i) x.push_back(draw.integer(1, 5));
         x.push_back(k);
         return std::vector<Dims>{x, {n, k}, {n}};
       }},
  };
}

constexpr const char* kNames[] = {"a", "b", "c"};

}  // namespace

/// Products of vectors and matrices against PyTorch: sizes, layouts, dtypes, gradients.
class TestMatmulOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str());
    test_seed();
  }

  void matches_torch_data() {
    QTest::addColumn<int>("index");
    products_ = products();
    for (size_t i = 0; i < products_.size(); ++i) {
      QTest::newRow(products_[i].name.c_str()) << int(i);
    }
  }

  void matches_torch() {
    QFETCH(int, index);
    OpOracle tries(oracle_, test_seed() + static_cast<uint64_t>(index));
    for (int i = 0; i < kCases; ++i) {
      const std::string text = check(tries, products_[static_cast<size_t>(index)]);
      QVERIFY2(text.empty(), text.c_str());
    }
    QVERIFY(compared_ > kCases / 2);
    compared_ = 0;
  }

 private:
  std::string check(OpOracle& tries, const Product& product) {
    const DType dtype = tries.dtype();
    const std::vector<Dims> sizes = product.sizes(tries.draw());
    Oracle::Inputs inputs;
    Tensors leaves;
    std::string what = concat(product.name, " ", name(dtype));
    const bool has_gradient = is_floating(dtype) || is_complex(dtype);
    std::string code;
    for (size_t i = 0; i < sizes.size(); ++i) {
      const Tensor x = tries.laid_out(tries.numbers(sizes[i], dtype, 1, false, false));
      what += concat(", ", to_string(x.sizes()), " strides ", to_string(x.strides()));
      inputs.emplace_back(kNames[i], x);
      leaves.push_back(x.detach());
      if (has_gradient) {
        leaves.back().set_requires_grad();
        code += concat(kNames[i], ".requires_grad_()\n");
      }
    }
    // PyTorch 1.13 takes the product of two complex vectors to be 0 with some BLAS libraries.
    const bool vectors =
        leaves[0].dim() == 1 && leaves[0].sizes() == leaves[1].sizes() && product.name != "outer";
    const std::string python =
        vectors && is_complex(dtype) && product.name != "linear" ? "(a * b).sum()" : product.python;
    code += "y = " + python + "\n";
    Tensor ours;
    std::string error;
    try {
      ours = product.ours(leaves);
    } catch (const Error& thrown) {
      error = thrown.text();
    }
    if (!error.empty()) {
      const auto torch = oracle_.run(code, inputs, {});
      return torch.ok() ? what + ": ours refuses: " + error : std::string();
    }
    std::vector<std::string> outputs = {"y"};
    if (has_gradient) {
      const Tensor grad = tries.numbers(ours.sizes(), dtype, 1, false, false);
      autograd::backward(ours, grad);
      inputs.emplace_back("g", grad);
      code += "y.backward(g)\n";
      for (size_t i = 0; i < leaves.size(); ++i) {
        code += concat("g", kNames[i], " = ", kNames[i], ".grad\n");
        outputs.push_back(concat("g", kNames[i]));
      }
    }
    const auto torch = oracle_.run(code, inputs, outputs);
    if (!torch.ok()) {
      const bool missing = torch.error.find("not implemented for") != std::string::npos;
      return missing ? std::string() : what + ": torch: " + torch.error;
    }
    ++compared_;
    // Up to hundreds of products add up, in another order.
    const double slack = is_half(dtype) ? 10 : 20;
    if (auto text = difference(ours, torch["y"], what, slack); !text.empty()) return text;
    for (size_t i = 0; i < leaves.size() && has_gradient; ++i) {
      const auto text = difference(leaves[i].grad(), torch[concat("g", kNames[i])],
                                   what + ", gradient of " + kNames[i], slack);
      if (!text.empty()) return text;
    }
    return {};
  }

  Oracle oracle_;
  std::vector<Product> products_;
  int compared_ = 0;
};

QTEST_GUILESS_MAIN(TestMatmulOracle)
#include "test_matmul_oracle.moc"
