#include <QComboBox>
#include <QLocale>

#include "core/data/loader.h"
#include "core/graph/model.h"
#include "core/io/state_file.h"
#include "core/train/evaluate.h"
#include "tests/support/compare.h"
#include "tests/support/oracle.h"
#include "tests/ui/turn_watch.h"
#include "tests/ui/window_driver.h"
#include "widgets/charts/curves_chart.h"
#include "widgets/training/choice_form.h"
#include "widgets/training/run_settings_form.h"

using namespace nw;
using namespace nw::test;
using State = app::TrainingSession::State;

namespace {

constexpr double kUsablyLateMs = 1000;  // more means that the window hangs

/// The Conv2d of LeNet, typed into the inspector.
void typeConv(WindowDriver& hand, int out, int padding) {
  hand.typeParam("out_channels", QString::number(out));
  hand.typeParam("kernel_size", "5");
  if (padding > 0) hand.typeParam("padding", QString::number(padding));
}

size_t stepsDrawn(WindowDriver& hand) {
  return hand.window().current().chart()->history().steps().size();
}

/// Ten thousand test images with their labels.
data::Batch testImages() {
  nn::Args args;
  const data::DatasetSpec& spec = graph::find_data({"FashionMNIST", {}}, args);
  const std::shared_ptr<const data::Dataset> test = spec.load(args).test;
  data::Loader loader(test, test->size(), false);
  Generator generator;
  loader.start(generator);
  data::Batch batch;
  loader.next(batch);
  return batch;
}

constexpr auto kTorchLeNet = R"(
m = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
                  nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                  nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
                  nn.Linear(84, 10))
m.load_state_dict(torch.load("%1", weights_only=True), strict=True)
m.eval()
with torch.no_grad():
    logits = m(x)
accuracy = (logits.argmax(1) == y).double().mean()
)";

}  // namespace

/// The main job, with the hands of a person: LeNet from the empty canvas to PyTorch.
class TestLenetWindow : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase();
  void drawsFromTheEmptyCanvas();
  void showsAndMendsAMistake();
  void undoesAndRedoesEverything();
  void takesTheSettingsFromTheForm();
  void trainsPausesStepsResumesAndStops();
  void exportsWhatTorchLoads();
  void savesAndOpens();
  void cleanupTestCase();

 private:
  std::unique_ptr<WindowDriver> hand_;
  std::vector<NodeId> linears_;
};

void TestLenetWindow::initTestCase() {
  widgets::applyTheme(*qApp, widgets::ThemeKind::Light);
  hand_ = std::make_unique<WindowDriver>();
  QVERIFY(hand_->show());
}

void TestLenetWindow::drawsFromTheEmptyCanvas() {
  WindowDriver& hand = *hand_;
  QVERIFY(hand.graph().nodes.empty());
  const NodeId input = hand.dragFromPalette("Input", {0, 0});
  QCOMPARE(hand.graph().nodes.size(), size_t{1});
  const NodeId conv = hand.dragFromPalette("Conv2d", {0, 120});
  QCOMPARE(hand.graph().nodes.size(), size_t{2});
  QVERIFY(hand.graph().wires.empty());
  hand.dragWire({input, "output"}, {conv, "input"});
  QCOMPARE(hand.graph().wires.size(), size_t{1});
  hand.clickNode(conv);
  typeConv(hand, 6, 2);

  hand.append("ReLU");
  hand.append("MaxPool2d");
  hand.typeParam("kernel_size", "2");
  hand.append("Conv2d");
  typeConv(hand, 16, 0);
  hand.append("ReLU");
  hand.append("MaxPool2d");
  hand.typeParam("kernel_size", "2");
  hand.appendBySearch("Flatten");
  for (const char* size : {"120", "84", "10"}) {
    linears_.push_back(hand.append("Linear"));
    hand.typeParam("out_features", size);
    if (linears_.size() < 3) hand.append("ReLU");
  }
  hand.append("CrossEntropyLoss");

  QCOMPARE(hand.graph().nodes.size(), size_t{14});
  QCOMPARE(hand.graph().wires.size(), size_t{13});
  QVERIFY(hand.document().inference().ok());
  QCOMPARE(hand.document().inference().parameters, int64_t{61706});
  const auto& flow = hand.document().inference().nodes.at(linears_[0]).args;
  QCOMPARE(flow.integer("in_features"), int64_t{400});  // filled in by itself
  hand.key(Qt::Key_9, Qt::ControlModifier);
}

void TestLenetWindow::showsAndMendsAMistake() {
  WindowDriver& hand = *hand_;
  hand.clickNode(linears_[0]);
  hand.typeParam("in_features", "576");
  QVERIFY(!hand.document().inference().ok());
  const graph::Problem problem = hand.document().inference().problems.front();
  QCOMPARE(problem.node, linears_[0]);
  QVERIFY2(problem.text.find("576") != std::string::npos &&
               problem.text.find("400") != std::string::npos,
           problem.text.c_str());
  hand.view().reveal(linears_[0]);
  QTest::qWait(100);
  screenshot(hand.window(), "error-badge-light");
  hand.clickAction(hand.window().trainBar().trainAction());
  QVERIFY(!hand.session().isActive());
  QVERIFY(hand.window().messages().text("run").contains("400"));
  hand.key(Qt::Key_Z, Qt::ControlModifier);
  QVERIFY(hand.document().inference().ok());
}

void TestLenetWindow::undoesAndRedoesEverything() {
  WindowDriver& hand = *hand_;
  hand.view().setFocus();
  const std::string drawn = graph::to_json(hand.document().project());
  for (int i = 0; i < 100 && hand.document().history().canUndo(); ++i) {
    hand.key(Qt::Key_Z, Qt::ControlModifier);
  }
  QVERIFY(hand.graph().nodes.empty() && hand.graph().wires.empty());
  for (int i = 0; i < 100 && hand.document().history().canRedo(); ++i) {
    hand.key(Qt::Key_Z, Qt::ControlModifier | Qt::ShiftModifier);
  }
  // The mistake was taken back before, so it is the last thing to be redone: take it back again.
  hand.key(Qt::Key_Z, Qt::ControlModifier);
  QCOMPARE(graph::to_json(hand.document().project()), drawn);
}

void TestLenetWindow::takesTheSettingsFromTheForm() {
  WindowDriver& hand = *hand_;
  hand.showTab("Training");
  auto* form = hand.window().current().settingsForm();
  QVERIFY(form->isVisible());
  auto* chooser = form->findChild<QComboBox*>("dataset");
  chooser->setFocus();
  // Away from the default and back again, by the keys of the list.
  QTest::keyClick(chooser, Qt::Key_End);
  QVERIFY(hand.document().project().run.data.id != "FashionMNIST");
  while (chooser->currentIndex() > chooser->findText("FashionMNIST")) {
    QTest::keyClick(chooser, Qt::Key_Up);
  }
  QCOMPARE(hand.document().project().run.data.id, std::string("FashionMNIST"));

  for (auto* one : form->findChildren<widgets::DescriptionForm*>()) {
    if (one->editor("epochs")) {
      WindowDriver::type(one, "epochs", "20");
      WindowDriver::type(one, "batch_size", "64");
    }
    if (one->editor("lr")) {
      WindowDriver::type(one, "lr", "0.05");
      WindowDriver::type(one, "momentum", "0.9");
    }
  }
  const graph::RunSettings& run = hand.document().project().run;
  QCOMPARE(run.epochs, int64_t{20});
  QCOMPARE(run.batch_size, int64_t{64});
  QVERIFY(run.optimizer == (graph::Choice{"SGD", {{"lr", 0.05}, {"momentum", 0.9}}}));
}

void TestLenetWindow::trainsPausesStepsResumesAndStops() {
  WindowDriver& hand = *hand_;
  auto& watch = static_cast<WatchfulApplication&>(*qApp);
  app::TrainBar& bar = hand.window().trainBar();
  watch.setWatching(true);
  watch.reset();
  Heartbeat heartbeat;
  QElapsedTimer clock;
  clock.start();
  hand.clickAction(bar.trainAction());
  QVERIFY(runUntil([&] { return stepsDrawn(hand) > 0; }));
  qInfo("from Train to the first point of the curve: %.0f ms", double(clock.elapsed()));

  // The curve grows while the window looks on.
  const size_t few = stepsDrawn(hand);
  QVERIFY(runUntil([&] { return stepsDrawn(hand) > few + 300; }, 120000));
  runUntil([] { return false; }, 1500);
  heartbeat.pause();
  screenshot(hand.window(), "drawn-training-light");
  heartbeat.resume();

  clock.restart();
  hand.clickAction(bar.pauseAction());
  QVERIFY(runUntil([&] { return hand.session().state() == State::Paused; }));
  qInfo("from Pause to paused: %.0f ms", double(clock.elapsed()));
  const int64_t paused = hand.window().current().chart()->history().steps().back().step;
  runUntil([] { return false; }, 400);
  const auto lastStep = [&] {
    return hand.window().current().chart()->history().steps().back().step;
  };
  QCOMPARE(lastStep(), paused);

  hand.clickAction(bar.stepAction());
  QVERIFY(runUntil([&] { return lastStep() == paused + 1; }));
  runUntil([] { return false; }, 200);
  QCOMPARE(lastStep(), paused + 1);
  QVERIFY(hand.session().state() == State::Paused);

  hand.clickAction(bar.trainAction());  // it says Resume now
  QVERIFY(runUntil([&] { return lastStep() > paused + 1; }));
  QVERIFY(runUntil([&] { return lastStep() >= 600; }, 120000));
  clock.restart();
  hand.clickAction(bar.stopAction());
  QVERIFY(runUntil([&] { return hand.session().state() == State::Idle; }));
  qInfo("from Stop to stopped: %.0f ms", double(clock.elapsed()));
  qInfo("longest event while training: %.1f ms (%s); longest turn of the loop: %.1f ms",
        watch.longestEventMs(), qPrintable(watch.longestEventName()), heartbeat.latestMs());
  watch.setWatching(false);
  QVERIFY(watch.longestEventMs() < kUsablyLateMs);
  QVERIFY(heartbeat.latestMs() < kUsablyLateMs);

  screenshot(hand.window(), "drawn-light");
  widgets::applyTheme(*qApp, widgets::ThemeKind::Dark);
  QTest::qWait(100);
  screenshot(hand.window(), "drawn-dark");
  widgets::applyTheme(*qApp, widgets::ThemeKind::Light);
}

void TestLenetWindow::exportsWhatTorchLoads() {
  WindowDriver& hand = *hand_;
  for (const char* name : {"lenet.pt", "lenet.safetensors"}) {
    whenAskedForFile(hand.path(name));
    hand.key(Qt::Key_E, Qt::ControlModifier);
    QVERIFY(runUntil([&] { return hand.window().messages().text("export").contains(name); }));
    QVERIFY(QFileInfo::exists(hand.path(name)));
  }
  const nn::StateDict pt = io::load_state(hand.path("lenet.pt").toStdString());
  const nn::StateDict safe = io::load_state(hand.path("lenet.safetensors").toStdString());
  QCOMPARE(pt.entries.size(), size_t{10});
  for (const nn::StateDict::Entry& entry : pt.entries) {
    const Tensor* other = safe.find(entry.key);
    QVERIFY2(other != nullptr, entry.key.c_str());
    QCOMPARE(bit_difference(entry.tensor, *other, entry.key), std::string());
  }

  const std::unique_ptr<graph::Model> model =
      graph::build(hand.graph(), *hand.document().signature());
  model->load_state_dict(pt, true);
  model->eval();
  const data::Batch images = testImages();
  Oracle oracle;
  QVERIFY2(oracle.problem().empty(), oracle.problem().c_str());
  const Oracle::Reply torch =
      oracle.run(QString(kTorchLeNet).arg(hand.path("lenet.pt")).toStdString(),
                 {{"x", images.x}, {"y", images.y}}, {"logits", "accuracy"});
  QVERIFY2(torch.ok(), torch.error.c_str());
  const Tensor ours = model->forward({images.x})[0];
  // Each run stops elsewhere; its largest logits, near 30, hold the last bits of a float.
  constexpr double kSlack = 2;
  QCOMPARE(difference(ours, torch["logits"], "logits", kSlack), std::string());
  const float* a = ours.data<float>();
  const float* b = torch["logits"].data<float>();
  double apart = 0;
  double largest = 0;
  for (int64_t i = 0; i < ours.numel(); ++i) {
    apart = std::max(apart, std::abs(double(a[i]) - b[i]));
    largest = std::max(largest, std::abs(double(b[i])));
  }
  qInfo("logits of 10,000 images apart by at most %.2g, the largest is %.2g", apart, largest);

  nn::Args args;
  const auto test = graph::find_data({"FashionMNIST", {}}, args).load(args).test;
  const train::Evaluation evaluation = train::evaluate(*model, *test, 64);
  qInfo("accuracy on the test images %.2f %%, PyTorch %.2f %%", 100 * evaluation.accuracy,
        100 * torch["accuracy"].item());
  QCOMPARE(evaluation.accuracy, torch["accuracy"].item());
  QVERIFY(evaluation.accuracy > 0.7);
}

void TestLenetWindow::savesAndOpens() {
  WindowDriver& hand = *hand_;
  const std::string before = graph::to_json(hand.document().project());
  whenAskedForFile(hand.path("drawn"));
  hand.key(Qt::Key_S, Qt::ControlModifier);
  QVERIFY(QFileInfo::exists(hand.path("drawn.netwright")));
  QVERIFY(!hand.document().isModified());
  hand.key(Qt::Key_N, Qt::ControlModifier);
  QCOMPARE(hand.window().documentCount(), 2);
  hand.key(Qt::Key_W, Qt::ControlModifier);
  hand.key(Qt::Key_W, Qt::ControlModifier);
  QVERIFY(hand.graph().nodes.empty());
  whenAskedForFile(hand.path("drawn.netwright"));
  hand.key(Qt::Key_O, Qt::ControlModifier);
  QCOMPARE(graph::to_json(hand.document().project()), before);
}

void TestLenetWindow::cleanupTestCase() {
  hand_.reset();
}

int main(int argc, char** argv) {
  QApplication::setAttribute(Qt::AA_DontUseNativeDialogs);
  WatchfulApplication application(argc, argv);
  TestLenetWindow test;
  return QTest::qExec(&test, argc, argv);
}

#include "test_lenet_window.moc"
