#include <QAbstractItemView>
#include <QCheckBox>
#include <QComboBox>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QTest>
#include <set>

#include "core/data/dataset.h"
#include "core/optim/scheduler.h"
#include "tests/widgets/screenshots.h"
#include "widgets/controls/value_field.h"
#include "widgets/style/theme.h"
#include "widgets/training/rate_preview.h"
#include "widgets/training/run_settings_form.h"
#include "widgets/training/schedule_form.h"

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
    form.resize(320, 1200);
    form.show();
    QApplication::setActiveWindow(&form);
  }
  ScheduleForm& schedule() { return *form.findChild<ScheduleForm*>(); }
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

  void schedulersAreChosenAndTakenAway() {
    Fixture f;
    const auto* chooser = f.form.findChild<QComboBox*>("scheduler");
    QCOMPARE(size_t(chooser->count()), optim::schedulers().all().size() + 1);
    QVERIFY(!f.schedule().preview()->isVisible());
    f.choose("scheduler", "StepLR");
    // A third of the run to begin with: 5 epochs here.
    QCOMPARE(*f.sent.last().schedulers.at(0).args.find("step_size"), nn::Value(int64_t{2}));
    f.retype("step_size", "3");
    QVERIFY((f.sent.last().schedulers ==
             std::vector<graph::Choice>{{"StepLR", {{"step_size", int64_t{3}}}}}));
    // A second one, and the first away.
    auto* add = f.form.findChild<QPushButton*>("add-scheduler");
    QVERIFY(add->isVisible());
    QTest::mouseClick(add, Qt::LeftButton);
    QCOMPARE(f.sent.last().schedulers.size(), size_t{2});
    f.choose("scheduler-2", "ExponentialLR");
    QCOMPARE(f.sent.last().schedulers[1].id, std::string("ExponentialLR"));
    f.choose("scheduler", "No scheduler");
    QCOMPARE(f.sent.last().schedulers.size(), size_t{1});
    QCOMPARE(f.form.findChild<QComboBox*>("scheduler")->currentText(), "ExponentialLR");
    f.choose("scheduler", "No scheduler");
    QVERIFY(f.sent.last().schedulers.empty());
    QVERIFY(!add->isVisible() && !f.schedule().preview()->isVisible());
  }

  void thePreviewIsWhatTheSchedulersMake() {
    Fixture f;
    f.retype("lr", "0.5");
    f.retype("epochs", "4");
    f.choose("scheduler", "StepLR");
    f.retype("step_size", "2");
    const RatePreview& preview = *f.schedule().preview();
    QVERIFY(preview.isVisible());
    QCOMPARE(preview.curve(),
             (QVector<QPointF>{{0, 0.5}, {1, 0.5}, {2, 0.05}, {3, 0.05}, {4, 0.05}}));
    QVERIFY2(preview.note().contains("0.5000") && preview.note().contains("0.0500"),
             qPrintable(preview.note()));
    // What changes in each batch needs to know how many there are.
    f.choose("scheduler", "OneCycleLR");
    QVERIFY(preview.curve().isEmpty());
    QVERIFY(preview.note().contains("data set"));
    f.form.setTrainSamples(6400);
    QCOMPARE(preview.curve().size(), 4 * 90 + 1);  // 5760 behind the split in batches of 64
    QCOMPARE(preview.curve().last().x(), 4.0);
    f.choose("scheduler", "ReduceLROnPlateau");
    QVERIFY(preview.note().contains("validation"));
  }

  void whatDoesNotGoTogetherIsSaid() {
    Fixture f;
    f.choose("scheduler", "OneCycleLR");
    f.form.setTrainSamples(6400);
    QVERIFY(f.schedule().problem().isEmpty());
    f.retype("warmup", "20");
    QCOMPARE(*f.sent.last().warmup, int64_t{20});
    QVERIFY2(f.schedule().problem().contains("only scheduler"), qPrintable(f.schedule().problem()));
    QVERIFY(!f.schedule().preview()->isVisible());
    f.retype("warmup", "None");
    QVERIFY(!f.sent.last().warmup);
    QVERIFY(f.schedule().problem().isEmpty() && f.schedule().preview()->isVisible());
    f.retype("total_steps", "7");
    QVERIFY2(f.schedule().problem().contains("made for 7 steps"),
             qPrintable(f.schedule().problem()));
  }

  void clippingAndAveragesReachTheSettings() {
    Fixture f;
    f.retype("clip_norm", "1.5");
    QCOMPARE(*f.sent.last().clip_norm, 1.5);
    f.retype("ema_decay", "0.99");
    QCOMPARE(*f.sent.last().ema_decay, 0.99);
    const qsizetype before = f.sent.size();
    f.retype("ema_decay", "2");
    QTest::keyClick(f.form.findChild<ValueField*>("ema_decay"), Qt::Key_Return);
    QVERIFY(!f.form.findChild<ValueField*>("ema_decay")->message().isEmpty());
    QCOMPARE(f.sent.size(), before);
  }

  void precisionReachesTheSettings() {
    Fixture f;
    auto* precision = f.form.findChild<QComboBox*>("precision");
    QVERIFY(precision);
    QCOMPARE(precision->currentText(), QString("float32"));
    precision->setFocus();
    QTest::keyClick(precision, Qt::Key_End);
    QCOMPARE(f.sent.last().precision, precision->currentText().toStdString());
    QVERIFY(f.sent.last().precision != "float32");
    auto* tf32 = f.form.findChild<QCheckBox*>("allow_tf32");
    QVERIFY(tf32 && !tf32->isChecked());
    tf32->setFocus();
    QTest::keyClick(tf32, Qt::Key_Space);
    QVERIFY(f.sent.last().allow_tf32);
  }

  void sectionsShareTheWidth() {
    Fixture f;
    const auto left = [&](const char* name) {
      const auto* field = f.form.findChild<QWidget*>(name);
      return field->mapTo(&f.form, QPoint()).x();
    };
    const auto columns = [&](int width) {
      f.form.resize(width, 700);
      QTest::qWait(20);
      return std::set<int>{left("dataset"), left("optimizer"), left("scheduler")}.size();
    };
    QCOMPARE(columns(320), size_t{1});
    QCOMPARE(columns(1200), size_t{3});
    QCOMPARE(columns(900), size_t{2});  // the learning rate stands below the data
    QCOMPARE(columns(320), size_t{1});
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
    f.form.setRunning(false);
    f.form.setTrainSamples(60000);
    f.choose("optimizer", "SGD");
    f.choose("scheduler", "OneCycleLR");
    f.retype("clip_norm", "1");
    f.form.resize(1240, 620);
    QTest::qWait(50);
    test::screenshots(f.form, "run-settings-wide");
    f.choose("scheduler", "CosineAnnealingLR");
    f.retype("T_max", "5");
    f.retype("warmup", "400");
    QTest::mouseClick(f.form.findChild<QPushButton*>("add-scheduler"), Qt::LeftButton);
    f.form.resize(320, 2000);
    QTest::qWait(50);
    test::screenshots(f.form, "run-settings-schedulers");
    f.choose("scheduler-2", "OneCycleLR");
    QTest::qWait(50);
    test::screenshots(f.form, "run-settings-schedulers-wrong");
  }
};

QTEST_MAIN(TestRunSettingsForm)
#include "test_run_settings_form.moc"
