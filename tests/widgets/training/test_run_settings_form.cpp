#include <QAbstractItemView>
#include <QComboBox>
#include <QLineEdit>
#include <QSignalSpy>
#include <QTest>

#include "core/data/dataset.h"
#include "core/optim/optimizer.h"
#include "tests/widgets/screenshots.h"
#include "widgets/controls/value_field.h"
#include "widgets/style/theme.h"
#include "widgets/training/run_settings_form.h"

using namespace nw;
using namespace nw::widgets;

namespace {

struct Fixture {
  RunSettingsForm form;
  QVector<graph::RunSettings> sent;

  Fixture() {
    QObject::connect(&form, &RunSettingsForm::settingsChanged, &form,
                     [this](const graph::RunSettings& settings) {
                       sent.append(settings);
                       form.setSettings(settings);
                     });
    form.resize(320, 900);
    form.show();
    QApplication::setActiveWindow(&form);
  }
  void choose(const char* chooser, const QString& id) {
    auto* box = form.findChild<QComboBox*>(chooser);
    box->setFocus();
    const int steps = box->findText(id) - box->currentIndex();
    const Qt::Key key = steps > 0 ? Qt::Key_Down : Qt::Key_Up;
    for (int i = 0; i < std::abs(steps); ++i) QTest::keyClick(box, key);
  }
  void retype(const char* name, const QString& text) {
    auto* field = form.findChild<ValueField*>(name);
    field->setFocus();
    field->selectAll();
    QTest::keyClicks(field, text);
  }
};

}  // namespace

class TestRunSettingsForm : public QObject {
  Q_OBJECT

 private slots:
  void aListOpensSmallAndShowsItsChoices() {
    applyTheme(*qApp, ThemeKind::Light);
    RunSettingsForm form;
    form.resize(1000, 400);
    form.show();
    QVERIFY(QTest::qWaitForWindowExposed(&form));
    auto* chooser = form.findChild<QComboBox*>("optimizer");
    chooser->showPopup();
    const QAbstractItemView& list = *chooser->view();
    QVERIFY(list.window()->height() < 480);
    QVERIFY(list.viewport()->rect().contains(list.visualRect(list.model()->index(0, 0))));
    chooser->hidePopup();
  }

  void initTestCase() { applyTheme(*qApp, ThemeKind::Light); }

  void offersEveryDescription() {
    Fixture f;
    const auto* data = f.form.findChild<QComboBox*>("dataset");
    QCOMPARE(size_t(data->count()), data::datasets().all().size());
    const auto* optimizer = f.form.findChild<QComboBox*>("optimizer");
    QCOMPARE(size_t(optimizer->count()), optim::optimizers().all().size());
    for (const nn::Param& param : graph::run_settings_description().params) {
      QVERIFY2(f.form.findChild<QWidget*>(param.name.c_str()), param.name.c_str());
    }
    for (const nn::Param& param : optim::optimizers().find("SGD")->params) {
      QVERIFY2(f.form.findChild<QWidget*>(param.name.c_str()), param.name.c_str());
    }
    QVERIFY(f.sent.isEmpty());
  }

  void editsReachTheSettings() {
    Fixture f;
    f.retype("epochs", "12");
    QCOMPARE(f.sent.last().epochs, int64_t{12});
    f.retype("validation", "0.2");
    QCOMPARE(f.sent.last().validation, 0.2);
    f.retype("seed", "9007199254740993");
    QCOMPARE(f.sent.last().seed, int64_t{9007199254740993});
    f.retype("lr", "5e-2");
    QCOMPARE(*f.sent.last().optimizer.args.find("lr"), nn::Value(0.05));
    const qsizetype before = f.sent.size();
    f.retype("batch_size", "0");
    QTest::keyClick(f.form.findChild<ValueField*>("batch_size"), Qt::Key_Return);
    QCOMPARE(f.sent.size(), before);
    QVERIFY(!f.form.findChild<ValueField*>("batch_size")->message().isEmpty());
  }

  void choicesRememberTheirArguments() {
    Fixture f;
    f.retype("momentum", "0.9");
    f.choose("optimizer", "Adam");
    QCOMPARE(f.sent.last().optimizer.id, std::string("Adam"));
    QVERIFY(f.sent.last().optimizer.args == nn::Args{});
    QVERIFY(!f.form.findChild<ValueField*>("momentum"));
    f.choose("optimizer", "SGD");
    QCOMPARE(*f.sent.last().optimizer.args.find("momentum"), nn::Value(0.9));
    QCOMPARE(f.form.findChild<ValueField*>("momentum")->value(), nn::Value(0.9));
    // A default is not kept as an argument.
    f.retype("momentum", "0");
    QVERIFY(!f.sent.last().optimizer.args.has("momentum"));
  }

  void unknownChoicesStay() {
    Fixture f;
    graph::RunSettings settings;
    settings.data.id = "FromTheFuture";
    f.form.setSettings(settings);
    QCOMPARE(f.form.findChild<QComboBox*>("dataset")->currentText(), "FromTheFuture");
    QCOMPARE(f.form.settings().data.id, std::string("FromTheFuture"));
    QVERIFY(f.sent.isEmpty());
  }

  void aRunLocksTheForm() {
    Fixture f;
    f.form.setRunning(true);
    QVERIFY(!f.form.findChild<ValueField*>("epochs")->isEnabled());
    QVERIFY(!f.form.findChild<QComboBox*>("dataset")->isEnabled());
    f.form.setRunning(false);
    QVERIFY(f.form.findChild<ValueField*>("epochs")->isEnabled());
  }

  void looks() {
    Fixture f;
    f.retype("lr", "0.1");
    f.form.setDataNote("60 000 samples · 1×28×28 · 10 classes");
    test::screenshots(f.form, "run-settings");
    f.choose("dataset", QString::fromStdString(data::datasets().all().back().id));
    f.choose("optimizer", "Adam");
    f.form.setRunning(true);
    test::screenshots(f.form, "run-settings-running");
  }
};

QTEST_MAIN(TestRunSettingsForm)
#include "test_run_settings_form.moc"
