#include "app/windows/train_bar.h"

#include <QAction>
#include <QEvent>
#include <QStackedWidget>
#include <QToolButton>

#include "app/windows/device_button.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"
#include "widgets/training/progress_strip.h"

namespace nw::app {
namespace {

using State = TrainingSession::State;

constexpr int kProgressWidth = 300;

constexpr auto kAccentSheet =
    "QToolButton:enabled { background: %1; color: %2; } QToolButton:enabled:hover, "
    "QToolButton:pressed { background: %3; } QToolButton:focus { border-color: %4; }";

QAction* makeAction(QToolBar* bar, const QString& icon, const QString& text,
                    const QKeySequence& keys, const QString& tip) {
  QAction* action = bar->addAction(widgets::icon(icon), text);
  action->setShortcut(keys);
  action->setToolTip(QString("%1 (%2)").arg(tip, keys.toString(QKeySequence::NativeText)));
  return action;
}

}  // namespace

TrainBar::TrainBar(QWidget* parent) : QToolBar(tr("Training"), parent) {
  setObjectName("trainBar");
  setMovable(false);
  setIconSize({widgets::Theme::kIconPx, widgets::Theme::kIconPx});
  train_ = makeAction(this, "play", tr("Train"), Qt::Key_F5, tr("Train the network"));
  pause_ = makeAction(this, "pause", tr("Pause"), Qt::Key_F6, tr("Pause after this batch"));
  stop_ = makeAction(this, "stop", tr("Stop"), QKeySequence(Qt::SHIFT | Qt::Key_F5),
                     tr("End the run after this batch; the weights stay"));
  step_ = makeAction(this, "step", tr("Step"), Qt::Key_F10, tr("Train one batch, then pause"));
  for (QAction* action : {train_, step_}) {
    auto* button = qobject_cast<QToolButton*>(widgetForAction(action));
    button->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
  }
  showAccent();

  addSeparator();
  device_ = new DeviceButton(this);
  addWidget(device_);
  addSeparator();
  progress_ = new QStackedWidget(this);
  progress_->setMinimumWidth(kProgressWidth);
  progress_->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
  addWidget(progress_);
  addSeparator();

  connect(train_, &QAction::triggered, this, &TrainBar::trainRequested);
  connect(step_, &QAction::triggered, this, &TrainBar::stepRequested);
  connect(pause_, &QAction::triggered, this, [this] { workspace_->session().pause(); });
  connect(stop_, &QAction::triggered, this, [this] { workspace_->session().stop(); });
  connect(device_, &DeviceButton::chosen, this, [this](const QString& device) {
    graph::RunSettings settings = workspace_->document().project().run;
    settings.device = device.toStdString();
    workspace_->document().setRun(settings);
  });
}

void TrainBar::changeEvent(QEvent* event) {
  QToolBar::changeEvent(event);
  if (event->type() == QEvent::PaletteChange && train_) showAccent();
}

/// The one button that a newcomer is to press stands out.
void TrainBar::showAccent() {
  const widgets::Theme theme = widgets::Theme::of(this);
  const QString sheet =
      QString(kAccentSheet)
          .arg(theme.accent.name(), theme.onAccent.name(),
               widgets::mix(theme.accent, Qt::black, 0.12).name(), theme.text.name());
  QWidget* button = widgetForAction(train_);
  if (button->styleSheet() == sheet) return;
  button->setStyleSheet(sheet);
  train_->setIcon(widgets::icon("play", theme.onAccent));
}

void TrainBar::setWorkspace(Workspace* workspace) {
  if (workspace_) {
    workspace_->session().disconnect(this);
    workspace_->document().disconnect(this);
  }
  workspace_ = workspace;
  if (progress_->indexOf(workspace->progress()) < 0) progress_->addWidget(workspace->progress());
  progress_->setCurrentWidget(workspace->progress());
  connect(&workspace->session(), &TrainingSession::stateChanged, this, &TrainBar::showState);
  connect(&workspace->document(), &Document::changed, this, [this](const Change& change) {
    if (change.aspects & Aspect::Run) showDevice();
  });
  showState();
  showDevice();
}

void TrainBar::showState() {
  const State state = workspace_->session().state();
  const bool paused = state == State::Paused;
  train_->setText(paused ? tr("Resume") : tr("Train"));
  train_->setEnabled(state == State::Idle || paused);
  pause_->setEnabled(state == State::Preparing || state == State::Running);
  stop_->setEnabled(workspace_->session().isActive() && state != State::Stopping);
  step_->setEnabled(state == State::Idle || paused);
  device_->setEnabled(state == State::Idle);
}

void TrainBar::showDevice() {
  device_->setSetting(QString::fromStdString(workspace_->document().project().run.device));
}

}  // namespace nw::app
