#include <QtTest>

#include "core/nn/block.h"
#include "core/nn/category.h"

using namespace nw;
using namespace nw::nn;

namespace {

using Texts = std::vector<std::string>;

const Block& block(const char* id) {
  return *blocks().find(id);
}

std::string only_problem(const char* id, const Args& args) {
  const Texts found = block(id).problems(args);
  return found.size() == 1 ? found[0] : concat(found.size(), " problems");
}

template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.text();
  }
  return {};
}

Value pair(int64_t a, int64_t b) {
  return std::vector<int64_t>{a, b};
}

}  // namespace

class TestDescription : public QObject {
  Q_OBJECT

 private slots:
  void problems_say_what_is_expected_data() {
    QTest::addColumn<QString>("id");
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("value");
    QTest::addColumn<QString>("expected");
    const auto row = [](const char* id, const char* name, const char* value, const char* text) {
      QTest::addRow("%s %s %s", id, name, value) << id << name << value << text;
    };
    row("Conv2d", "stride", "0", "[Conv2d] stride must be at least 1, is 0");
    row("Conv2d", "out_channels", "-3", "[Conv2d] out_channels must be at least 1, is -3");
    row("Conv2d", "kernel_size", "(3, 0)",
        "[Conv2d] kernel_size must be at least 1, is 0 in (3, 0)");
    row("Conv2d", "kernel_size", "(3, 3, 3)",
        "[Conv2d] kernel_size expects an integer or 2 integers, gets (3, 3, 3)");
    row("Conv2d", "kernel_size", "'big'",
        "[Conv2d] kernel_size expects an integer or 2 integers, gets 'big'");
    row("Conv2d", "padding", "'sane'",
        "[Conv2d] padding expects an integer or 2 integers or 'valid' or 'same', gets 'sane'");
    row("Conv2d", "padding_mode", "'zero'",
        "[Conv2d] padding_mode expects one of 'zeros', 'reflect', 'replicate' or 'circular', gets "
        "'zero'");
    row("Conv2d", "bias", "1", "[Conv2d] bias expects True or False, gets 1");
    row("Conv2d", "groups", "1.5", "[Conv2d] groups expects an integer, gets 1.5");
    row("Conv2d", "groups", "None", "[Conv2d] groups expects an integer, gets None");
    row("Conv2d", "groups", "True", "[Conv2d] groups expects an integer, gets True");
    row("Dropout", "p", "1.5", "[Dropout] p must be at most 1, is 1.5");
    row("Dropout", "p", "nan", "[Dropout] p cannot be nan");
    row("Dropout", "p", "'half'", "[Dropout] p expects a number, gets 'half'");
    row("CrossEntropyLoss", "weight", "'1, x'",
        "[CrossEntropyLoss] weight expects numbers separated by commas or None, gets '1, x'");
    row("ConstantPad2d", "padding", "(1, 2, 3)",
        "[ConstantPad2d] padding expects an integer or 4 or 2 or 6 or 8 integers, gets (1, 2, 3)");
    row("CELU", "alpha", "0.0", "[CELU] alpha must not be 0, gets alpha=0.0");
  }

  void problems_say_what_is_expected() {
    QFETCH(QString, id);
    QFETCH(QString, name);
    QFETCH(QString, value);
    QFETCH(QString, expected);
    const Args args{{name.toStdString(), python(value.toStdString())}};
    QCOMPARE(only_problem(id.toStdString().c_str(), args), expected.toStdString());
  }

  void unknown_names_get_the_nearest_known_one() {
    QCOMPARE(only_problem("Conv2d", {{"strid", int64_t{1}}}),
             std::string("[Conv2d] has no parameter 'strid'; is it 'stride'?"));
    QCOMPARE(only_problem("Conv2d", {{"kernel", int64_t{1}}}),
             std::string("[Conv2d] has no parameter 'kernel'; is it 'kernel_size'?"));
    QCOMPARE(only_problem("Dropout", {{"probability", 0.5}}),
             std::string("[Dropout] has no parameter 'probability'; it has p, inplace"));
    QCOMPARE(only_problem("Tanh", {{"inplace", true}}),
             std::string("[Tanh] has no parameter 'inplace'; it has none"));
  }

  void constraints_are_checked_when_the_values_are_right() {
    QCOMPARE(only_problem("Conv2d", {{"in_channels", int64_t{4}},
                                     {"groups", int64_t{3}},
                                     {"out_channels", int64_t{6}}}),
             std::string("[Conv2d] in_channels must be divisible by groups, gets in_channels=4, "
                         "groups=3"));
    // Channels that the wire will tell cannot be wrong yet.
    QVERIFY(
        block("Conv2d").problems({{"groups", int64_t{3}}, {"out_channels", int64_t{6}}}).empty());
    QCOMPARE(
        only_problem("Conv2d", {{"padding", std::string("same")}, {"stride", pair(1, 2)}}),
        std::string("[Conv2d] padding 'same' needs stride 1, gets stride=(1, 2), padding='same'"));
    QCOMPARE(only_problem("MaxPool2d", {{"kernel_size", pair(4, 2)}, {"padding", int64_t{2}}}),
             std::string("[MaxPool2d] padding must be at most half of kernel_size, gets "
                         "kernel_size=(4, 2), padding=2"));
  }

  void what_is_unusual_is_taken() {
    const auto taken = [](const char* id, const char* name, const Value& value) {
      return problem_of(*block(id).find(name), value).empty();
    };
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    QVERIFY(taken("Linear", "out_features", int64_t{0}));
    QVERIFY(!taken("Linear", "out_features", int64_t{-1}));
    QVERIFY(taken("BatchNorm2d", "momentum", -1.5));
    QVERIFY(taken("GroupNorm", "eps", 0.0));
    QVERIFY(taken("Hardtanh", "max_val", kInfinity));
    QVERIFY(taken("Hardtanh", "max_val", std::string("inf")));  // as a project file has it
    QVERIFY(!taken("Hardtanh", "max_val", std::string("many")));
    QVERIFY(taken("ConstantPad2d", "padding", pair(0, 1)));
    QVERIFY(taken("MaxPool3d", "stride", std::vector<int64_t>{2}));
    QVERIFY(!taken("Conv2d", "kernel_size", std::vector<int64_t>{2}));
  }

  void values_take_the_parameter_s_type_where_nothing_is_lost() {
    const Param& p = *block("Dropout").find("p");
    QVERIFY(normalized(p, int64_t{1}) == Value(1.0));
    const Param& kernel = *block("Conv2d").find("kernel_size");
    QVERIFY(normalized(kernel, pair(3, 3)) == Value(int64_t{3}));
    QVERIFY(normalized(kernel, pair(3, 5)) == pair(3, 5));
    const Param& groups = *block("Conv2d").find("groups");
    QVERIFY(normalized(groups, 2.0) == Value(int64_t{2}));
    QVERIFY(normalized(groups, 2.5) == Value(2.5));
    QVERIFY(normalized(groups, true) == Value(true));
  }

  void typed_text_becomes_a_value() {
    const auto parse = [](const char* id, const char* name, std::string_view text) {
      return parse_value(*block(id).find(name), text);
    };
    QVERIFY(parse("Conv2d", "kernel_size", " (3,5) ") == pair(3, 5));
    QVERIFY(parse("Conv2d", "kernel_size", "3, 5") == pair(3, 5));
    QVERIFY(parse("Conv2d", "kernel_size", "[3, 3]") == Value(int64_t{3}));
    QVERIFY(parse("Conv2d", "kernel_size", "7") == Value(int64_t{7}));
    QVERIFY(parse("Conv2d", "padding", "same") == Value(std::string("same")));
    QVERIFY(parse("Conv2d", "padding", "'valid'") == Value(std::string("valid")));
    QVERIFY(parse("Conv2d", "bias", "false") == Value(false));
    QVERIFY(parse("Conv2d", "in_channels", "None") == Value(None{}));
    QVERIFY(parse("Dropout", "p", "1e-1") == Value(0.1));
    QVERIFY(parse("Dropout", "p", "1") == Value(1.0));
    QVERIFY(parse("Flatten", "end_dim", "-1") == Value(int64_t{-1}));
    QVERIFY(parse("CrossEntropyLoss", "weight", "1, 0.5") == Value(std::string("1, 0.5")));
    QVERIFY(parse("CrossEntropyLoss", "weight", "") == Value(None{}));
  }

  void typed_text_that_does_not_fit_is_refused() {
    const auto error = [](const char* id, const char* name, std::string_view text) {
      return error_of([&] { parse_value(*block(id).find(name), text); });
    };
    QCOMPARE(error("Conv2d", "groups", "two"),
             std::string("groups expects an integer, gets 'two'"));
    QCOMPARE(error("Conv2d", "groups", "3 4"),
             std::string("groups expects an integer, gets '3 4'"));
    QCOMPARE(error("Conv2d", "groups", ""), std::string("groups expects an integer, gets ''"));
    QCOMPARE(error("Conv2d", "groups", "0"), std::string("groups must be at least 1, is 0"));
    QCOMPARE(error("Conv2d", "kernel_size", "3,,5"),
             std::string("kernel_size expects an integer or 2 integers, gets '3,,5'"));
    QCOMPARE(error("Conv2d", "groups", "99999999999999999999"),
             std::string("groups expects an integer, gets '99999999999999999999'"));
    QCOMPARE(error("Dropout", "p", "0,5"), std::string("p expects a number, gets '0,5'"));
  }

  void values_are_written_as_python_writes_them() {
    QCOMPARE(to_python(None{}), std::string("None"));
    QCOMPARE(to_python(true), std::string("True"));
    QCOMPARE(to_python(int64_t{-5}), std::string("-5"));
    QCOMPARE(to_python(0.1), std::string("0.1"));
    QCOMPARE(to_python(2.0), std::string("2.0"));
    QCOMPARE(to_python(1e-8), std::string("1e-08"));
    QCOMPARE(to_python(std::string("it's")), std::string("'it\\'s'"));
    QCOMPARE(to_python(pair(5, 3)), std::string("(5, 3)"));
    QCOMPARE(to_python(std::vector<int64_t>{5}), std::string("(5,)"));
  }

  void complete_fills_in_the_defaults() {
    const Args args = block("Conv2d").complete({{"stride", pair(2, 2)}});
    QVERIFY(args.is_none("in_channels"));
    QCOMPARE(args.integer("stride"), int64_t{2});
    QCOMPARE(args.integers("stride", 2), (std::vector<int64_t>{2, 2}));
    QCOMPARE(args.integer("groups"), int64_t{1});
    QVERIFY(args.boolean("bias"));
    QCOMPARE(args.text("padding_mode"), std::string("zeros"));
    QCOMPARE(block("Dropout").complete({{"p", int64_t{1}}}).real("p"), 1.0);
  }

  /// What the palette, the inspector and the documentation take from each description.
  void every_block_is_described_whole() {
    for (const Block& one : blocks().all()) {
      QVERIFY2(!one.id.empty() && !one.icon.empty() && !one.summary.empty() &&
                   !one.formula.empty() && !one.when_to_use.empty() && !one.reference.empty(),
               one.id.c_str());
      QVERIFY2(!category(one.category).title.empty(), one.id.c_str());
      QVERIFY2(one.problems(one.initial).empty(), one.id.c_str());
      for (const Param& param : one.params) {
        QVERIFY2(!param.help.empty(), (one.id + "." + param.name).c_str());
        QVERIFY2(problem_of(param, param.fallback).empty(), (one.id + "." + param.name).c_str());
      }
      const bool is_input = one.role == Role::Input;
      QCOMPARE(one.make == nullptr, is_input);
      if (one.caption != nullptr) one.caption(one.complete({}));
      for (const Port& port : one.inputs) QVERIFY2(!port.help.empty(), one.id.c_str());
    }
  }

  void captions_show_what_matters() {
    const auto caption = [](const char* id, const Args& args) {
      return block(id).caption(block(id).complete(args));
    };
    QCOMPARE(caption("Conv2d", {{"in_channels", int64_t{6}}, {"kernel_size", int64_t{5}}}),
             std::string("6 → 16 · 5×5"));
    QCOMPARE(caption("Conv2d", {{"stride", int64_t{2}}, {"padding", pair(1, 0)}}),
             std::string("→ 16 · 3×3 · stride 2 · pad 1×0"));
    QCOMPARE(caption("Linear", {{"in_features", int64_t{400}}, {"out_features", int64_t{120}}}),
             std::string("400 → 120"));
    QCOMPARE(caption("MaxPool2d", {{"kernel_size", int64_t{2}}, {"stride", int64_t{2}}}),
             std::string("2×2"));
    QCOMPARE(caption("Dropout", {{"p", 0.25}}), std::string("p 0.25"));
    QCOMPARE(caption("Flatten", {}), std::string());
  }

  void costs_are_counted_for_one_sample() {
    const auto cost = [](const char* id, const Args& args, const Dims& in, const Dims& out) {
      return block(id).multiply_adds(block(id).complete(args), in, out);
    };
    QCOMPARE(cost("Linear", {}, {64, 400}, {64, 120}), int64_t{400 * 120});
    const Args conv{
        {"out_channels", int64_t{16}}, {"kernel_size", int64_t{5}}, {"groups", int64_t{2}}};
    QCOMPARE(cost("Conv2d", conv, {64, 6, 14, 14}, {64, 16, 10, 10}),
             int64_t{16 * 10 * 10 * 3 * 5 * 5});
  }

  void sizes_that_the_wire_does_not_tell_stay_open() {
    Args args = block("Conv2d").complete({});
    block("Conv2d").infer({64, 784}, args);
    QVERIFY(args.is_none("in_channels"));
    block("Conv2d").infer({64, 3, 28, 28}, args);
    QCOMPARE(args.integer("in_channels"), int64_t{3});
  }

  void a_second_block_with_the_same_id_is_an_error() {
    Registry<Block> registry;
    registry.add(block("ReLU"));
    QVERIFY_THROWS_EXCEPTION(InternalError, registry.add(block("ReLU")));
    QCOMPARE(registry.all().size(), size_t{1});
  }

 private:
  /// The value that a piece of Python text stands for; as much Python as the rows above use.
  static Value python(const std::string& text) {
    if (text == "None") return None{};
    if (text == "True") return true;
    if (text == "nan") return std::nan("");
    if (text.front() == '\'') return text.substr(1, text.size() - 2);
    if (text.front() == '(') {
      std::vector<int64_t> items;
      for (const QString& item : QString::fromStdString(text).mid(1).chopped(1).split(',')) {
        items.push_back(item.toLongLong());
      }
      return items;
    }
    if (text.find('.') != std::string::npos) return std::stod(text);
    return static_cast<int64_t>(std::stoll(text));
  }
};

QTEST_GUILESS_MAIN(TestDescription)
#include "test_description.moc"
