#include <QTest>

#include "core/autograd/engine.h"
#include "core/autograd/node.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/nn/block.h"
#include "core/nn/containers.h"
#include "core/nn/layers/activation.h"
#include "core/nn/layers/dropout.h"
#include "core/nn/layers/flatten.h"
#include "core/nn/layers/linear.h"
#include "core/ops/activation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/comparison.h"
#include "core/ops/creation.h"

using namespace nw;

namespace {

const nn::PlainActivation::Options kInplace{.inplace = true};

std::string error_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.text();
  }
  return "no error";
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

/// Two layers with the same numbers, one of which writes on the output of the other.
struct Pair {
  std::shared_ptr<nn::Module> linear;
  std::unique_ptr<nn::Sequential> chain;
};
Pair linear_and(std::shared_ptr<nn::Module> activation) {
  manual_seed(3);
  Pair pair;
  pair.linear = std::make_shared<nn::Linear>(nn::Linear::Options{4, 3});
  pair.chain = std::make_unique<nn::Sequential>(
      std::vector<std::shared_ptr<nn::Module>>{pair.linear, std::move(activation)});
  return pair;
}

}  // namespace

/// Layers with inplace=True: the input's own memory becomes the output.
class TestInPlaceLayers : public QObject {
  Q_OBJECT

 private slots:
  /// PyTorch's two alpha dropouts take `inplace`, print it and pass it on to nothing.
  void everyBlockOverwritesItsInput() {
    int blocks = 0;
    for (const nn::Block& block : nn::blocks().all()) {
      if (block.find("inplace") == nullptr || block.id.find("Alpha") != block.id.npos) continue;
      nn::Args args = block.complete({{"inplace", true}});
      const auto module = block.make(args);
      const Tensor x = ops::affine(ops::rand({2, 3, 8}), 16, -8);
      const Tensor before = raw::clone(x);
      const uint32_t version = x.storage()->version();
      const Tensor y = (*module)(x);
      QVERIFY2(y.is_same(x) || y.storage().get() == x.storage().get(), block.id.c_str());
      QVERIFY2(x.storage()->version() > version, block.id.c_str());
      QVERIFY2(!ops::equal(x, before), block.id.c_str());
      ++blocks;
    }
    QVERIFY2(blocks >= 15, std::to_string(blocks).c_str());
  }

  void aChainKeepsOneActivation() {
    const Pair pair = linear_and(std::make_shared<nn::ReLU>(kInplace));
    Tensor between;
    pair.linear->register_forward_hook(
        [&](nn::Module&, const Tensors&, const Tensors& outputs) -> std::optional<Tensors> {
          between = outputs[0];
          return std::nullopt;
        });
    const Tensor x = ops::randn({5, 4});
    const Tensor y = (*pair.chain)(x);
    QVERIFY(y.is_same(between));
    autograd::backward(y, ops::ones({5, 3}));

    const Pair other = linear_and(std::make_shared<nn::ReLU>());
    autograd::backward((*other.chain)(x), ops::ones({5, 3}));
    QVERIFY(ops::equal(pair.chain->parameters()[0].grad(), other.chain->parameters()[0].grad()));
    QVERIFY(ops::equal(pair.chain->parameters()[1].grad(), other.chain->parameters()[1].grad()));
  }

  void aLeafThatWantsAGradientIsRefused() {
    const Tensor x = ops::randn({2, 3});
    x.set_requires_grad();
    nn::ReLU relu(kInplace);
    QVERIFY(contains(error_of([&] { relu(x); }), "[ReLU] a leaf that requires a gradient"));
    nn::Dropout dropout({.p = 0.5, .inplace = true});
    QVERIFY(contains(error_of([&] { dropout(x); }), "leaf"));
    dropout.eval();
    QVERIFY(dropout(x).is_same(x));
    const autograd::NoGrad guard;
    QVERIFY(relu(x).is_same(x));
  }

  void whatTheLayerBeforeNeedsIsGuarded() {
    const Tensor x = ops::randn({2, 3});
    x.set_requires_grad();
    const Tensor y = ops::relu_(ops::sigmoid(x));
    const std::string text = error_of([&] { autograd::backward(y, ops::ones({2, 3})); });
    QVERIFY2(contains(text, "[Sigmoid]") && contains(text, "edited in place"), text.c_str());
  }

  void aViewWritesOnWhatItIsAViewOf() {
    const Tensor x = ops::randn({2, 3, 2});
    x.set_requires_grad();
    const Tensor middle = x * 1;
    nn::Sequential chain(std::vector<std::shared_ptr<nn::Module>>{
        std::make_shared<nn::Flatten>(nn::Flatten::Options{}),
        std::make_shared<nn::LeakyReLU>(
            nn::LeakyReLU::Options{.negative_slope = 0.5, .inplace = true})});
    const Tensor y = chain(middle);
    QVERIFY(ops::equal(middle, ops::leaky_relu(x, 0.5)));
    autograd::backward(middle, ops::ones({2, 3, 2}));
    const Tensor slopes = ops::where(ops::gt(x.detach(), 0), ops::ones({2, 3, 2}), 0.5);
    QVERIFY(ops::equal(x.grad(), slopes));
    QCOMPARE(y.sizes(), (Dims{2, 6}));
  }

  void aSlopeBelowZeroHasNoBackward() {
    const Tensor x = ops::randn({4});
    x.set_requires_grad();
    const Tensor y = ops::leaky_relu_(x * 1, -0.5);
    const std::string text = error_of([&] { autograd::backward(y, ops::ones({4})); });
    QVERIFY2(contains(text, "negative slope"), text.c_str());
  }
};

QTEST_GUILESS_MAIN(TestInPlaceLayers)
#include "test_in_place_layers.moc"
