#include "widgets/training/rate_preview.h"

#include <qcustomplot.h>

#include <QEvent>
#include <QVBoxLayout>
#include <algorithm>

#include "widgets/charts/tickers.h"
#include "widgets/controls/text_label.h"
#include "widgets/style/theme.h"
#include "widgets/training/figures.h"

namespace nw::widgets {

namespace {

constexpr int kHeight = 96;
constexpr double kAir = 1.08;  // above the highest rate

}  // namespace

RatePreview::RatePreview(QWidget* parent)
    : QWidget(parent), plot_(new QCustomPlot), graph_(nullptr), note_(TextLabel::note({})) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(Theme::kPadding);
  layout->addWidget(plot_);
  layout->addWidget(note_);
  plot_->setFixedHeight(kHeight);
  // It answers to nothing: the wheel is the form's, which scrolls.
  plot_->setAttribute(Qt::WA_TransparentForMouseEvents);
  plot_->setFocusPolicy(Qt::NoFocus);
  plot_->axisRect()->setMinimumMargins(QMargins(40, 6, 8, 18));
  plot_->xAxis->setTicker(QSharedPointer<StepTicker>::create());
  auto figures = QSharedPointer<FigureTicker>::create(false);
  figures->setTickCount(3);
  plot_->yAxis->setTicker(figures);
  graph_ = plot_->addGraph();
  setAccessibleName(tr("Learning rate over the run"));
  restyle();
}

QString RatePreview::note() const {
  return note_->text();
}

QString RatePreview::wordsFor(const train::PlannedRates& plan, qint64 epochs) const {
  if (plan.rates.empty()) {
    return tr("The learning rate over the run is drawn here as soon as the data set can be read.");
  }
  const double first = plan.rates.front();
  const double last = plan.rates.back();
  const double most = *std::max_element(plan.rates.begin(), plan.rates.end());
  QStringList parts;
  if (most > std::max(first, last)) {
    parts << tr("Over the epochs from %1 up to %2 and down to %3.")
                 .arg(figure(first), figure(most), figure(last));
  } else if (first != last) {
    parts << tr("Over the epochs from %1 to %2.").arg(figure(first), figure(last));
  } else {
    parts << tr("At %1 in each batch.").arg(figure(first));
  }
  const qint64 shown = qint64(plan.rates.size()) / plan.per_epoch;
  if (shown < epochs) parts << tr("The first %1 epochs are shown.").arg(groupedDigits(shown));
  if (plan.depends_on_validation) {
    parts << tr("It falls when the validation gets no better, which is not in the picture.");
  }
  return parts.join(QLatin1Char(' '));
}

void RatePreview::setPlan(const train::PlannedRates& plan, qint64 epochs) {
  curve_.clear();
  const double step = 1.0 / double(plan.per_epoch);
  double most = 0;
  for (size_t i = 0; i < plan.rates.size(); ++i) {
    curve_.append(QPointF(double(i) * step, plan.rates[i]));
    most = std::max(most, plan.rates[i]);
  }
  // The last rate holds until its epoch or batch is over.
  if (!curve_.isEmpty()) curve_.append(QPointF(curve_.last().x() + step, curve_.last().y()));
  QVector<QCPGraphData> points;
  points.reserve(curve_.size());
  for (const QPointF& point : curve_) points.append(QCPGraphData(point.x(), point.y()));
  graph_->data()->set(points, true);
  graph_->setLineStyle(QCPGraph::lsStepLeft);
  plot_->xAxis->setRange(0, curve_.isEmpty() ? double(epochs) : curve_.last().x());
  plot_->yAxis->setRange(0, most > 0 ? most * kAir : 1);
  plot_->setVisible(!curve_.isEmpty());
  note_->setText(wordsFor(plan, epochs));
  setAccessibleDescription(note_->text());
  plot_->replot(QCustomPlot::rpQueuedReplot);
}

void RatePreview::restyle() {
  const Theme theme = Theme::of(this);
  const QPen line = theme.gridPen();
  plot_->setBackground(QBrush(theme.window));
  for (QCPAxis* axis : {plot_->xAxis, plot_->yAxis}) {
    axis->setBasePen(axis == plot_->xAxis ? line : QPen(Qt::NoPen));
    axis->setTickPen(Qt::NoPen);
    axis->setSubTickPen(Qt::NoPen);
    axis->setTickLabelColor(theme.secondary);
    axis->setTickLabelFont(uiFont(Theme::kSecondaryPx));
    axis->setTickLabelPadding(Theme::kPadding);
    axis->grid()->setZeroLinePen(Qt::NoPen);
    axis->grid()->setPen(axis == plot_->xAxis ? QPen(Qt::NoPen) : line);
  }
  graph_->setPen(QPen(theme.curve(), 2, Qt::SolidLine, Qt::FlatCap, Qt::MiterJoin));
  plot_->replot(QCustomPlot::rpQueuedReplot);
}

void RatePreview::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange) restyle();
}

}  // namespace nw::widgets
