#include "widgets/training/progress_strip.h"

#include <QHBoxLayout>
#include <QPainter>
#include <algorithm>

#include "widgets/controls/text_label.h"
#include "widgets/style/theme.h"
#include "widgets/training/figures.h"

namespace nw::widgets {

namespace {

/// Upper bar: the batches of this epoch. Lower, thinner one: the whole run.
class RunBar : public QWidget {
 public:
  RunBar() {
    setMinimumWidth(64);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    setAccessibleName(ProgressStrip::tr("Progress"));
  }

  void set(double epochShare, double runShare) {
    epochShare_ = std::clamp(epochShare, 0.0, 1.0);
    runShare_ = std::clamp(runShare, 0.0, 1.0);
    setAccessibleDescription(percent(runShare_));
    setToolTip(
        ProgressStrip::tr("Epoch: %1, run: %2").arg(percent(epochShare_), percent(runShare_)));
    update();
  }
  void setActive(bool active) {
    active_ = active;
    update();
  }
  QSize sizeHint() const override { return QSize(140, kHeight); }

 protected:
  void paintEvent(QPaintEvent*) override {
    const Theme theme = Theme::of(this);
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    const QColor fill = active_ ? theme.accent : theme.wire;
    const QColor groove = theme.highContrast ? theme.dots : theme.line;
    drawBar(painter, QRectF(0, 0, width(), 6), epochShare_, groove, fill);
    drawBar(painter, QRectF(0, 8, width(), 2), runShare_, groove, fill);
  }

 private:
  static constexpr int kHeight = 10;

  static void drawBar(QPainter& painter, QRectF bar, double share, const QColor& groove,
                      const QColor& fill) {
    const qreal radius = bar.height() / 2;
    painter.setBrush(groove);
    painter.drawRoundedRect(bar, radius, radius);
    if (share <= 0) return;
    bar.setWidth(std::max(bar.height(), bar.width() * share));
    painter.setBrush(fill);
    painter.drawRoundedRect(bar, radius, radius);
  }

  double epochShare_ = 0;
  double runShare_ = 0;
  bool active_ = true;
};

}  // namespace

struct ProgressStrip::Parts {
  State state = State::Ready;
  train::Started started;
  train::StepDone last;
  std::optional<double> testAccuracy;
  std::optional<double> testLoss;
  QString detail;
  QString obstacle;

  TextLabel* lead = new TextLabel;
  RunBar* bar = new RunBar;
  TextLabel* rest = new TextLabel({}, TextLabel::Tone::Secondary);

  void refresh();
  QString leadText() const;
  QString restText() const;
  QString epochText() const;
};

QString ProgressStrip::Parts::epochText() const {
  return ProgressStrip::tr("epoch %1/%2").arg(std::max<qint64>(1, last.epoch)).arg(started.epochs);
}

QString ProgressStrip::Parts::leadText() const {
  switch (state) {
    case State::Ready:
      return obstacle.isEmpty() ? ProgressStrip::tr("Ready to train") : obstacle;
    case State::Preparing:
      return ProgressStrip::tr("Preparing data and model …");
    case State::Training:
      return epochText();
    case State::Paused:
      return ProgressStrip::tr("Paused · %1").arg(epochText());
    case State::Stopping:
      return ProgressStrip::tr("Stopping …");
    case State::Completed:
      if (testAccuracy && started.classifies) {
        return ProgressStrip::tr("Finished · test accuracy %1").arg(percent(*testAccuracy));
      }
      if (testLoss) return ProgressStrip::tr("Finished · test loss %1").arg(figure(*testLoss));
      return ProgressStrip::tr("Finished");
    case State::Stopped:
      return ProgressStrip::tr("Stopped after %1 steps").arg(groupedDigits(last.step));
    case State::Diverged:
      return ProgressStrip::tr("Diverged at step %1").arg(groupedDigits(last.step));
    case State::Failed:
      break;
  }
  return ProgressStrip::tr("Failed");
}

QString ProgressStrip::Parts::restText() const {
  if (state == State::Training) {
    if (last.samples_per_second <= 0) return {};
    return ProgressStrip::tr("%1 samples/s · %2 left")
        .arg(groupedDigits(std::llround(last.samples_per_second)), duration(last.seconds_left));
  }
  if (state == State::Paused) {
    return ProgressStrip::tr("batch %1/%2")
        .arg(groupedDigits(last.batch), groupedDigits(started.batches));
  }
  return detail;
}

void ProgressStrip::Parts::refresh() {
  const bool warns = state == State::Diverged || state == State::Failed;
  lead->setText(leadText());
  lead->setTone(warns ? TextLabel::Tone::Warning : TextLabel::Tone::Normal);
  rest->setText(restText());
  rest->setVisible(!rest->text().isEmpty());
  // While digits come and go the bar keeps its length.
  const bool steady = state == State::Training;
  rest->setMinimumWidth(steady ? std::max(rest->minimumWidth(), rest->sizeHint().width()) : 0);
  const bool running =
      state == State::Training || state == State::Paused || state == State::Stopping;
  bar->setVisible(running);
  bar->setActive(state == State::Training);
  if (!running || started.batches <= 0 || started.epochs <= 0) return;
  const double epochShare = double(last.batch) / double(started.batches);
  const double total = double(started.batches) * double(started.epochs);
  bar->set(epochShare, double(last.step) / total);
}

ProgressStrip::ProgressStrip(QWidget* parent) : QWidget(parent), parts_(std::make_unique<Parts>()) {
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(Theme::kGrid, 0, Theme::kGrid, 0);
  layout->setSpacing(12);
  layout->addWidget(parts_->lead);
  layout->addWidget(parts_->bar, 1);
  layout->addWidget(parts_->rest);
  layout->addStretch();
  parts_->lead->setAccessibleName(tr("State of the run"));
  setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
  parts_->refresh();
}

ProgressStrip::~ProgressStrip() = default;

QSize ProgressStrip::sizeHint() const {
  return QSize(360, QWidget::sizeHint().height());
}

ProgressStrip::State ProgressStrip::state() const {
  return parts_->state;
}

QString ProgressStrip::text() const {
  const QString rest = parts_->rest->text();
  return rest.isEmpty() ? parts_->lead->text() : parts_->lead->text() + " · " + rest;
}

void ProgressStrip::setState(State state) {
  parts_->state = state;
  parts_->refresh();
}

void ProgressStrip::setReady() {
  parts_->detail.clear();
  setState(State::Ready);
}

void ProgressStrip::setObstacle(const QString& obstacle) {
  if (obstacle == parts_->obstacle) return;
  parts_->obstacle = obstacle;
  parts_->refresh();
}

void ProgressStrip::setPreparing() {
  parts_->detail.clear();
  setState(State::Preparing);
}

void ProgressStrip::setStopping() {
  setState(State::Stopping);
}

void ProgressStrip::handle(const train::Event& event) {
  Parts& parts = *parts_;
  if (const auto* started = std::get_if<train::Started>(&event)) {
    parts.started = *started;
    parts.last = {};
    parts.detail.clear();
    setState(State::Training);
  } else if (const auto* step = std::get_if<train::StepDone>(&event)) {
    parts.last = *step;
    parts.refresh();
  } else if (std::holds_alternative<train::Paused>(event)) {
    setState(State::Paused);
  } else if (std::holds_alternative<train::Resumed>(event)) {
    setState(State::Training);
  } else if (const auto* finished = std::get_if<train::Finished>(&event)) {
    finish(*finished);
  }
}

void ProgressStrip::finish(const train::Finished& finished) {
  parts_->last.step = finished.step;
  parts_->testAccuracy = finished.test_accuracy;
  parts_->testLoss = finished.test_loss;
  setToolTip(QString::fromStdString(finished.text));
  parts_->detail = finished.seconds > 0 ? tr("in %1").arg(duration(finished.seconds)) : QString();
  switch (finished.outcome) {
    case train::Outcome::Completed:
      return setState(State::Completed);
    case train::Outcome::Stopped:
      return setState(State::Stopped);
    case train::Outcome::Diverged:
      return setState(State::Diverged);
    case train::Outcome::Failed:
      return setState(State::Failed);
  }
}

}  // namespace nw::widgets
