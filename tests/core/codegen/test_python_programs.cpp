#include <QtTest>

#include "core/base/random.h"
#include "core/codegen/expression.h"
#include "tests/core/codegen/mistakes.h"
#include "tests/support/compare.h"
#include "tests/support/oracle.h"

using namespace nw;
using namespace nw::test;
using codegen::parse_model;

namespace {

/// Texts as people paste them; each gives `model`.
const char* const kPrograms[] = {
    "model = nn.Sequential(*[nn.Linear(4, 4) for _ in range(3)], nn.ReLU())",
    "sizes = [4, 8, 16, 2]\n"
    "model = nn.Sequential(*[nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])])",
    "sizes = 4, 8, 2\n"
    "model = nn.Sequential(*(nn.Linear(sizes[i], sizes[i + 1], bias=i > 0)\n"
    "                        for i in range(len(sizes) - 1) if sizes[i] != 3))",
    "model = nn.Sequential(OrderedDict([(f'fc{i}', nn.Linear(4, 4)) for i in range(2)]))",
    "model = nn.Sequential(OrderedDict({'b' + str(i): nn.Linear(4, i) for i in (3, 5)}))",
    // VGG's way.
    "cfg = [8, 'M', 16, 'M']\n"
    "layers = []\n"
    "in_channels = 3\n"
    "for v in cfg:\n"
    "    if v == 'M':\n"
    "        layers += [nn.MaxPool2d(kernel_size=2, stride=2)]\n"
    "    else:\n"
    "        conv2d = nn.Conv2d(in_channels, v, kernel_size=3, padding=1)\n"
    "        layers += [conv2d, nn.BatchNorm2d(v), nn.ReLU(inplace=True)]\n"
    "        in_channels = v\n"
    "model = nn.Sequential(*layers)",
    // MobileNet's.
    "def conv_dw(inp: int, oup, stride=1, *, act=nn.ReLU6) -> nn.Module:\n"
    "    \"\"\"Depthwise, then\n"
    "    pointwise.\"\"\"\n"
    "    if stride > 1: hidden = inp * 2\n"
    "    else: hidden = inp\n"
    "    return nn.Sequential(\n"
    "        nn.Conv2d(inp, hidden, 3, stride, 1, groups=inp, bias=False),\n"
    "        nn.BatchNorm2d(hidden), act(inplace=True),\n"
    "        nn.Conv2d(hidden, oup, 1, 1, 0, bias=False))\n"
    "\n"
    "model = nn.Sequential(conv_dw(3, 8, 1), conv_dw(8, 16, stride=2), nn.Flatten(1))",
    "block = lambda i, o, k=3: nn.Conv2d(i, o, k)\n"
    "model = nn.Sequential(block(3, 4), block(4, 5, k=1))",
    "model = nn.Sequential()\n"
    "model.add_module('conv1', nn.Linear(4, 4))\n"
    "model.add_module('relu', nn.ReLU())\n"
    "model.append(nn.Linear(4, 2))",
    "layers = OrderedDict()\n"
    "for i, width in enumerate([3, 5], 1):\n"
    "    layers[f'fc{i}'] = nn.Linear(2, width)\n"
    "model = nn.Sequential(layers)",
    "layers = [nn.Linear(4, 4), nn.ReLU()] + [nn.Linear(4, 2)]\n"
    "more = layers\n"
    "more.extend([nn.Tanh()] * 2)\n"
    "model = nn.Sequential(*layers)",
    "options = dict(kernel_size=3, padding=1)\n"
    "args = (3, 4)\n"
    "model = nn.Sequential(nn.Conv2d(*args, **options), nn.Conv2d(4, 4, **{'kernel_size': 1}))",
    "deep, width = True, 2 ** 3 // 2\n"
    "model = nn.Sequential(nn.Linear(2, 3 if not deep else width), nn.Linear(width, 1)\n"
    "                      if deep and width >= 4 else nn.ReLU())",
    "import math\nimport numpy as np\n"
    "shape = (1, 4, 4)\n"
    "model = nn.Linear(int(np.prod(shape)), max(2, round(2.6)) + int('3') + len(shape) + "
    "int(math.sqrt(16.0)))",
    "model: nn.Module = nn.Linear(2, 3)\nloss_fn = nn.CrossEntropyLoss()\n"
    "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\nprint(model)",
    "device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')\n"
    "model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4, device=device)).to(device)\n"
    "model.eval()",
    "model = nn.Linear(4, 3, True, 'cpu', torch.float64)",
    "model = nn.Conv2d(3, 6, 3, 1, 1, 1, 1, True, 'zeros', None, torch.float32)",
    "model = torch.nn.modules.linear.Linear(2, 3)",
    "model = nn.Sequential(*nn.ModuleList([nn.Linear(2, 3), nn.ReLU()]))",
    "act = {'relu': nn.ReLU, 'tanh': nn.Tanh}\n"
    "name = r'tanh'\n"
    "model = nn.Sequential(nn.Linear(2, 2), act[name]())\n"
    "model.train()",
    "'''A text above.'''\n"
    "widths = [2]\n"
    "for _ in range(2):\n\twidths.append(widths[-1] * 2)\n"
    "model = nn.Sequential(nn.Linear(widths[0], widths[-1]), nn.Linear(8, widths[::2][1]))",
};

const Mistake kMistakes[] = {
    {"while True:\n  pass", "line 1, column 1: expected a model, found 'while'; assignments, for"},
    {"for i in range(3)\n  x = i",
     "line 1, column 18: expected ':' behind for … in …, found the end of the line"},
    {"for i in range(3):\nx = i", "line 2, column 1: expected an indented line, found 'x'"},
    {"for i in range(2):\n    x = i\n  y = i\nnn.ReLU()",
     "line 3, column 3: expected a line that begins in column 5"},
    {"for i in 3:\n  x = i\nnn.ReLU()", "line 1, column 10: expected a list, found 3"},
    {"def f(a):\n  return nn.Linear(a, 1)\nf()",
     "line 3, column 1: expected the argument a of f; it is missing"},
    {"def f(a):\n  return nn.Linear(a, 1)\nf(1, b=2)",
     "line 3, column 6: expected an argument that f takes, found 2"},
    {"def f(a):\n  return f(a)\nf(1)", "line 2, column 10: expected functions that call one"},
    {"nn.Sequential(*[nn.Linear(2, 2) for i in range(2), nn.ReLU()])",
     "line 1, column 50: expected ']' behind a loop, found ','"},
    {"nn.Sequential(*[nn.Linear(2, i) for in range(2)])", "line 1, column 37: expected a name"},
    {"[0 for i in range(1000000)]", "line 1, column 13: expected a range of at most 100000"},
    {"nn.Linear(2, 3 if big else 4)", "line 1, column 19: expected a value that this text tells"},
    {"nn.Linear(2, 3 if True)", "line 1, column 23: expected 'else' behind a condition"},
    {"layers = []\nlayers.push(nn.ReLU())",
     "line 2, column 1: expected a layer, found 'layers.push"},
    {"nn.Linear(2, 2).double()",
     "line 1, column 16: expected the end of the model, found '.double"},
    {"l = nn.Linear(2, 2)\nnn.Sequential(*[l] * 2)", "line 1, column 5: expected a layer that is"},
    {"for i in range(2):\n  head = nn.Linear(2, 2)\nnn.Sequential(head)",
     "line 2, column 10: expected a layer that the model uses"},
    {"options = 3\nnn.Linear(2, **options)",
     "line 2, column 14: expected an argument by place or by name, found '**' and 3"},
    {"d = {'a': 1}\nnn.Linear(2, d['b'])", "line 2, column 16: expected a key of the dictionary"},
    {"nn.Linear(2, f'{3')", "line 1, column 14: expected '}' in a text with values"},
    {"x = 'a' < 3\nnn.ReLU()", "line 1, column 5: expected a number to compare, found 'a'"},
    {"nn.MSELoss('sum', 3)",
     "line 1, column 12: [MSELoss] expects no arguments by place, gets "
     "'sum' as one more; write reduction=…"},
};

std::string error_of(const std::string& text) {
  try {
    parse_model(text);
  } catch (const Error& error) {
    return error.text();
  }
  return "no error";
}

}  // namespace

/// Models that a text works out with loops, lists and functions, against Python itself.
class TestPythonPrograms : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str()); }

  void makes_what_python_makes_data() {
    QTest::addColumn<QString>("text");
    for (const char* text : kPrograms) QTest::newRow(text) << QString::fromUtf8(text);
  }

  /// The same layers, drawn in the same order.
  void makes_what_python_makes() {
    QFETCH(QString, text);
    const std::string source = text.toStdString();
    manual_seed(7);
    const auto model = codegen::build_module(parse_model(source));
    const auto ours = model->state_dict();
    std::vector<std::string> outputs{"printed", "keys"};
    for (size_t i = 0; i < ours.entries.size(); ++i) outputs.push_back("t" + std::to_string(i));
    const auto torch = oracle_.run(
        "from collections import OrderedDict\ntorch.manual_seed(7)\n" + source +
            "\nprinted = repr(model)\nkeys = ' '.join(model.state_dict())\n"
            "for i, t in enumerate(model.state_dict().values()): globals()[f't{i}'] = t\n",
        {}, outputs);
    QVERIFY2(torch.ok(), torch.error.c_str());
    QCOMPARE(nn::to_text(*model), torch.texts.at("printed"));
    std::string keys;
    for (size_t i = 0; i < ours.entries.size(); ++i) {
      const auto& [key, tensor] = ours.entries[i];
      keys += (i ? " " : "") + key;
      const std::string difference = bit_difference(tensor, torch["t" + std::to_string(i)], key);
      QVERIFY2(difference.empty(), difference.c_str());
    }
    QCOMPARE(keys, torch.texts.at("keys"));
  }

  /// Copied from a Python shell, whose answers are no part of it.
  void reads_what_a_shell_shows() {
    const auto read = parse_model(
        ">>> from torch import nn\n"
        ">>> model = nn.Sequential(\n"
        "...     nn.Linear(2, 3),\n"
        "... )\n"
        ">>> model\n"
        "Sequential(\n  (0): Linear(in_features=2, out_features=3, bias=True)\n)\n");
    QCOMPARE(codegen::to_python(read), std::string("nn.Sequential(nn.Linear(2, 3))"));
    const std::string error = error_of(">>> nn.Linear(2, x=3)");
    QVERIFY2(error.starts_with("line 1, column 18: [Linear] has no parameter 'x'"), error.c_str());
  }

  void names_the_place_of_a_mistake_data() { add_rows(kMistakes); }
  void names_the_place_of_a_mistake() { expect_mistake(error_of); }

  /// Cut short, or without one of its characters, a text is read or its mistake has a place.
  void survives_damage() {
    int refused = 0;
    for (const std::string whole : kPrograms) {
      for (size_t i = 0; i < whole.size(); ++i) {
        for (const std::string& text :
             {whole.substr(0, i), whole.substr(0, i) + whole.substr(i + 1)}) {
          const std::string error = error_of(text);
          if (error == "no error") continue;
          ++refused;
          QVERIFY2(error.starts_with("line "), (text + "\n" + error).c_str());
        }
      }
    }
    QVERIFY(refused > 1000);
  }

  /// Small texts that would run for hours or fill the memory.
  void refuses_what_does_not_end() {
    const char* const texts[] = {
        "for a in range(90000):\n  for b in range(90000):\n    c = a\nnn.ReLU()",
        "x = [0] * 90000\nfor a in range(90000):\n  x += x\nnn.ReLU()",
        "x = [[[0] * 1000] * 1000] * 1000\nnn.ReLU()",
        "x = [range(90000) for _ in range(90000)]\nnn.ReLU()",
        "x = []\nfor a in range(90000):\n  x.append(x)\nnn.ReLU()",
        "x = 'a'\nfor a in range(90000):\n  x += x\nnn.ReLU()",
        "x = [1]\nfor a in range(90000):\n  x = x + x\nnn.ReLU()",
    };
    for (const char* text : texts) {
      QVERIFY2(error_of(text).starts_with("line "), (text + (": " + error_of(text))).c_str());
    }
  }

 private:
  Oracle oracle_;
};

QTEST_GUILESS_MAIN(TestPythonPrograms)
#include "test_python_programs.moc"
