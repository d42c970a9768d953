#include <QRegularExpression>
#include <QtTest>

#include "core/base/random.h"
#include "core/codegen/expression.h"
#include "core/nn/call.h"
#include "tests/core/codegen/mistakes.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"
#include "tests/support/oracle.h"

using namespace nw;
using namespace nw::test;
using codegen::parse_model;

namespace {

constexpr int kCasesPerBlock = 30;
constexpr int kDamagedTexts = 20'000;

const char* const kGood[] = {
    "nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),\n"
    "              nn.Linear(6*14*14, 10))",
    "torch.nn.Sequential(\n    torch.nn.Linear(2, 16),  # wide\n    torch.nn.Tanh(),\n)",
    "nn.Sequential(OrderedDict([('conv1', nn.Conv2d(1, 6, (5, 3), stride=[1, 2])),\n"
    "                           ('relu1', nn.ReLU(inplace=True)),]))",
    "nn.Sequential(collections.OrderedDict((('a', nn.Tanh()), ('b', nn.Sigmoid()))))",
    "nn.Sequential(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), nn.Sequential(), nn.Linear(3, 2))",
    "import torch\nfrom torch import (nn,\n  optim)\nmodel = nn.Sequential(nn.Linear(1_0, 2**3 - 1 "
    "+ -(-2)))",
    "self.net = nn.Linear(in_features=20 // 3, out_features=7 % 4, bias=False)",
    "nn.Sequential(*[nn.Linear(2, 2), nn.ReLU()], nn.Linear(2, 1))",
    "nn.Sequential(OrderedDict({'a': nn.Linear(2, 3), \"b\": nn.ReLU(),}))",
    "import torch.nn as nn\nfrom torch.nn import Linear as L\nhidden = 16\nact = nn.ReLU\n"
    "sizes, p = [8, hidden * 2], 0.25  # two\nmodel = nn.Sequential(L(sizes[0], sizes[-1]), "
    "act(),\n"
    "  nn.Dropout(p), nn.Linear(in_features=sizes[1], out_features=hidden // 4 - 1))",
    "layers = [nn.Linear(2, 3), nn.Tanh()]\nhead = nn.Linear(3, 1)\n"
    "model = nn.Sequential(*layers, head)",
    "relu = nn.ReLU(inplace=True)\nmode, k = 'nearest', (2, 3)\n"
    "model = nn.Sequential(nn.Linear(2, 3), relu, nn.Linear(3, 2), relu, nn.Upsample(k, "
    "mode=mode))",
    "nn.Dropout(1/4)",
    "nn.Dropout(p=5e-1, inplace=True)",
    "nn.Linear(3, 4, dtype=torch.float64, device=None)",
    "nn.MaxPool2d(3, None, 1)",
    "nn.GELU('tanh')",
    "nn.CrossEntropyLoss(torch.tensor([1, .5, 2e0]), label_smoothing=0.1)",
    "nn.Conv2d(\n  8, 8, 3, 1, \"same\", 1, 2, True, 'reflect'\n)",
};

const Mistake kMistakes[] = {
    {"", "line 1, column 1: expected a layer or a value, found the end of the text"},
    {"nn.Linear(2, 3", "line 1, column 15: expected ')' for the bracket of line 1, column 10"},
    {"nn.Sequential(\n  nn.Linear(2, 3=),\n)",
     "line 2, column 17: expected ',' or ')' after an argument, found '='"},
    {"nn.Sequential(nn.Linear(2, 3) nn.ReLU())",
     "line 1, column 31: expected ',' or ')' after an argument, found 'nn'"},
    {"nn.Sequential(nn.Lineer(2, 3))",
     "line 1, column 15: expected a layer, found 'nn.Lineer'; is it Linear?"},
    {"nn.Sequential(nn.ReLU)",
     "line 1, column 15: expected a layer with its arguments, found 'nn.ReLU' without '(…)'"},
    {"nn.ModuleList([nn.ReLU()])", "line 1, column 1: expected a layer, found nn.ModuleList"},
    {"nn.Linear(2, 3, biass=False)",
     "line 1, column 17: [Linear] has no parameter 'biass'; is it 'bias'?"},
    {"nn.Linear(2, 3, True, 5)", "line 1, column 23: [Linear] expects at most 3 arguments"},
    {"nn.Linear(2)", "line 1, column 1: [Linear] expects out_features, an integer; it is missing"},
    {"nn.Linear(None, 2)", "line 1, column 1: [Linear] expects in_features, an integer; gets None"},
    {"nn.Linear(2.0, 3)", "line 1, column 11: [Linear] in_features expects an integer"},
    {"nn.Linear(2, 3, out_features=4)", "line 1, column 17: [Linear] out_features is given twice"},
    {"nn.Linear(bias=False, 2, 3)", "line 1, column 23: expected an argument by name"},
    {"nn.Conv2d(3, 6, (5, 5, 5))",
     "line 1, column 17: [Conv2d] kernel_size expects an integer or 2 integers, gets"},
    {"nn.Conv2d(3, 6, 3, groups=2)",
     "line 1, column 1: [Conv2d] in_channels must be divisible by groups, gets in_channels=3, "
     "groups=2"},
    {"nn.Conv2d(3, 6, 3, padding='sane')", "line 1, column 28: [Conv2d] padding expects"},
    {"nn.Conv2d(3, 6, 3, device='cuda')", "line 1, column 27: expected device=None or 'cpu'"},
    {"nn.Linear(2, 3, dtype=torch.float65)",
     "line 1, column 23: expected a dtype as torch.float64"},
    {"nn.ReLU(dtype=torch.float64)", "line 1, column 9: [ReLU] takes no dtype"},
    {"nn.Flatten(device=None)", "line 1, column 12: [Flatten] takes no device"},
    {"nn.LSTM(2, 3, bias=1)", "line 1, column 20: [LSTM] bias expects True or False, gets 1"},
    {"nn.Linear(3.0, 3)",
     "line 1, column 11: [Linear] in_features expects an integer or None, gets 3.0"},
    {"nn.Upsample(scale_factor=[2, 1])",
     "line 1, column 26: [Upsample] scale_factor expects a number or several numbers or None, gets "
     "[2, 1]"},
    {"nn.MSELoss(size_average=False)", "line 1, column 12: [MSELoss] size_average is deprecated"},
    {"nn.CrossEntropyLoss(weight=[1, 2])",
     "line 1, column 28: [CrossEntropyLoss] weight expects torch.tensor"},
    {"nn.Sequential(OrderedDict([('a.b', nn.ReLU())]))",
     "line 1, column 29: expected a layer's name without '.', found 'a.b'"},
    {"nn.Sequential(OrderedDict([('a', nn.ReLU()), ('a', nn.Tanh())]))",
     "line 1, column 47: the name 'a' stands here twice"},
    {"nn.Sequential(OrderedDict([('forward', nn.ReLU())]))", "line 1, column 29: the name"},
    {"nn.Sequential(OrderedDict(['a', nn.ReLU()]))",
     "line 1, column 28: expected (\"name\", layer), found 'a'"},
    {"nn.Sequential(nn.ReLU(), 5)", "line 1, column 26: expected a layer, found 5"},
    {"nn.ReLU() + 1", "line 1, column 1: expected a number beside '+', found nn.ReLU()"},
    {"nn.Linear(2, 1/0)", "line 1, column 16: expected a divisor that is not 0"},
    {"nn.Linear(2, 9999999999 * 9999999999)", "line 1, column 25: expected a number that"},
    {"nn.Linear('ä', ö)", "line 1, column 16: expected Python, found 'ö'"},
    {"nn.ReLU().half()", "line 1, column 10: expected the end of the model, found '.half'"},
    {"nn.Linear(2, 'abc", "line 1, column 14: expected a string that ends on its line"},
    {"LeNet(\n  (conv1): Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1))\n)",
     "line 1, column 1: expected a layer of PyTorch, found 'LeNet', whose print"},
    {"nn.Sequential(nn.Linear(2, 3, **options))",
     "line 1, column 31: expected an argument by place or by name, found '**'"},
    {"nn.Sequential({})", "line 1, column 15: expected a layer, found a dictionary"},
    {"nn.Sequential(OrderedDict({'a' nn.ReLU()}))",
     "line 1, column 32: expected ':' after a key, found 'nn'"},
    {"nn.Sequential(OrderedDict({3: nn.ReLU()}))",
     "line 1, column 28: expected (\"name\", layer), found"},
    {"nn.Sequential(OrderedDict({'a': nn.ReLU()",
     "line 1, column 42: expected '}' for the bracket of line 1, column 27"},
    {"h = 2.5\nmodel = nn.Linear(h, 3)", "line 2, column 19: [Linear] in_features expects"},
    {"h = 2 g = 3\nnn.Linear(h, g)", "line 1, column 7: expected the end of the text, found 'g'"},
    {"nn.ReLU()\nnn.Tanh()", "line 2, column 1: expected the end of the text, found 'nn'"},
    {"a, b = 1, 2, 3\nnn.Linear(a, b)", "line 1, column 8: expected 2 values, found (1, 2, 3)"},
    {"s = [1, 2]\nnn.Linear(s[2], 1)", "line 2, column 13: expected the number of one of 2"},
    {"class Net(nn.Module):\n  pass", "line 1, column 1: expected a model, found 'class'; its"},
    {"head = nn.Linear(3, 1)\nnn.Sequential(nn.Linear(2, 3), head)",
     "line 1, column 8: expected this layer below those"},
    {"fc = nn.Linear(2, 2)\nnn.Sequential(fc, nn.ReLU(), fc)",
     "line 1, column 6: expected a layer that is used once"},
    {"old = nn.Linear(2, 2)\nnn.Linear(2, 3)",
     "line 1, column 7: expected a layer that the model uses"},
};

QString text_of(const std::string& words) {
  return QString::fromStdString(words);
}

std::string error_of(const std::string& text) {
  try {
    parse_model(text);
  } catch (const Error& error) {
    return error.text();
  }
  return {};
}

/// (2, 2) -> 2: torch prints which of the two was written, though they mean the same.
std::string shortened(const std::string& printed) {
  static const QRegularExpression kTuple("\\(([-\\d.e]+)(?:, \\1)*,?\\)");
  return QString::fromStdString(printed).replace(kTuple, "\\1").toStdString();
}

std::string damaged(std::string text, Draw& draw) {
  const std::string pieces[] = {"(",
                                ")",
                                "[",
                                "]",
                                ",",
                                "=",
                                ".",
                                "nn.",
                                "'",
                                "\"",
                                "-",
                                "**",
                                "1e999",
                                "None",
                                "(0):",
                                "#",
                                "\n",
                                "\\",
                                "float(",
                                "OrderedDict(",
                                "nn.Sequential(",
                                "9223372036854775808",
                                "dtype=torch.",
                                "\xC3"};
  constexpr int64_t kLastPiece = std::size(pieces) - 1;
  for (int64_t edits = draw.integer(1, 5); edits > 0 && !text.empty(); --edits) {
    const auto at = static_cast<size_t>(draw.integer(0, static_cast<int64_t>(text.size()) - 1));
    switch (draw.integer(0, 4)) {
      case 0:
        text[at] = static_cast<char>(draw.integer(0, 255));
        break;
      case 1:
        text.erase(at, static_cast<size_t>(draw.integer(1, 20)));
        break;
      case 2:
        text.insert(at, pieces[draw.integer(0, kLastPiece)]);
        break;
      case 3:
        text.insert(at, text.substr(at / 2, static_cast<size_t>(draw.integer(1, 40))));
        break;
      default:
        text.resize(at);
    }
  }
  return text;
}

}  // namespace

/// Model expressions read and written, against what PyTorch itself makes of the same text.
class TestExpression : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str());
    test_seed();
  }

  void reads_as_python_does_data() {
    QTest::addColumn<QString>("text");
    for (const char* text : kGood) QTest::newRow(text) << QString::fromUtf8(text);
  }

  void reads_as_python_does() {
    QFETCH(QString, text);
    const std::string source = text.toStdString();
    const codegen::Expression read = parse_model(source);
    const std::string expected = repr_of_text(source);
    QCOMPARE(repr(codegen::to_python(read)), expected);
    QVERIFY(parse_model(codegen::to_python(read)) == read);
    QCOMPARE(nn::to_text(*codegen::build_module(read)), expected);
  }

  void reads_what_torch_prints() {
    // Losses print no arguments, and dtype is not printed.
    for (const char* text : kGood) {
      const std::string source = text;
      const std::string printed = repr_of_text(source);
      QCOMPARE(repr(codegen::to_python(parse_model(printed))), printed);
    }
  }

  void reads_printed_layers_of_layers_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("hidden");
    const auto row = [](const char* text, const char* hidden) {
      QTest::newRow(text) << text << hidden;
    };
    row("nn.MultiheadAttention(16, 4, bias=False, batch_first=True)",
        "MultiheadAttention(num_heads=4, batch_first=True, ");
    row("nn.TransformerEncoderLayer(16, 4, 32, dropout=0.3, layer_norm_eps=0.001)",
        "TransformerEncoderLayer(nhead=4, ");
    row("nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 24), 3, "
        "nn.LayerNorm((16,), eps=0.0001))",
        "TransformerEncoderLayer(nhead=2, ");
    row("nn.TransformerDecoder(nn.TransformerDecoderLayer(16, 2), 2)",
        "TransformerDecoderLayer(nhead=2, ");
    row("nn.Transformer(16, 4, 1, 2, 32, dropout=0.2)", "Transformer(nhead=4, ");
    row("nn.Sequential(nn.Embedding(20, 16), nn.TransformerEncoder(nn.TransformerEncoderLayer(16, "
        "2, 24), 1))",
        "TransformerEncoderLayer(nhead=2, ");
  }

  /// print shows neither heads nor the order of dimensions: they are asked for, and may be written
  /// in front of the layers.
  void reads_printed_layers_of_layers() {
    QFETCH(QString, text);
    QFETCH(QString, hidden);
    const std::string printed = repr(text.toStdString());
    const std::string error = error_of(printed);
    const std::string name = hidden.section('=', 0, 0).section('(', 1).toStdString();
    QVERIFY2(error.find("print does not tell " + name + ": write it") != error.npos, error.c_str());
    const std::string call = hidden.section('(', 0, 0).toStdString() + "(";
    std::string whole = printed;
    whole.replace(whole.find(call), call.size(), hidden.toStdString());
    const std::string read = codegen::to_python(parse_model(whole));
    QVERIFY2(parse_model(read) == parse_model(text.toStdString()), read.c_str());
  }

  void names_the_place_of_a_mistake_data() { add_rows(kMistakes); }
  void names_the_place_of_a_mistake() { expect_mistake(error_of); }

  void every_block_goes_both_ways_data() {
    QTest::addColumn<QString>("id");
    for (const nn::Block& block : nn::blocks().all()) {
      if (block.torch_name.empty() || block.make == nullptr) continue;
      QTest::newRow(block.id.c_str()) << QString::fromStdString(block.id);
    }
  }

  /// Code that we write is the same arguments when we read it and the same layer in torch; what
  /// torch prints of that layer is read as a layer that prints the same.
  void every_block_goes_both_ways() {
    QFETCH(QString, id);
    const nn::Block& block = *nn::blocks().find(id.toStdString());
    Draw draw(test_seed() + std::hash<std::string>()(block.id));
    int compared = 0;
    for (int i = 0; i < kCasesPerBlock; ++i) {
      const nn::Args args = draw.args(block);
      const std::string code =
          nn::python_call(block, constructor_args(block, block.complete(args)));
      const codegen::Expression read = parse_model(code);
      QCOMPARE(text_of(codegen::to_python(read)), text_of(code));
      const std::string drawn = python_call(block, constructor_args(block, args));
      const Oracle::Reply torch = reply(drawn);
      if (!torch.ok()) continue;  // which arguments torch refuses is the blocks' own test
      const std::string printed = torch.texts.at("text");
      const std::string again = repr(code);
      QVERIFY2(shortened(again) == shortened(printed),
               (code + "\n" + again + "\n" + printed).c_str());
      compare_print(code, printed);
      ++compared;
    }
    QVERIFY2(compared > 0, "torch accepted none of the drawn arguments");
  }

  void reads_optimizers() {
    const auto adam = codegen::parse_optimizer("optim.Adam(lr=1e-3, betas=(0.8, 0.99))");
    QCOMPARE(adam.spec->id, std::string("Adam"));
    QCOMPARE(adam.args, (nn::Args{{"lr", 1e-3}, {"beta1", 0.8}, {"beta2", 0.99}}));
    const auto sgd = codegen::parse_optimizer("torch.optim.SGD(model.parameters(), 0.1, 0.9)");
    QCOMPARE(sgd.args, (nn::Args{{"lr", 0.1}, {"momentum", 0.9}}));
    QVERIFY_EXCEPTION_THROWN(codegen::parse_optimizer("optim.SGD(0.1, lr=2)"), Error);
    QVERIFY_EXCEPTION_THROWN(codegen::parse_optimizer("optim.Adem()"), Error);
    try {
      codegen::parse_optimizer("optim.SDG(lr=0.1)");
      QFAIL("was taken");
    } catch (const Error& error) {
      QVERIFY2(error.text().ends_with("found 'optim.SDG'; is it SGD?"), error.what());
    }
    QVERIFY_EXCEPTION_THROWN(codegen::parse_loss("nn.ReLU()"), Error);
  }

  void builds_the_weights_that_torch_draws() {
    const std::string text =
        "nn.Sequential(OrderedDict([('a', nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU())), ('b', "
        "nn.Linear(4, 5, dtype=torch.float64))]))";
    manual_seed(7);
    const auto ours = codegen::build_module(parse_model(text))->state_dict();
    std::vector<std::string> outputs{"keys"};
    for (size_t i = 0; i < ours.entries.size(); ++i) outputs.push_back("t" + std::to_string(i));
    const auto torch =
        oracle_.run("from collections import OrderedDict\ntorch.manual_seed(7)\nm = " + text +
                        "\nkeys = ' '.join(m.state_dict())\n"
                        "for i, t in enumerate(m.state_dict().values()): globals()[f't{i}'] = t\n",
                    {}, outputs);
    QVERIFY2(torch.ok(), torch.error.c_str());
    std::string keys;
    for (size_t i = 0; i < ours.entries.size(); ++i) {
      const auto& [key, tensor] = ours.entries[i];
      keys += (i ? " " : "") + key;
      QCOMPARE(text_of(bit_difference(tensor, torch["t" + std::to_string(i)], key)), QString());
    }
    QCOMPARE(keys, torch.texts.at("keys"));
  }

  void survives_damaged_texts() {
    Draw draw(test_seed());
    std::vector<std::string> sources(std::begin(kGood), std::end(kGood));
    sources.push_back(nn::to_text(*codegen::build_module(parse_model(kGood[0]))));
    int refused = 0;
    for (int i = 0; i < kDamagedTexts; ++i) {
      const auto& source = sources[static_cast<size_t>(i) % sources.size()];
      const std::string text = damaged(source, draw);
      const std::string error = error_of(text);
      if (error.empty()) continue;
      ++refused;
      QVERIFY2(error.starts_with("line ") && error.find(", column ") != error.npos,
               (text + "\n" + error).c_str());
    }
    QVERIFY(refused > kDamagedTexts / 4);
    QVERIFY(refused < kDamagedTexts);
  }

  void refuses_endless_nesting() {
    for (const char* piece : {"(", "[", "-", "2**", "nn.Sequential(", "*[", "a(", "{1:"}) {
      std::string text;
      for (int i = 0; i < 100'000; ++i) text += piece;
      QVERIFY(!error_of(text).empty());
    }
  }

  /// Names that stand for names: deeper and deeper, and larger and larger.
  void refuses_endless_names() {
    std::string deep = "a = [1]\n";
    for (int i = 0; i < 1'000; ++i) deep += "a = [a]\n";
    QVERIFY(error_of(deep).find("nested at most") != std::string::npos);
    std::string doubled = "a = (1, 1)\n";
    for (int i = 0; i < 60; ++i) doubled += "a = (a, a)\n";
    QVERIFY(error_of(doubled).find("at most 1000000 values") != std::string::npos);
  }

 private:
  /// Without what torch takes when the layer is called.
  static nn::Args constructor_args(const nn::Block& block, nn::Args args) {
    for (const nn::Param& param : block.params) {
      if (param.call) args.erase(param.name);
    }
    return args;
  }

  Oracle::Reply reply(const std::string& model) {
    return oracle_.run(
        "import collections\nfrom collections import OrderedDict\ntext = repr(" + model + ")", {},
        {"text"});
  }

  std::string repr(const std::string& model) {
    const Oracle::Reply torch = reply(model);
    return torch.ok() ? torch.texts.at("text") : model + ": " + torch.error;
  }

  /// Of what the last statement of a text says.
  std::string repr_of_text(const std::string& text) {
    size_t last = text.rfind("model = ");
    if (last != text.npos) last += 8;
    if (last == text.npos && text.starts_with("self.net = ")) last = 11;
    if (last == text.npos) return repr(text);
    const std::string above = text.starts_with("self") ? "" : text.substr(0, last - 8);
    const Oracle::Reply torch = oracle_.run(
        above + "\nfrom collections import OrderedDict\ntext = repr(" + text.substr(last) + ")", {},
        {"text"});
    return torch.ok() ? torch.texts.at("text") : text + ": " + torch.error;
  }

  void compare_print(const std::string& code, const std::string& printed) {
    std::string read;
    try {
      read = codegen::to_python(parse_model(printed));
    } catch (const Error& error) {
      // Only a layer that is made of layers may not show its arguments, and one that shows none.
      const bool nested = printed.find('\n') != printed.npos;
      const char* said = nested ? "write it" : "it is missing";
      QVERIFY2((nested || printed.ends_with("()")) && error.text().find(said) != std::string::npos,
               (code + " prints " + printed + ": " + error.text()).c_str());
      return;
    }
    QVERIFY2(shortened(repr(read)) == shortened(printed),
             (printed + " is read as " + read).c_str());
  }

  Oracle oracle_;
};

QTEST_GUILESS_MAIN(TestExpression)
#include "test_expression.moc"
