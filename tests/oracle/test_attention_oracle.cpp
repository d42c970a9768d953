#include <QtTest>
#include <limits>

#include "core/autograd/engine.h"
#include "core/autograd/node.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/nn/layers/position.h"
#include "core/nn/layers/transformer.h"
#include "core/ops/attention.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"
#include "tests/support/oracle.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr uint64_t kSeed = 11;

/// One situation: how both build the module, and what is fed to it by torch's names.
struct Case {
  const char* name;
  std::string python;
  std::function<std::unique_ptr<nn::Module>()> make;
  Oracle::Inputs inputs;  // in the order of our ports; undefined: not given
  std::string arguments;  // of torch's call
  bool training = true;
};

std::unique_ptr<nn::Module> attention(nn::MultiheadAttention::Options options) {
  return std::make_unique<nn::MultiheadAttention>(options);
}

nn::TransformerLayerOptions small_layer() {
  return {.d_model = 8, .nhead = 2, .dim_feedforward = 12, .batch_first = true};
}

Tensor float_mask(Draw& draw, const Dims& sizes) {
  const Tensor mask = draw.numbers(sizes, DType::Float32);
  mask.data<float>()[1] = -std::numeric_limits<float>::infinity();
  return mask;
}

std::vector<Case> cases() {
  Draw draw(test_seed());
  const auto x = [&](const Dims& sizes) { return draw.numbers(sizes, DType::Float32); };
  const auto coins = [&](const Dims& sizes) { return draw.coins(sizes, 0.3); };
  const Tensor self = x({4, 3, 8}), alone = x({4, 8});
  const Tensor whole_row = raw::to(full({3, 4}, 1, DType::Float32, kCpu), DType::Bool);
  return {
      {"self-attention, learnt float mask",
       "nn.MultiheadAttention(8, 2, dropout=0.3)",
       [] { return attention({.embed_dim = 8, .num_heads = 2, .dropout = 0.3}); },
       {{"q", self}, {"q", self}, {"q", self}, {"", {}}, {"m", float_mask(draw, {4, 4})}},
       "q, q, q, attn_mask=m"},
      {"a mask for each head, batch first",
       "nn.MultiheadAttention(8, 4, batch_first=True)",
       [] { return attention({.embed_dim = 8, .num_heads = 4, .batch_first = true}); },
       {{"q", self}, {"q", self}, {"q", self}, {"p", coins({4, 3})}, {"m", coins({16, 3, 3})}},
       "q, q, q, key_padding_mask=p, attn_mask=m"},
      {"bytes as mask",
       "nn.MultiheadAttention(8, 2)",
       [] { return attention({.embed_dim = 8, .num_heads = 2}); },
       {{"q", self},
        {"q", self},
        {"q", self},
        {"", {}},
        {"m", raw::to(coins({4, 4}), DType::UInt8)}},
       "q, q, q, attn_mask=m"},
      {"float padding mask",
       "nn.MultiheadAttention(8, 2)",
       [] { return attention({.embed_dim = 8, .num_heads = 2}); },
       {{"q", self}, {"q", self}, {"q", self}, {"p", float_mask(draw, {3, 4})}},
       "q, q, q, key_padding_mask=p"},
      {"float mask and padding",
       "nn.MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True)",
       [] {
         return attention(
             {.embed_dim = 8, .num_heads = 2, .add_bias_kv = true, .add_zero_attn = true});
       },
       {{"q", self},
        {"k", x({5, 3, 8})},
        {"v", x({5, 3, 8})},
        {"p", coins({3, 5})},
        {"m", float_mask(draw, {4, 5})}},
       "q, k, v, key_padding_mask=p, attn_mask=m"},
      {"all keys are padding",
       "nn.MultiheadAttention(8, 2)",
       [] { return attention({.embed_dim = 8, .num_heads = 2}); },
       {{"q", self}, {"q", self}, {"q", self}, {"p", whole_row}},
       "q, q, q, key_padding_mask=p"},
      {"without a batch",
       "nn.MultiheadAttention(8, 2, batch_first=True)",
       [] { return attention({.embed_dim = 8, .num_heads = 2, .batch_first = true}); },
       {{"q", alone}, {"q", alone}, {"q", alone}, {"p", coins({4})}, {"m", coins({2, 4, 4})}},
       "q, q, q, key_padding_mask=p, attn_mask=m"},
      {"keys and values in one, all weights",
       "nn.MultiheadAttention(8, 2, kdim=6, vdim=6)",
       [] {
         return attention(
             {.embed_dim = 8, .num_heads = 2, .kdim = 6, .vdim = 6, .average_attn_weights = false});
       },
       {{"q", self}, {"k", x({5, 3, 6})}, {"v", x({5, 3, 6})}},
       "q, k, v, average_attn_weights=False"},
      {"encoder with a float mask, evaluating",
       "nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 12, batch_first=True), 2)",
       [] {
         return std::make_unique<nn::TransformerEncoder>(nn::TransformerEncoderLayer(small_layer()),
                                                         2);
       },
       {{"x", x({3, 4, 8})}, {"m", float_mask(draw, {4, 4})}},
       "x, mask=m",
       false},
      {"transformer that sees only the past",
       "nn.Transformer(8, 2, 1, 2, 12, batch_first=True)",
       [] {
         return std::make_unique<nn::Transformer>(nn::Transformer::Options{
             .layer = small_layer(), .num_encoder_layers = 1, .num_decoder_layers = 2});
       },
       {{"x", x({3, 4, 8})}, {"t", x({3, 5, 8})}, {"", {}}, {"m", ops::square_subsequent_mask(5)}},
       "x, t, tgt_mask=m"},
  };
}

}  // namespace

/// Attention and transformers against PyTorch where masks of all kinds come in: outputs and the
/// gradients of inputs and masks. What the blocks' own test draws is not drawn again.
class TestAttentionOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str());
    cases_ = cases();
  }

  void equals_torch_data() {
    QTest::addColumn<int>("at");
    for (size_t i = 0; i < cases_.size(); ++i) QTest::newRow(cases_[i].name) << static_cast<int>(i);
  }

  void equals_torch() {
    QFETCH(int, at);
    const Case& one = cases_[static_cast<size_t>(at)];
    manual_seed(kSeed);
    const auto module = one.make();
    module->train(one.training);
    Tensors inputs;
    Oracle::Inputs sent;
    std::vector<std::string> outputs = {"y"};
    std::string leaves;
    for (const auto& [name, tensor] : one.inputs) {
      inputs.push_back(tensor);
      const bool known = std::any_of(sent.begin(), sent.end(),
                                     [&](const auto& other) { return other.first == name; });
      if (!tensor.defined() || known) continue;
      sent.emplace_back(name, tensor.detach());
      if (!is_floating(tensor.dtype())) continue;
      tensor.set_requires_grad();
      tensor.set_grad({});
      leaves += name + ".requires_grad_()\n";
      outputs.push_back("grad_" + name);
    }
    const Tensor y = module->call(inputs)[0];
    const Tensor grad = Draw(kSeed).numbers(y.sizes(), y.dtype());
    sent.emplace_back("g", grad);
    std::string code = "torch.manual_seed(11)\nmodule = " + one.python + "\n" + leaves +
                       "module.train(" + (one.training ? "True" : "False") + ")\nr = module(" +
                       one.arguments +
                       ")\ny = r[0] if isinstance(r, tuple) else r\ny.backward(g)\n";
    for (size_t i = 1; i < outputs.size(); ++i) {
      code += outputs[i] + " = " + outputs[i].substr(5) + ".grad\n";
    }
    const Oracle::Reply torch = oracle_.run(code, sent, outputs);
    QVERIFY2(torch.ok(), torch.error.c_str());
    const std::string problem = difference(y, torch["y"], "output");
    QVERIFY2(problem.empty(), problem.c_str());
    autograd::backward(y, grad);
    for (const auto& [name, tensor] : one.inputs) {
      if (!tensor.defined() || !tensor.requires_grad()) continue;
      const auto text = difference(tensor.grad(), torch["grad_" + name], "gradient of " + name, 2);
      QVERIFY2(text.empty(), text.c_str());
    }
  }

  void fused_equals_composed() {
    Draw draw(test_seed());
    for (double dropout : {0.0, 0.5}) {
      const Tensor q = draw.numbers({3, 2, 8}, DType::Float64);
      const Tensor kv = draw.numbers({5, 2, 16}, DType::Float64);
      const ops::AttentionOptions options{.heads = 4,
                                          .features = 8,
                                          .mask = draw.numbers({2, 1, 3, 5}, DType::Float64),
                                          .dropout = dropout,
                                          .want_weights = true};
      Generator one(3), two(3);
      const auto fused = ops::attention({q}, {kv, 0}, {kv, 8}, options, one);
      const auto composed = ops::composed_attention({q}, {kv, 0}, {kv, 8}, options, two);
      QVERIFY(one == two);
      for (const auto& [a, b] :
           {std::pair(fused.output, composed.output), std::pair(fused.weights, composed.weights)}) {
        const std::string problem = difference(a, b, "attention");
        QVERIFY2(problem.empty(), problem.c_str());
      }
    }
  }

  void layers_of_a_stack_start_equal() {
    manual_seed(kSeed);
    const nn::TransformerEncoderLayer layer(small_layer());
    const Generator before = default_generator();
    const nn::TransformerEncoder stack(layer, 3);
    QVERIFY2(default_generator() == before, "copies draw nothing");
    const auto state = stack.state_dict();
    QCOMPARE(state.entries.size(), 3 * layer.state_dict().entries.size());
    for (const auto& [key, tensor] : layer.state_dict().entries) {
      for (const char* number : {"0", "1", "2"}) {
        const Tensor* copy = state.find(concat("layers.", number, ".", key));
        QVERIFY(copy != nullptr && !copy->is_same(tensor));
        QVERIFY(bit_difference(*copy, tensor, key).empty());
      }
    }
  }

  void positions_equal_their_code() {
    const nn::Block& block = *nn::blocks().find("PositionalEncoding");
    for (bool batch_first : {false, true}) {
      const Tensor x = Draw(kSeed).numbers({6, 5, 7}, DType::Float32);
      nn::Args args = block.complete({{"batch_first", batch_first}, {"dropout", 0.25}});
      const auto module = block.make(args);
      manual_seed(kSeed);
      const Tensor y = (*module)(x);
      std::string code = block.code;
      const auto fill = [&](const std::string& mark, const std::string& value) {
        for (size_t at = code.find(mark); at != code.npos; at = code.find(mark)) {
          code.replace(at, mark.size(), value);
        }
      };
      fill("{input}", "x");
      fill("{batch_first}", batch_first ? "True" : "False");
      fill("{dropout}", "0.25");
      fill("self.training", "True");
      const auto torch = oracle_.run("torch.manual_seed(11)\ny = " + code, {{"x", x}}, {"y"});
      QVERIFY2(torch.ok(), torch.error.c_str());
      const std::string problem = difference(y, torch["y"], "positions");
      QVERIFY2(problem.empty(), problem.c_str());
    }
  }

 private:
  Oracle oracle_;
  std::vector<Case> cases_;
};

QTEST_GUILESS_MAIN(TestAttentionOracle)
#include "test_attention_oracle.moc"
