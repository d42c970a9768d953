#include <QClipboard>
#include <QLockFile>
#include <QMenu>
#include <QProcess>
#include <QPushButton>
#include <QScopeGuard>

#include "app/document/examples.h"
#include "core/base/file.h"
#include "tests/ui/window_driver.h"
#include "widgets/charts/curves_chart.h"
#include "widgets/problems/problems_panel.h"

using namespace nw;
using namespace nw::test;
using State = app::TrainingSession::State;

namespace {

/// The document that a file holds.
graph::Project read(const QString& path) {
  return std::get<graph::Project>(app::readProject(path));
}

void write(const QString& path, const std::string& text) {
  write_file_atomically(path.toStdString(), text);
}

/// Two moons and a small network: trains in no time.
/// Presses the button of the bar that offers lost work.
void pressRecovery(WindowDriver& hand, const QString& words) {
  auto* bar = hand.window().messages().findChild<widgets::MessageBar*>("recovery");
  QVERIFY(bar);
  auto* button = bar->findChild<QPushButton*>("messageAction");
  QCOMPARE(button->text(), words);
  QTest::mouseClick(button, Qt::LeftButton);
}

graph::Project smallProject() {
  graph::Project project = std::get<graph::Project>(app::readExample("spirals"));
  project.run.data = {"two-moons", {}};
  project.run.epochs = 2;
  return project;
}

}  // namespace

class TestMainWindow : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { widgets::applyTheme(*qApp, widgets::ThemeKind::Light); }
  void init() {
    hand_ = std::make_unique<WindowDriver>();
    QVERIFY(hand_->show());
  }
  void cleanup() { hand_.reset(); }

  void closingAsksAboutUnsavedWork();
  void closingATabAsksToo();
  void aSaveThatFailsLosesNothing();
  void badFilesAreToldAndChangeNothing_data();
  void badFilesAreToldAndChangeNothing();
  void unknownBlocksAreKept();
  void copiesAndPastesBetweenDocuments();
  void deletesByKeyAndUndoes();
  void eachDocumentHasItsOwnHistoryAndRun();
  void aLossThatBecomesNanStopsTheRun();
  void missingDataIsShownAndStopsNothingElse();
  void exportWithoutARunSaysWhatToDo();
  void exportToABadPlaceIsTold();
  void unsavedWorkSurvivesACrash();
  void oneBarOffersAllLostWork();
  void aFittedDrawingStaysFitted();
  void theMenuShowsTheTheme();
  void anExampleIsAnUntitledCopy();
  void anEmptyDrawingIsNoProblem();
  void theExampleTrainsAtOnePress();
  void theWindowAndTheCommandLineTrainAlike();
  void theInvitationInsertsAnExample();
  void searchFindsBlocksNodesAndCommands();
  void theLayoutIsRemembered();
  void themesSwitch();
  void closingWhileTrainingStopsTheRun();

 private:
  std::unique_ptr<WindowDriver> hand_;
};

void TestMainWindow::closingAsksAboutUnsavedWork() {
  WindowDriver& hand = *hand_;
  hand.append("ReLU");
  whenAsked(QMessageBox::Cancel);
  QVERIFY(!hand.window().close());
  QVERIFY(hand.window().isVisible());
  QCOMPARE(hand.graph().nodes.size(), size_t{1});

  // Save asks for a name; giving none means not to close either.
  whenDialogOpens<QMessageBox>([&](QMessageBox* box) {
    whenDialogOpens<QFileDialog>([](QFileDialog* dialog) { dialog->reject(); });
    press(box, QMessageBox::Save);
  });
  QVERIFY(!hand.window().close());

  whenDialogOpens<QMessageBox>([&](QMessageBox* box) {
    whenAskedForFile(hand.path("kept"));
    press(box, QMessageBox::Save);
  });
  QVERIFY(hand.window().close());
  QCOMPARE(read(hand.path("kept.netwright")).graph.nodes.size(), size_t{1});
}

void TestMainWindow::closingATabAsksToo() {
  WindowDriver& hand = *hand_;
  hand.append("ReLU");
  hand.key(Qt::Key_N, Qt::ControlModifier);
  hand.append("Tanh");
  QCOMPARE(hand.window().documentCount(), 2);
  whenAsked(QMessageBox::Discard);
  hand.key(Qt::Key_W, Qt::ControlModifier);
  QCOMPARE(hand.window().documentCount(), 1);
  QCOMPARE(hand.graph().nodes.front().block, std::string("ReLU"));
  // One question for each document with unsaved work; the second answer keeps the window.
  hand.key(Qt::Key_N, Qt::ControlModifier);
  hand.append("Tanh");
  int asked = 0;
  whenDialogOpens<QMessageBox>([&](QMessageBox* box) {
    ++asked;
    whenDialogOpens<QMessageBox>([&](QMessageBox* second) {
      ++asked;
      press(second, QMessageBox::Cancel);
    });
    press(box, QMessageBox::Discard);
  });
  QVERIFY(!hand.window().close());
  QCOMPARE(asked, 2);
  QCOMPARE(hand.window().documentCount(), 2);
}

void TestMainWindow::aSaveThatFailsLosesNothing() {
  WindowDriver& hand = *hand_;
  hand.append("ReLU");
  whenAskedForFile(hand.path("work.netwright"));
  hand.key(Qt::Key_S, Qt::ControlModifier);
  QVERIFY(!hand.document().isModified());
  // A folder in the file's place cannot be written over.
  QVERIFY(QFile::remove(hand.path("work.netwright")));
  QVERIFY(QDir().mkpath(hand.path("work.netwright/inside")));
  hand.append("Tanh");
  hand.key(Qt::Key_S, Qt::ControlModifier);
  QVERIFY(hand.window().messages().text("save").contains("work.netwright"));
  QVERIFY(hand.document().isModified());
  QCOMPARE(hand.graph().nodes.size(), size_t{2});
}

void TestMainWindow::badFilesAreToldAndChangeNothing_data() {
  QTest::addColumn<QByteArray>("content");
  QTest::newRow("empty") << QByteArray("");
  QTest::newRow("truncated") << QByteArray(R"({"format": "netwright-project", "version": 1, "gr)");
  QTest::newRow("no JSON") << QByteArray(
      "\x7f"
      "ELF");
  QTest::newRow("another format") << QByteArray(R"({"hello": 1})");
  QTest::newRow("wrong type") << QByteArray(
      R"({"format": "netwright-project", "version": 1, "graph": {"nodes": 3, "wires": []}})");
}

void TestMainWindow::badFilesAreToldAndChangeNothing() {
  QFETCH(QByteArray, content);
  WindowDriver& hand = *hand_;
  hand.append("ReLU");
  const std::string before = graph::to_json(hand.document().project());
  write(hand.path("bad.netwright"), content.toStdString());
  whenAskedForFile(hand.path("bad.netwright"));
  hand.key(Qt::Key_O, Qt::ControlModifier);
  const QString text = hand.window().messages().text("open");
  QVERIFY2(text.contains("bad.netwright"), qPrintable(text));
  QCOMPARE(hand.window().documentCount(), 1);
  QCOMPARE(graph::to_json(hand.document().project()), before);
}

void TestMainWindow::unknownBlocksAreKept() {
  WindowDriver& hand = *hand_;
  graph::Project project = smallProject();
  graph::Node strange;
  strange.id = 90;
  strange.block = "FluxCapacitor";
  strange.args.set("gigawatts", 1.21);
  strange.x = 300;
  project.graph.nodes.push_back(strange);
  write(hand.path("strange.netwright"), graph::to_json(project));
  const std::string before = read_file(hand.path("strange.netwright").toStdString());
  QVERIFY(hand.window().openFile(hand.path("strange.netwright")));
  const auto& problems = hand.document().inference().problems;
  QVERIFY(std::any_of(problems.begin(), problems.end(),
                      [](const graph::Problem& problem) { return problem.node == 90; }));
  QVERIFY(hand.scene().nodeRect(90).has_value());
  hand.clickNode(90);
  screenshot(hand.window(), "window-unknown-block");
  hand.dragNode(90, {0, 40});
  QVERIFY(hand.document().isModified());
  hand.key(Qt::Key_Z, Qt::ControlModifier);
  hand.key(Qt::Key_S, Qt::ControlModifier);
  QCOMPARE(QString::fromStdString(read_file(hand.path("strange.netwright").toStdString())),
           QString::fromStdString(before));
}

void TestMainWindow::copiesAndPastesBetweenDocuments() {
  WindowDriver& hand = *hand_;
  hand.append("Linear");
  hand.typeParam("out_features", "7");
  hand.append("Tanh");
  hand.view().setFocus();
  hand.key(Qt::Key_A, Qt::ControlModifier);
  hand.key(Qt::Key_C, Qt::ControlModifier);
  hand.key(Qt::Key_N, Qt::ControlModifier);
  hand.view().setFocus();
  hand.key(Qt::Key_V, Qt::ControlModifier);
  QCOMPARE(hand.graph().nodes.size(), size_t{2});
  QCOMPARE(hand.graph().wires.size(), size_t{1});
  QCOMPARE(hand.graph().nodes[0].args.integer("out_features"), int64_t{7});
  hand.key(Qt::Key_D, Qt::ControlModifier);
  QCOMPARE(hand.graph().nodes.size(), size_t{4});
  hand.key(Qt::Key_X, Qt::ControlModifier);
  QCOMPARE(hand.graph().nodes.size(), size_t{2});
  QGuiApplication::clipboard()->setText("no network at all");
  hand.key(Qt::Key_V, Qt::ControlModifier);
  QCOMPARE(hand.graph().nodes.size(), size_t{2});
  QVERIFY(!hand.window().messages().text("edit").isEmpty());
}

void TestMainWindow::deletesByKeyAndUndoes() {
  WindowDriver& hand = *hand_;
  hand.append("ReLU");
  hand.append("Tanh");
  hand.append("Sigmoid");
  const NodeId middle = hand.graph().nodes[1].id;
  hand.clickNode(middle);
  hand.key(Qt::Key_Delete);
  QCOMPARE(hand.graph().nodes.size(), size_t{2});
  QVERIFY(hand.graph().wires.empty());
  hand.key(Qt::Key_Z, Qt::ControlModifier);
  QCOMPARE(hand.graph().wires.size(), size_t{2});
  // A rubber band around everything.
  hand.key(Qt::Key_9, Qt::ControlModifier);
  const QRectF all = hand.scene().itemsBoundingRect().adjusted(-20, -20, 20, 20);
  hand.drag(all.topLeft(), all.bottomRight());
  QCOMPARE(hand.scene().selectedIds().size(), 3);
  hand.key(Qt::Key_Delete);
  QVERIFY(hand.graph().nodes.empty());
}

void TestMainWindow::eachDocumentHasItsOwnHistoryAndRun() {
  WindowDriver& hand = *hand_;
  hand.document().adopt(smallProject(), "first", false);
  hand.key(Qt::Key_N, Qt::ControlModifier);
  hand.document().adopt(smallProject(), "second", false);
  hand.view().setFocus();
  hand.append("ReLU");
  QVERIFY(hand.document().isModified());
  auto* tabs = hand.window().centralWidget()->findChild<QTabWidget*>();
  app::Workspace& second = hand.window().current();
  tabs->setCurrentIndex(0);
  app::Workspace& first = hand.window().current();
  QVERIFY(&first != &second);
  hand.key(Qt::Key_Z, Qt::ControlModifier);  // nothing to undo here
  QVERIFY(second.document().isModified());

  hand.key(Qt::Key_F5);
  QVERIFY(runUntil([&] { return !first.chart()->history().epochs().empty(); }));
  QVERIFY(second.chart()->history().empty());
  QVERIFY(runUntil([&] { return first.session().state() == State::Idle; }));
}

void TestMainWindow::aLossThatBecomesNanStopsTheRun() {
  WindowDriver& hand = *hand_;
  graph::Project project = smallProject();
  project.run.optimizer = {"SGD", {{"lr", 1e300}}};
  hand.document().adopt(project, "wild", false);
  hand.key(Qt::Key_F5);
  QVERIFY(runUntil([&] { return !hand.window().messages().text("run").isEmpty(); }));
  const QString text = hand.window().messages().text("run");
  QVERIFY2(text.contains("step") && text.contains("learning rate"), qPrintable(text));
  QVERIFY(hand.session().state() == State::Idle);
  QVERIFY(hand.session().hasWeights());
  whenAskedForFile(hand.path("wild.pt"));
  hand.key(Qt::Key_E, Qt::ControlModifier);
  QVERIFY(runUntil([&] { return QFileInfo::exists(hand.path("wild.pt")); }));
  screenshot(hand.window(), "window-diverged");
}

void TestMainWindow::missingDataIsShownAndStopsNothingElse() {
  WindowDriver& hand = *hand_;
  graph::Project project = std::get<graph::Project>(app::readExample("lenet"));
  project.run.data.args.set("root", hand.path("nowhere").toStdString());
  hand.document().adopt(project, "lenet", false);
  QVERIFY(!hand.document().inference().ok());
  hand.key(Qt::Key_F5);
  QVERIFY(hand.window().messages().text("run").contains("nowhere"));
  QVERIFY(!hand.session().isActive());
  hand.append("ReLU");
  QCOMPARE(hand.graph().nodes.size(), project.graph.nodes.size() + 1);
  screenshot(hand.window(), "window-missing-data");
}

void TestMainWindow::exportWithoutARunSaysWhatToDo() {
  hand_->key(Qt::Key_E, Qt::ControlModifier);
  QVERIFY(hand_->window().messages().text("export").contains("Train"));
}

void TestMainWindow::exportToABadPlaceIsTold() {
  WindowDriver& hand = *hand_;
  hand.document().adopt(smallProject(), "small", false);
  hand.key(Qt::Key_F5);
  QVERIFY(runUntil([&] { return hand.session().hasWeights() && !hand.session().isActive(); }));
  hand.session().exportWeights(hand.path("missing/small.pt"), io::StateFormat::Pt);
  QVERIFY(runUntil([&] { return !hand.window().messages().text("export").isEmpty(); }));
  QVERIFY(hand.window().messages().text("export").contains("missing"));
}

void TestMainWindow::unsavedWorkSurvivesACrash() {
  WindowDriver& hand = *hand_;
  // What a killed program leaves: its file, and a lock whose process is gone.
  graph::Project lost = smallProject();
  lost.run.epochs = 77;
  const QString file = QDir(hand.recovery().folder()).filePath("lost.recovery");
  hand.recovery().writeLater(file, "lost", lost);
  hand.recovery().wait();
  hand.window().offerRecovery();
  QVERIFY(hand.window().messages().text("recovery").contains("lost"));
  pressRecovery(hand, "Restore");
  QCOMPARE(hand.document().project().run.epochs, int64_t{77});
  QVERIFY(hand.document().isModified());
  QCOMPARE(hand.document().title(), QString("lost"));
  hand.recovery().wait();
  QVERIFY(!QFileInfo::exists(file));
  // The restored work is kept in turn, and its own program does not offer it.
  const QString kept = hand.window().current().autosave().file();
  QVERIFY(QFileInfo::exists(kept));
  QVERIFY(hand.recovery().orphans().empty());
  hand.destroyWindow();
  hand.recovery().wait();
  QVERIFY(!QFileInfo::exists(kept));
}

void TestMainWindow::oneBarOffersAllLostWork() {
  WindowDriver& hand = *hand_;
  for (const char* name : {"first", "second", "third"}) {
    graph::Project lost = smallProject();
    lost.run.epochs = 50;
    hand.recovery().writeLater(QDir(hand.recovery().folder()).filePath(QString(name) + ".recovery"),
                               name, lost);
  }
  hand.recovery().wait();
  hand.window().offerRecovery();
  const QString text = hand.window().messages().text("recovery");
  for (const char* name : {"first", "second", "third"}) QVERIFY(text.contains(name));
  QCOMPARE(hand.window().messages().findChildren<widgets::MessageBar*>().size(), 1);
  QTest::qWait(50);
  screenshot(hand.window(), "recovery-light");
  pressRecovery(hand, "Restore all");
  QCOMPARE(hand.window().documentCount(), 3);
  QCOMPARE(hand.document().project().run.epochs, int64_t{50});
  QVERIFY(hand.window().messages().text("recovery").isEmpty());
  hand.recovery().wait();
  QVERIFY(hand.recovery().orphans().empty());
}

void TestMainWindow::aFittedDrawingStaysFitted() {
  WindowDriver& hand = *hand_;
  hand.window().openExample("lenet");
  hand.key(Qt::Key_9, Qt::ControlModifier);
  const auto seesAll = [&] {
    const QRectF seen = hand.view().mapToScene(hand.view().viewport()->rect()).boundingRect();
    return seen.contains(hand.scene().extent());
  };
  for (const QSize size : {QSize(1000, 620), QSize(1800, 1000), QSize(1100, 1000)}) {
    hand.window().resize(size);
    QTest::qWait(60);
    QVERIFY(seesAll());
    const qreal followed = hand.view().zoom();
    hand.view().fit();
    QCOMPARE(followed, hand.view().zoom());
  }
  // Where someone has moved to stays in sight.
  hand.view().setZoom(2, hand.view().viewport()->rect().center());
  hand.view().ensureVisible(*hand.scene().nodeRect(hand.graph().nodes.back().id));
  hand.window().resize(1300, 800);
  QTest::qWait(60);
  QCOMPARE(hand.view().zoom(), 2.0);
  hand.view().fit();
  hand.view().centerOn(hand.view().mapToScene(0, 0));
  const qreal zoom = hand.view().zoom();
  hand.window().resize(1300, 1000);
  QTest::qWait(60);
  QCOMPARE(hand.view().zoom(), zoom);
}

void TestMainWindow::theMenuShowsTheTheme() {
  WindowDriver& hand = *hand_;
  hand.window().setTheme(widgets::ThemeKind::Dark);
  const auto back = qScopeGuard([&] { hand.window().setTheme(widgets::ThemeKind::Light); });
  for (QMenu* menu : hand.window().findChildren<QMenu*>()) {
    if (menu->title() != "&Theme") continue;
    menu->popup({0, 0});
    QStringList ticked;
    for (const QAction* action : menu->actions()) {
      if (action->isChecked()) ticked << action->text();
    }
    menu->close();
    QCOMPARE(ticked, QStringList("D&ark"));
    return;
  }
  QFAIL("no menu of themes");
}

void TestMainWindow::anExampleIsAnUntitledCopy() {
  WindowDriver& hand = *hand_;
  hand.window().openExample("lenet");
  QCOMPARE(hand.document().title(), QString("lenet"));
  QVERIFY(hand.document().path().isEmpty());
  QVERIFY(!hand.document().isModified());
  QCOMPARE(hand.window().documentCount(), 1);  // it took the place of the empty one
  QVERIFY(hand.document().inference().ok());
  QTest::qWait(100);
  screenshot(hand.window(), "window-first-light");
}

void TestMainWindow::theExampleTrainsAtOnePress() {
  WindowDriver& hand = *hand_;
  hand.window().openExample("lenet");
  hand.clickNode(hand.graph().nodes[1].id);
  hand.clickAction(hand.window().trainBar().trainAction());
  const auto& steps = hand.window().current().chart()->history();
  QVERIFY(runUntil([&] { return steps.steps().size() > 1000; }, 300000));
  QTest::qWait(100);
  screenshot(hand.window(), "training-light");
  hand.clickAction(hand.window().trainBar().stopAction());
  QVERIFY(runUntil([&] { return hand.session().state() == State::Idle; }));
  screenshot(hand.window(), "main-light");
  hand.window().toggleTheme();
  QTest::qWait(100);
  screenshot(hand.window(), "main-dark");
  hand.window().toggleTheme();
}

void TestMainWindow::theWindowAndTheCommandLineTrainAlike() {
  WindowDriver& hand = *hand_;
  hand.window().openExample("spirals");
  hand.clickAction(hand.window().trainBar().trainAction());
  QVERIFY(
      runUntil([&] { return hand.session().hasWeights() && !hand.session().isActive(); }, 60000));
  const QString weights = hand.path("window.safetensors");
  hand.session().exportWeights(weights, io::StateFormat::Safetensors);
  QVERIFY(runUntil([&] { return QFile::exists(weights); }));

  QProcess line;
  line.start(
      NW_BINARY_DIR "/bin/netwright-cli",
      {"train", NW_SOURCE_DIR "/resources/examples/spirals.netwright", "--out", hand.path("line")});
  QVERIFY(line.waitForFinished(60000));
  QCOMPARE(line.exitCode(), 0);
  QVERIFY(read_file(weights.toStdString()) ==
          read_file(hand.path("line/spirals.safetensors").toStdString()));
}

void TestMainWindow::theInvitationInsertsAnExample() {
  WindowDriver& hand = *hand_;
  hand.append("ReLU");
  hand.key(Qt::Key_A, Qt::ControlModifier);
  hand.view().setFocus();
  hand.key(Qt::Key_A, Qt::ControlModifier);
  hand.key(Qt::Key_Delete);
  QVERIFY(hand.graph().nodes.empty());
  QTest::qWait(50);
  screenshot(hand.window(), "window-empty-light");
  emit hand.view().templateRequested("spirals");
  QCOMPARE(hand.document().project().run.data.id, std::string("spirals"));
  QVERIFY(hand.document().inference().ok());
  hand.key(Qt::Key_Z, Qt::ControlModifier);  // one step, and what was before can come back too
  QVERIFY(hand.graph().nodes.empty());
  hand.key(Qt::Key_Z, Qt::ControlModifier);
  QCOMPARE(hand.graph().nodes.size(), size_t{1});
}

void TestMainWindow::searchFindsBlocksNodesAndCommands() {
  WindowDriver& hand = *hand_;
  const auto search = [&](const QString& text) {
    hand.key(Qt::Key_K, Qt::ControlModifier);
    QTest::keyClicks(QApplication::focusWidget(), text);
    QTest::keyClick(QApplication::focusWidget(), Qt::Key_Return);
    QTest::qWait(20);
  };
  search("add conv2d");
  QCOMPARE(hand.graph().nodes.size(), size_t{1});
  const NodeId conv = hand.newest();
  search("add relu");
  QCOMPARE(hand.scene().selectedIds(), QVector<NodeId>{hand.newest()});
  search("go to conv2d");
  QCOMPARE(hand.scene().selectedIds(), QVector<NodeId>{conv});
  search("undo");
  QCOMPARE(hand.graph().nodes.size(), size_t{1});
}

void TestMainWindow::theLayoutIsRemembered() {
  QTemporaryDir folder;
  app::Settings settings(folder.filePath("settings.ini"));
  app::RecoveryStore recovery(folder.filePath("recovery"));
  {
    MainWindow window(settings, recovery);
    window.show();
    window.panels()[1]->close();
    QVERIFY(window.close());
  }
  MainWindow window(settings, recovery);
  window.show();
  QVERIFY(window.panels()[0]->isVisible());
  QVERIFY(!window.panels()[1]->isVisible());
}

void TestMainWindow::themesSwitch() {
  WindowDriver& hand = *hand_;
  QVERIFY(!widgets::Theme::of(&hand.window()).dark);
  hand.window().toggleTheme();
  QVERIFY(widgets::Theme::of(&hand.window()).dark);
  hand.window().toggleTheme();
  QVERIFY(!widgets::Theme::of(&hand.window()).dark);
}

void TestMainWindow::closingWhileTrainingStopsTheRun() {
  WindowDriver& hand = *hand_;
  graph::Project project = smallProject();
  project.run.epochs = 100000;
  hand.document().adopt(project, "long", false);
  hand.key(Qt::Key_F5);
  QVERIFY(runUntil([&] { return hand.session().state() == State::Running; }));
  QElapsedTimer clock;
  clock.start();
  QVERIFY(hand.window().close());
  QVERIFY(hand.session().state() == State::Idle);
  qInfo("closing took %.0f ms", double(clock.elapsed()));
}

void TestMainWindow::anEmptyDrawingIsNoProblem() {
  const QTabBar* pages = hand_->window().panels().back()->tabs();
  const auto problems = [&] { return pages->tabText(2); };
  QCOMPARE(problems(), QString("Problems"));
  hand_->clickAction(hand_->window().trainBar().trainAction());
  QVERIFY(!hand_->session().isActive());
  QVERIFY(hand_->window().messages().text("run").startsWith("Nothing to train yet"));
  // From the first block on, what is missing is told.
  hand_->append("Linear");
  QVERIFY2(problems().startsWith("Problems ("), qPrintable(problems()));
  hand_->key(Qt::Key_Delete);
  QCOMPARE(hand_->graph().nodes.size(), size_t{0});
  QCOMPARE(problems(), QString("Problems"));
}

int main(int argc, char** argv) {
  QApplication::setAttribute(Qt::AA_DontUseNativeDialogs);
  QApplication application(argc, argv);
  TestMainWindow test;
  return QTest::qExec(&test, argc, argv);
}

#include "test_main_window.moc"
