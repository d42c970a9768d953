#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QSignalSpy>
#include <QTest>
#include <QToolButton>
#include <limits>

#include "tests/widgets/screenshots.h"
#include "widgets/controls/value_field.h"
#include "widgets/inspector/description_form.h"

using namespace nw;
using namespace nw::widgets;
using nn::Param;
using nn::ParamType;

namespace {

nn::Description sample() {
  nn::Description d;
  d.id = "Sample";
  d.params = {
      Param{.name = "size",
            .type = ParamType::Int,
            .fallback = nn::None{},
            .help = "Inputs.",
            .min = 1,
            .inferred = true},
      Param{.name = "count",
            .type = ParamType::Int,
            .fallback = int64_t{8},
            .help = "How many.",
            .min = 1,
            .max = 100,
            .unit = "samples"},
      Param{
          .name = "lr", .type = ParamType::Real, .fallback = 0.01, .help = "Step size.", .min = 0},
      Param{.name = "share",
            .type = ParamType::Real,
            .fallback = 0.1,
            .help = "Kept part.",
            .min = 0,
            .max = 1,
            .max_exclusive = true},
      Param{.name = "kernel",
            .type = ParamType::IntTuple,
            .fallback = int64_t{3},
            .help = "Window.",
            .min = 1,
            .arity = 2},
      Param{.name = "stride",
            .type = ParamType::IntTuple,
            .fallback = nn::None{},
            .help = "None: as the window.",
            .min = 1,
            .arity = 2,
            .optional = true},
      Param{.name = "padding",
            .type = ParamType::IntTuple,
            .fallback = int64_t{0},
            .help = "Around.",
            .min = 0,
            .arity = 2,
            .choices = {"same", "valid"}},
      Param{.name = "mode",
            .type = ParamType::Choice,
            .fallback = std::string("zeros"),
            .help = "Border.",
            .choices = {"zeros", "reflect"}},
      Param{.name = "bias", .type = ParamType::Bool, .fallback = true, .help = "Adds a bias."},
      Param{.name = "folder",
            .type = ParamType::Path,
            .fallback = std::string(),
            .help = "Where the files lie."},
  };
  d.constraints = {
      {"count must be even", [](const nn::Args& args) { return args.integer("count") % 2 == 0; }}};
  return d;
}

/// A form with a document behind it that takes every change, as the window has it.
struct Fixture {
  nn::Description description = sample();
  nn::Args given;
  DescriptionForm form;
  QVector<QPair<QString, nn::Value>> sent;
  int64_t inferred = 400;

  Fixture() {
    form.setDescription(&description);
    show();
    QObject::connect(&form, &DescriptionForm::argChanged, &form,
                     [this](const QString& param, const nn::Value& value) {
                       sent.append({param, value});
                       given.set(param.toStdString(), value);
                       show();
                     });
    form.resize(320, 600);
    form.show();
    QApplication::setActiveWindow(&form);
  }
  void show() {
    nn::Args complete = description.complete(given);
    if (complete.is_none("size")) complete.set("size", inferred);
    form.setArgs(given, complete);
  }
  ValueField* field(const char* name) {
    auto* found = qobject_cast<ValueField*>(form.editor(name));
    Q_ASSERT(found);
    return found;
  }
  QLineEdit* line(const char* name) { return field(name)->findChild<QLineEdit*>(); }
  void retype(const char* name, const QString& text) {
    field(name)->setFocus();
    field(name)->selectAll();
    QTest::keyClicks(field(name), text);
  }
  nn::Value last() const { return sent.isEmpty() ? nn::Value{} : sent.last().second; }
  QToolButton* resetOf(const char* name) {
    for (QToolButton* button : form.findChildren<QToolButton*>()) {
      if (button->accessibleName().endsWith(QString(" of ") + name)) return button;
    }
    return nullptr;
  }
};

}  // namespace

class TestDescriptionForm : public QObject {
  Q_OBJECT

 private slots:
  void everyParameterHasAnEditorAndALabel() {
    Fixture f;
    for (const Param& param : f.description.params) {
      const QString name = QString::fromStdString(param.name);
      QWidget* editor = f.form.editor(name);
      QVERIFY2(editor, param.name.c_str());
      QCOMPARE(editor->accessibleName(), name);
      QVERIFY(!editor->accessibleDescription().isEmpty());
      bool labelled = false;
      for (QLabel* label : f.form.findChildren<QLabel*>()) labelled |= label->buddy() == editor;
      QVERIFY2(labelled, param.name.c_str());
    }
    QVERIFY(!f.form.editor("absent"));
  }

  void typingCommitsLiveAndKeepsTheCursor() {
    Fixture f;
    f.retype("count", "64");
    QCOMPARE(f.sent.size(), 2);  // 6, then 64
    QCOMPARE(f.last(), nn::Value(int64_t{64}));
    QCOMPARE(f.line("count")->cursorPosition(), 2);
    QTest::keyClick(f.field("count"), Qt::Key_Left);
    QTest::keyClicks(f.field("count"), "1");
    QCOMPARE(f.line("count")->text(), "614");
    QCOMPARE(f.line("count")->cursorPosition(), 2);
    QCOMPARE(f.last(), nn::Value(int64_t{64}));  // 614 is out of range: not sent
  }

  void whatDoesNotFitIsToldAndNotSent() {
    Fixture f;
    f.retype("count", "500");
    const int before = int(f.sent.size());
    QTest::keyClick(f.field("count"), Qt::Key_Return);
    QVERIFY(f.form.messageOf("count").contains("100"));
    QCOMPARE(int(f.sent.size()), before);
    for (const auto& sent : f.sent) QVERIFY(sent.second != nn::Value(int64_t{500}));
    QTest::keyClick(f.field("count"), Qt::Key_Escape);
    QCOMPARE(f.form.messageOf("count"), QString());
    QCOMPARE(f.line("count")->text(), "50");

    f.retype("lr", "fast");
    QTRY_VERIFY(!f.form.messageOf("lr").isEmpty());  // also without Enter, after a moment
    f.retype("lr", "1e-3");
    QCOMPARE(f.form.messageOf("lr"), QString());
    QCOMPARE(f.last(), nn::Value(1e-3));
  }

  void anEmptiedFieldIsNoValue() {
    Fixture f;
    f.field("count")->setFocus();
    f.field("count")->selectAll();
    QTest::keyClick(f.field("count"), Qt::Key_Delete);
    QVERIFY(f.sent.isEmpty());
    QCOMPARE(f.form.messageOf("count"), QString());
    QTest::keyClick(f.field("count"), Qt::Key_Return);
    QVERIFY(!f.form.messageOf("count").isEmpty());
    QVERIFY(f.sent.isEmpty());
  }

  void inferredStandsGreyUntilTypedOver() {
    Fixture f;
    QCOMPARE(f.line("size")->text(), QString());
    QVERIFY(f.line("size")->placeholderText().startsWith("400"));
    QVERIFY(!f.resetOf("size")->isVisible());
    f.inferred = 576;
    f.show();
    QVERIFY(f.line("size")->placeholderText().startsWith("576"));
    f.retype("size", "20");
    QCOMPARE(f.last(), nn::Value(int64_t{20}));
    QVERIFY(f.resetOf("size")->isVisible());
    QTest::mouseClick(f.resetOf("size"), Qt::LeftButton);
    QCOMPARE(f.last(), nn::Value(nn::None{}));
    QCOMPARE(f.line("size")->text(), QString());
    QVERIFY(!f.resetOf("size")->isVisible());
    // Emptying it by hand means automatic, too, once it is left.
    f.retype("size", "20");
    f.field("size")->selectAll();
    QTest::keyClick(f.field("size"), Qt::Key_Delete);
    f.field("lr")->setFocus();
    QCOMPARE(f.last(), nn::Value(nn::None{}));
  }

  void stepsFollowTheKindOfNumber() {
    Fixture f;
    QTest::keyClick(f.field("count"), Qt::Key_Up);
    QCOMPARE(f.last(), nn::Value(int64_t{9}));
    QTest::keyClick(f.field("size"), Qt::Key_Down);  // from the inferred one
    QCOMPARE(f.last(), nn::Value(int64_t{399}));
    QTest::keyClick(f.field("lr"), Qt::Key_Up);
    QCOMPARE(f.last(), nn::Value(0.02));
    QTest::keyClick(f.field("lr"), Qt::Key_Down);
    QTest::keyClick(f.field("lr"), Qt::Key_Down);
    QCOMPARE(f.last(), nn::Value(0.005));
    QCOMPARE(f.line("lr")->text(), "0.005");
    QTest::keyClick(f.field("share"), Qt::Key_Up);
    QCOMPARE(f.last(), nn::Value(0.15));
    for (int i = 0; i < 30; ++i) QTest::keyClick(f.field("share"), Qt::Key_Up);
    QCOMPARE(f.last(), nn::Value(0.95));  // 1 is excluded
    for (int i = 0; i < 40; ++i) QTest::keyClick(f.field("share"), Qt::Key_Down);
    QCOMPARE(f.last(), nn::Value(0.0));
    QTest::keyClick(f.field("kernel"), Qt::Key_Up);
    QCOMPARE(f.last(), nn::Value(int64_t{4}));
  }

  void extremesDoNotOverflow() {
    Fixture f;
    nn::Description d;
    d.params = {Param{.name = "seed", .type = ParamType::Int, .fallback = int64_t{0}, .min = 0}};
    DescriptionForm form;
    form.setDescription(&d);
    const int64_t most = std::numeric_limits<int64_t>::max();
    nn::Args args{{"seed", most}};
    form.setArgs(args, args);
    QSignalSpy spy(&form, &DescriptionForm::argChanged);
    auto* field = qobject_cast<ValueField*>(form.editor("seed"));
    field->stepBy(1);
    QCOMPARE(field->findChild<QLineEdit*>()->text(), QString::number(most));
    QCOMPARE(spy.count(), 0);
    field->stepBy(-1);
    QCOMPARE(spy.takeFirst()[1].value<nn::Value>(), nn::Value(most - 1));
  }

  void tuplesAreOneField() {
    Fixture f;
    f.retype("kernel", "5, 3");
    QCOMPARE(f.last(), nn::Value(std::vector<int64_t>{5, 3}));
    QTest::keyClick(f.field("kernel"), Qt::Key_Up);
    QCOMPARE(f.last(), nn::Value(std::vector<int64_t>{6, 4}));
    QCOMPARE(f.line("kernel")->text(), "6, 4");
    f.retype("kernel", "1,2,3");
    QTest::keyClick(f.field("kernel"), Qt::Key_Return);
    QVERIFY(!f.form.messageOf("kernel").isEmpty());
    QCOMPARE(f.line("stride")->placeholderText(), "None");
    f.retype("stride", "2");
    QCOMPARE(f.last(), nn::Value(int64_t{2}));
    f.retype("stride", "None");
    QTest::keyClick(f.field("stride"), Qt::Key_Return);
    QCOMPARE(f.last(), nn::Value(nn::None{}));
    QCOMPARE(f.line("stride")->text(), QString());
  }

  void wordsMayStandForTuples() {
    Fixture f;
    f.retype("padding", "same");
    QTest::keyClick(f.field("padding"), Qt::Key_Return);
    QCOMPARE(f.last(), nn::Value(std::string("same")));
    QCOMPARE(f.line("padding")->text(), QString("same"));
    f.retype("padding", "1, 2");
    QCOMPARE(f.last(), nn::Value(std::vector<int64_t>{1, 2}));
    f.retype("padding", "sane");
    QTest::keyClick(f.field("padding"), Qt::Key_Return);
    QVERIFY(!f.form.messageOf("padding").isEmpty());
    QCOMPARE(f.last(), nn::Value(std::vector<int64_t>{1, 2}));
  }

  void tipsTellHowToWrite() {
    Fixture f;
    const auto tip = [&f](const char* name) {
      QWidget* row = f.form.editor(name);
      while (row && row->toolTip().isEmpty()) row = row->parentWidget();
      return row ? row->toolTip() : QString();
    };
    QVERIFY2(tip("kernel").contains("one number for all, or 2 with commas, as in 3, 5."),
             qPrintable(tip("kernel")));
    QVERIFY2(tip("padding").contains("3, 5; or the words same or valid."),
             qPrintable(tip("padding")));
    QVERIFY(!tip("count").contains("Write"));
    QVERIFY(tip("count").contains("at least 1, at most 100"));
  }

  void switchesAndChoices() {
    Fixture f;
    auto* bias = qobject_cast<QCheckBox*>(f.form.editor("bias"));
    QVERIFY(bias->isChecked());
    QTest::keyClick(bias, Qt::Key_Space);
    QCOMPARE(f.last(), nn::Value(false));
    auto* mode = qobject_cast<QComboBox*>(f.form.editor("mode"));
    QTest::keyClick(mode, Qt::Key_Down);
    QCOMPARE(f.last(), nn::Value(std::string("reflect")));
    QTest::mouseClick(f.resetOf("mode"), Qt::LeftButton);
    QCOMPARE(f.last(), nn::Value(std::string("zeros")));
    QCOMPARE(mode->currentText(), "zeros");
    auto* folder = qobject_cast<QLineEdit*>(f.form.editor("folder"));
    folder->setFocus();
    QTest::keyClicks(folder, "/data");
    QCOMPARE(f.sent.last().first, "mode");  // a path counts when it is complete
    QTest::keyClick(folder, Qt::Key_Return);
    QCOMPARE(f.last(), nn::Value(std::string("/data")));
  }

  void theDocumentMayOverrule() {
    Fixture f;
    f.retype("count", "64");
    f.given.set("count", int64_t{10});  // an undo elsewhere
    f.show();
    QCOMPARE(f.line("count")->text(), "10");
    f.given.set("count", int64_t{-5});  // a bad file
    f.show();
    QVERIFY(!f.form.messageOf("count").isEmpty());
    QCOMPARE(f.sent.size(), 2);  // showing never sends
  }

  void brokenConstraintsStandBelow() {
    Fixture f;
    const auto shown = [&f] {
      for (QLabel* label : f.form.findChildren<QLabel*>()) {
        if (label->text() == "count must be even" && label->isVisible()) return true;
      }
      return false;
    };
    QVERIFY(!shown());
    f.retype("count", "7");
    QVERIFY(shown());
    f.retype("count", "8");
    QVERIFY(!shown());
  }

  void theWheelOnlyTurnsWhatHasTheFocus() {
    Fixture f;
    f.field("lr")->setFocus();
    QWheelEvent wheel(QPointF(5, 5), f.field("count")->mapToGlobal(QPointF(5, 5)), QPoint(),
                      QPoint(0, 120), Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase, false);
    QApplication::sendEvent(f.field("count"), &wheel);
    QVERIFY(f.sent.isEmpty());
    f.field("count")->setFocus();
    QApplication::sendEvent(f.field("count"), &wheel);
    QCOMPARE(f.last(), nn::Value(int64_t{9}));
  }

  void looks() {
    Fixture f;
    f.retype("lr", "1e-3");
    f.retype("count", "500");
    QTest::keyClick(f.field("count"), Qt::Key_Return);
    f.retype("kernel", "5, 3");
    test::screenshots(f.form, "description-form");
  }
};

QTEST_MAIN(TestDescriptionForm)
#include "test_description_form.moc"
