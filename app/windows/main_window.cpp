#include "app/windows/main_window.h"

#include <QApplication>
#include <QLabel>
#include <QShowEvent>
#include <QStackedWidget>
#include <QStatusBar>
#include <QTabBar>
#include <QTabWidget>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>

#include "app/document/examples.h"
#include "app/windows/device_button.h"
#include "app/windows/main_menu.h"
#include "app/windows/panel_dock.h"
#include "app/windows/train_bar.h"
#include "widgets/canvas/canvas_scene.h"
#include "widgets/canvas/canvas_view.h"
#include "widgets/charts/curves_chart.h"
#include "widgets/inspector/inspector.h"
#include "widgets/palette/block_palette.h"
#include "widgets/problems/problems_panel.h"
#include "widgets/style/icons.h"
#include "widgets/training/figures.h"
#include "widgets/training/run_settings_form.h"

namespace nw::app {
namespace {

using Tone = MessageArea::Tone;

constexpr int kPaletteWidth = 240;
constexpr int kInspectorWidth = 320;
constexpr int kSearchWidth = 240;
constexpr int kCloseIcon = 12;
constexpr QSize kFirstSize(1440, 900);
constexpr double kBottomShare = 0.3;

/// Shows `page` in front, taking it in when it is new here.
void bringForward(QStackedWidget* stack, QWidget* page) {
  if (stack->indexOf(page) < 0) stack->addWidget(page);
  stack->setCurrentWidget(page);
}

}  // namespace

MainWindow::MainWindow(Settings& settings, RecoveryStore& recovery, QWidget* parent)
    : QMainWindow(parent), settings_(settings), recovery_(recovery) {
  setObjectName("mainWindow");
  auto* middle = new QWidget(this);
  auto* layout = new QVBoxLayout(middle);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  messages_ = new MessageArea(middle);
  tabs_ = new QTabWidget(middle);
  tabs_->setMovable(true);
  tabs_->setDocumentMode(true);
  layout->addWidget(messages_);
  layout->addWidget(tabs_, 1);
  setCentralWidget(middle);
  connect(tabs_, &QTabWidget::currentChanged, this, &MainWindow::showCurrent);

  buildBar();
  buildPanels();
  buildStatus();
  menu_ = new MainMenu(*this, history_, settings_);
  addWorkspace();
  restoreLayout();
}

MainWindow::~MainWindow() {
  tabs_->disconnect(this);
  for (Workspace* workspace : workspaces_) delete workspace;
}

void MainWindow::buildBar() {
  bar_ = new TrainBar(this);
  addToolBar(bar_);
  setContextMenuPolicy(Qt::NoContextMenu);
  connect(bar_, &TrainBar::trainRequested, this, &MainWindow::train);
  connect(bar_, &TrainBar::stepRequested, this, &MainWindow::stepOnce);
  search_ = new CommandSearch([this] { return commands(); }, this);
  search_->setFixedWidth(kSearchWidth);
  bar_->addWidget(search_);
  QAction* theme = bar_->addAction(widgets::icon("theme"), tr("Light or dark"));
  connect(theme, &QAction::triggered, this, &MainWindow::toggleTheme);
}

void MainWindow::buildPanels() {
  blocks_ = new PanelDock("blocks", tr("Blocks"), PanelDock::Header::Title, this);
  palette_ = new widgets::BlockPalette;
  blocks_->addPage(palette_);
  addDockWidget(Qt::LeftDockWidgetArea, blocks_);
  connect(palette_, &widgets::BlockPalette::blockActivated, this,
          [this](const QString& block) { current().append(block); });

  inspectorDock_ = new PanelDock("inspector", tr("Inspector"), PanelDock::Header::Title, this);
  inspectors_ = new QStackedWidget;
  inspectorDock_->addPage(inspectors_);
  addDockWidget(Qt::RightDockWidgetArea, inspectorDock_);

  bottom_ = new PanelDock("bottom", tr("Charts and training"), PanelDock::Header::Tabs, this);
  charts_ = new QStackedWidget;
  forms_ = new QStackedWidget;
  problemLists_ = new QStackedWidget;
  bottom_->addPage(charts_, tr("Charts"));
  bottom_->addPage(forms_, tr("Training"));
  bottom_->addPage(problemLists_, tr("Problems"));
  addDockWidget(Qt::BottomDockWidgetArea, bottom_);
  connect(bottom_, &PanelDock::pageShown, this, &MainWindow::showPage);
}

void MainWindow::buildStatus() {
  summary_ = new QLabel(this);
  saved_ = new QLabel(this);
  statusBar()->addWidget(summary_);
  statusBar()->addPermanentWidget(saved_);
  statusBar()->setSizeGripEnabled(false);
  statusBar()->setContentsMargins(8, 0, 8, 0);
}

void MainWindow::restoreLayout() {
  resize(kFirstSize);
  resizeDocks({blocks_, inspectorDock_}, {kPaletteWidth, kInspectorWidth}, Qt::Horizontal);
  resizeDocks({bottom_}, {static_cast<int>(kFirstSize.height() * kBottomShare)}, Qt::Vertical);
  if (!settings_.geometry().isEmpty()) restoreGeometry(settings_.geometry());
  if (!settings_.layout().isEmpty()) restoreState(settings_.layout());
}

void MainWindow::showEvent(QShowEvent* event) {
  QMainWindow::showEvent(event);
  // The panels take their places only now, and the canvas its size with them.
  if (!event->spontaneous()) {
    QMetaObject::invokeMethod(
        this, [this] { current().showWhole(); }, Qt::QueuedConnection);
  }
}

std::vector<PanelDock*> MainWindow::panels() const {
  return {blocks_, inspectorDock_, bottom_};
}

Workspace* MainWindow::workspaceAt(int tab) const {
  const QWidget* canvas = tabs_->widget(tab);
  const auto found = std::find_if(workspaces_.begin(), workspaces_.end(),
                                  [&](const Workspace* w) { return w->canvas() == canvas; });
  return found == workspaces_.end() ? nullptr : *found;
}

Workspace& MainWindow::current() const {
  return *workspaceAt(tabs_->currentIndex());
}

int MainWindow::documentCount() const {
  return tabs_->count();
}

Workspace& MainWindow::addWorkspace() {
  auto* workspace = new Workspace(recovery_);
  workspaces_.push_back(workspace);
  history_.addStack(&workspace->document().history());
  connectWorkspace(workspace);
  const int tab = tabs_->addTab(workspace->canvas(), workspace->document().title());
  tabs_->tabBar()->setTabButton(tab, QTabBar::RightSide, closeButton(workspace));
  tabs_->setCurrentIndex(tab);
  showTitles();
  return *workspace;
}

QWidget* MainWindow::closeButton(Workspace* workspace) {
  auto* button = new QToolButton(tabs_);
  button->setIcon(widgets::icon("close"));
  button->setIconSize({kCloseIcon, kCloseIcon});
  button->setToolTip(tr("Close"));
  button->setAccessibleName(tr("Close document"));
  button->setFocusPolicy(Qt::NoFocus);
  connect(button, &QToolButton::clicked, workspace, [this, workspace] {
    tabs_->setCurrentWidget(workspace->canvas());
    closeCurrent();
  });
  return button;
}

Workspace& MainWindow::workspaceToFill() {
  Workspace& front = current();
  const bool unused =
      front.document().isPristine() && !front.session().isActive() && !front.session().hasWeights();
  return unused ? front : addWorkspace();
}

void MainWindow::connectWorkspace(Workspace* workspace) {
  QVector<widgets::CanvasTemplate> templates;
  for (const Example& example : examples()) {
    templates.append({example.name, example.title, example.summary, example.icon});
  }
  workspace->canvas()->setTemplates(templates);
  connect(workspace, &Workspace::templateRequested, this, [this, workspace](const QString& name) {
    const QString error = workspace->insertExample(name);
    if (!error.isEmpty()) messages_->show("open", Tone::Error, error);
  });
  connect(workspace, &Workspace::refused, this,
          [this](const QString& why) { messages_->show("edit", Tone::Info, why); });
  connect(workspace, &Workspace::runFailed, this,
          [this, workspace](const QString& text) { tellFailure(*workspace, text); });
  connect(&workspace->session(), &TrainingSession::exported, this, &MainWindow::tellExport);
  connect(&workspace->document(), &Document::changed, this,
          [this, workspace](const Change& change) {
            if (change.aspects != Aspects(Aspect::File)) messages_->dismiss("edit");
            showTitles();
            if (workspace == &current()) showStatus();
          });
}

void MainWindow::showCurrent() {
  Workspace* workspace = workspaceAt(tabs_->currentIndex());
  if (!workspace) return;
  history_.setActiveStack(&workspace->document().history());
  bringForward(inspectors_, workspace->inspector());
  bringForward(charts_, workspace->chartPage());
  bringForward(problemLists_, workspace->problems());
  bar_->setWorkspace(workspace);
  showPage(bottom_->currentPage());
  showStatus();
  emit currentChanged();
}

void MainWindow::showPage(int page) {
  if (page == static_cast<int>(Page::Training)) bringForward(forms_, current().settingsForm());
}

void MainWindow::showTitles() {
  for (int tab = 0; tab < tabs_->count(); ++tab) {
    Document& document = workspaceAt(tab)->document();
    tabs_->setTabText(tab, document.title() + (document.isModified() ? " •" : ""));
    tabs_->setTabToolTip(tab, document.path());
  }
  if (tabs_->count() == 0) return;
  setWindowTitle(tr("%1[*] · Netwright").arg(current().document().title()));
  setWindowModified(current().document().isModified());
}

void MainWindow::showStatus() {
  Document& document = current().document();
  summary_->setText(
      widgets::statusSummary(document.inference(), document.project().run.batch_size));
  if (document.isModified()) {
    saved_->setText(tr("not saved"));
  } else if (document.savedAt().isValid()) {
    saved_->setText(tr("saved %1").arg(document.savedAt().toString("HH:mm")));
  } else {
    saved_->clear();
  }
  const int problems = current().problems()->count();
  bottom_->setPageTitle(static_cast<int>(Page::Problems),
                        problems == 0 ? tr("Problems") : tr("Problems (%1)").arg(problems));
  showTitles();
}

void MainWindow::tellFailure(Workspace& workspace, const QString& text) {
  // The run of another tab is told by its name.
  const QString where =
      &workspace == &current() ? QString() : workspace.document().title() + QStringLiteral(": ");
  QString words;
  if (workspace.session().canGoOn()) words = tr("Resume");
  messages_->show("run", Tone::Error, where + text, words,
                  [this, failed = QPointer<Workspace>(&workspace)] {
                    if (!failed) return;
                    tabs_->setCurrentWidget(failed->canvas());
                    bottom_->showPage(static_cast<int>(Page::Charts));
                    failed->goOn();
                  });
}

bool MainWindow::readyToTrain() {
  if (current().document().graph().nodes.empty()) {
    messages_->show("run", Tone::Info,
                    tr("Nothing to train yet: drag a block onto the canvas, press Ctrl+K, or start "
                       "from a network that already runs."));
    return false;
  }
  current().document().refreshData();
  const graph::Inference& inference = current().document().inference();
  if (inference.ok()) return true;
  const auto worst = std::find_if(
      inference.problems.begin(), inference.problems.end(),
      [](const graph::Problem& problem) { return problem.severity == graph::Severity::Error; });
  messages_->show("run", Tone::Error, QString::fromStdString(worst->text), tr("Show"),
                  [this, node = worst->node] {
                    bottom_->showPage(static_cast<int>(Page::Problems));
                    if (node != graph::kNoNode) current().canvas()->reveal(node);
                  });
  return false;
}

void MainWindow::train() {
  if (!current().session().isActive()) {
    if (!readyToTrain()) return;
    bottom_->showPage(static_cast<int>(Page::Charts));
  }
  messages_->dismiss("run");
  current().train();
}

void MainWindow::stepOnce() {
  if (!current().session().isActive() && !readyToTrain()) return;
  messages_->dismiss("run");
  current().step();
}

void MainWindow::setTheme(widgets::ThemeKind theme) {
  settings_.setTheme(theme);
  widgets::applyTheme(*qApp, theme);
}

void MainWindow::toggleTheme() {
  setTheme(widgets::Theme::of(this).dark ? widgets::ThemeKind::Light : widgets::ThemeKind::Dark);
}

void MainWindow::focusSearch() {
  search_->setFocus(Qt::ShortcutFocusReason);
  search_->selectAll();
}

std::vector<Command> MainWindow::commands() {
  std::vector<Command> found;
  // Enter takes the first that fits: the common blocks stand before the others.
  for (const bool common : {true, false}) {
    for (const nn::Block& block : nn::blocks().all()) {
      if (block.common != common) continue;
      const QString id = QString::fromStdString(block.id);
      found.push_back({widgets::blockIcon(id), tr("Add %1").arg(id),
                       [this, id] { current().append(id); },
                       QString::fromStdString(block.synonyms)});
    }
  }
  const graph::Graph& graph = current().document().graph();
  for (const graph::Node& node : graph.nodes) {
    const QString block = QString::fromStdString(node.block);
    found.push_back({widgets::blockIcon(block), tr("Go to %1").arg(current().nodeTitle(node)),
                     [this, id = node.id] { current().canvas()->reveal(id); }});
  }
  DeviceButton& device = bar_->device();
  for (const DeviceButton::Offer& offer : device.offers()) {
    if (!device.isEnabled()) break;
    found.push_back({widgets::icon("play"), tr("Device: %1").arg(offer.title),
                     [&device, setting = offer.setting] { device.choose(setting); },
                     tr("device processes ddp data parallel distributed ranks gpu")});
  }
  for (QAction* action : menu_->actions()) {
    if (!action->isEnabled()) continue;
    QString title = action->text();
    title.remove('&');
    found.push_back({action->icon(), title, [action] { action->trigger(); }});
  }
  return found;
}

}  // namespace nw::app
