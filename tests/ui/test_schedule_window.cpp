#include <QComboBox>

#include "core/base/file.h"
#include "core/graph/project.h"
#include "core/train/planned_rates.h"
#include "tests/ui/window_driver.h"
#include "widgets/charts/curves_chart.h"
#include "widgets/training/rate_preview.h"
#include "widgets/training/run_settings_form.h"

using namespace nw;
using namespace nw::test;
using State = app::TrainingSession::State;

/// Schedulers, clipping and averages, set by hand in the window: what is chosen is what the project
/// holds, what the run does, and what the curve shows.
class TestScheduleWindow : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { widgets::applyTheme(*qApp, widgets::ThemeKind::Light); }
  void fromTheFormToTheRun();
};

namespace {

/// Chooses by the keys of the list.
void choose(QWidget* form, const char* chooser, const QString& id) {
  auto* box = form->findChild<QComboBox*>(chooser);
  box->setFocus();
  const int steps = box->findText(id) - box->currentIndex();
  const Qt::Key key = steps > 0 ? Qt::Key_Down : Qt::Key_Up;
  for (int i = 0; i < std::abs(steps); ++i) QTest::keyClick(box, key);
}

void type(QWidget* form, const QString& param, const QString& text) {
  for (auto* one : form->findChildren<widgets::DescriptionForm*>()) {
    if (one->editor(param)) return WindowDriver::type(one, param, text);
  }
  QTest::qFail(qPrintable("no field " + param), __FILE__, __LINE__);
}

}  // namespace

void TestScheduleWindow::fromTheFormToTheRun() {
  WindowDriver hand;
  QVERIFY(hand.show());
  hand.window().openExample("spirals");
  const graph::RunSettings untouched = hand.document().project().run;
  hand.showTab("Training");
  widgets::RunSettingsForm* form = hand.window().current().settingsForm();
  QVERIFY(form->isVisible());
  const auto settings = [&]() -> const graph::RunSettings& {
    return hand.document().project().run;
  };

  choose(form, "scheduler", "StepLR");
  QCOMPARE(settings().schedulers.at(0).id, std::string("StepLR"));
  type(form, "step_size", "2");
  QCOMPARE(hand.document().history().undoText(), QString("Set step_size of StepLR to 2"));
  type(form, "epochs", "6");
  type(form, "warmup", "5");
  type(form, "clip_norm", "1");
  type(form, "ema_decay", "0.9");
  QCOMPARE(*settings().warmup, int64_t{5});
  QCOMPARE(*settings().clip_norm, 1.0);
  QCOMPARE(*settings().ema_decay, 0.9);
  QTest::qWait(100);
  screenshot(hand.window(), "schedule-form-light");

  // The picture in the form is the library's own plan, and so is the run.
  const auto samples = hand.document().signature()->train_samples;
  const auto plan = train::planned_rates(settings(), samples);
  const auto& curve = form->findChild<widgets::RatePreview*>()->curve();
  QCOMPARE(size_t(curve.size()), plan.rates.size() + 1);
  hand.clickAction(hand.window().trainBar().trainAction());
  QVERIFY(
      runUntil([&] { return hand.session().hasWeights() && !hand.session().isActive(); }, 60000));
  const auto& steps = hand.window().current().chart()->history().steps();
  QCOMPARE(steps.size(), plan.rates.size());
  for (size_t i = 0; i < steps.size(); ++i) {
    QCOMPARE(steps[i].rate.mean, plan.rates[i]);
    QCOMPARE(curve[qsizetype(i)].y(), plan.rates[i]);
  }
  hand.showTab("Charts");
  QTest::qWait(100);
  screenshot(hand.window(), "schedule-run-light");

  // The file holds what was chosen.
  hand.document().save(hand.path("rates.netwright"));
  QVERIFY(graph::load_project(hand.path("rates.netwright").toStdString()).run == settings());

  // Without a scheduler the rate stays, and its plot goes.
  hand.showTab("Training");
  choose(form, "scheduler", "No scheduler");
  type(form, "warmup", "None");
  QVERIFY(settings().schedulers.empty() && !settings().warmup);
  hand.clickAction(hand.window().trainBar().trainAction());
  QVERIFY(runUntil([&] { return !hand.session().isActive() && !steps.empty(); }, 60000));
  QCOMPARE(steps.front().rate.mean, steps.back().rate.mean);

  // All of it can be taken back.
  for (int i = 0; i < 50 && hand.document().history().canUndo(); ++i) {
    hand.key(Qt::Key_Z, Qt::ControlModifier);
  }
  QVERIFY(settings() == untouched);
}

QTEST_MAIN(TestScheduleWindow)
#include "test_schedule_window.moc"
