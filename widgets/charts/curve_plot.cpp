#include "widgets/charts/curve_plot.h"

#include <qcustomplot.h>

#include <QMouseEvent>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "widgets/charts/crosshair.h"
#include "widgets/charts/curve_data.h"
#include "widgets/charts/tickers.h"
#include "widgets/style/theme.h"
#include "widgets/training/figures.h"

namespace nw::widgets {

namespace {

constexpr int kTopMargin = 10;    // half of the number at the top
constexpr int kLabelMargin = 72;  // right of the plot, for the names of the curves
constexpr int kUnitMargin = 48;   // where a curve stands alone: for the unit of the axis
constexpr int kTickGap = 12;      // px between the numbers of the axis
constexpr double kMostTicks = 6;
constexpr int kLabelHeight = 14;
constexpr double kRawOpacity = 0.25;
constexpr int kManyEpochs = 40;  // lines at the ends of epochs would become a hatching

/// `color`, moved towards the text until it can be read on `under`.
QColor readable(QColor color, const Theme& theme) {
  for (int i = 0; i < 10 && contrast(color, theme.window) < 4.5; ++i) {
    color = mix(color, theme.text, 0.15);
  }
  return color;
}

void setData(QCPGraph* graph, const QVector<QPointF>& points) {
  QVector<QCPGraphData> data;
  data.reserve(points.size());
  for (const QPointF& point : points) data.append(QCPGraphData(point.x(), point.y()));
  graph->data()->set(data, true);
}

}  // namespace

struct CurvePlot::Parts {
  const History& history;
  CurveFigure figure;
  QCustomPlot* plot = nullptr;
  QCPGraph* raw = nullptr;
  QCPGraph* smooth = nullptr;
  QCPGraph* validation = nullptr;
  QSharedPointer<StepTicker> stepTicker = QSharedPointer<StepTicker>::create();
  QCPItemText* trainingLabel = nullptr;
  QCPItemText* validationLabel = nullptr;
  QCPItemText* stepsLabel = nullptr;
  Crosshair* crosshair = nullptr;

  double amount = 0;
  bool logarithmic = false;
  std::optional<std::pair<double, double>> view;
  std::optional<double> crosshairStep;
  std::vector<double> smoothValues;
  CurveData curves;
  QColor color;
  bool settingRange = false;

  Parts(const History& h, CurveFigure f) : history(h), figure(std::move(f)) {}

  void build(CurvePlot* owner);
  void buildLabels();
  void restyle(CurvePlot* owner);
  void styleAxis(QCPAxis* axis, const Theme& theme);
  void fitSteps();
  void fitNumbers();
  void fitValues();
  void showEpochs();
  void placeLabels();
  void showCrosshair(const CurvePlot* owner);
  double lastStep() const;
  double wholeRun() const;
};

void CurvePlot::Parts::build(CurvePlot* owner) {
  plot = new QCustomPlot(owner);
  plot->setMinimumSize(120, 90);
  plot->setMouseTracking(true);
  plot->setNoAntialiasingOnDrag(false);
  plot->setPlottingHint(QCP::phFastPolylines, true);
  plot->setAntialiasedElements(QCP::aePlottables | QCP::aeScatters | QCP::aeItems);
  plot->setInteractions(QCP::iRangeDrag | QCP::iRangeZoom);
  // Steps are zoomed and dragged; the values always fit what is shown.
  plot->axisRect()->setRangeZoom(Qt::Horizontal);
  plot->axisRect()->setRangeDrag(Qt::Horizontal);
  plot->axisRect()->setAutoMargins(QCP::msLeft | QCP::msTop | QCP::msBottom);
  const int right = figure.validation ? kLabelMargin : kUnitMargin;
  plot->axisRect()->setMargins(QMargins(0, 0, right, 0));
  plot->axisRect()->setMinimumMargins(QMargins(40, kTopMargin, right, 18));
  plot->xAxis->setTicker(stepTicker);
  plot->xAxis2->setVisible(true);
  plot->xAxis2->setTickLabels(false);
  plot->xAxis2->setTicker(QSharedPointer<QCPAxisTickerText>::create());
  plot->xAxis2->grid()->setVisible(true);
  raw = plot->addGraph();
  smooth = plot->addGraph();
  validation = plot->addGraph();
  buildLabels();
  crosshair = new Crosshair(plot);
}

void CurvePlot::Parts::buildLabels() {
  for (QCPItemText** label : {&trainingLabel, &validationLabel, &stepsLabel}) {
    *label = new QCPItemText(plot);
    (*label)->setClipToAxisRect(false);
    (*label)->position->setType(QCPItemPosition::ptAbsolute);
    (*label)->setPositionAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    (*label)->setFont(uiFont(Theme::kSecondaryPx));
    (*label)->setVisible(false);
  }
  trainingLabel->setText(CurvePlot::tr("training"));
  validationLabel->setText(CurvePlot::tr("validation"));
  stepsLabel->setText(CurvePlot::tr("steps"));
  stepsLabel->setVisible(true);
}

void CurvePlot::Parts::styleAxis(QCPAxis* axis, const Theme& theme) {
  const QPen line = theme.gridPen();
  axis->setBasePen(axis == plot->xAxis ? line : QPen(Qt::NoPen));
  axis->setTickPen(Qt::NoPen);
  axis->setSubTickPen(Qt::NoPen);
  axis->setTickLabelColor(theme.secondary);
  axis->setTickLabelFont(uiFont(Theme::kSecondaryPx));
  axis->setTickLabelPadding(6);
  axis->grid()->setSubGridVisible(false);
  axis->grid()->setZeroLinePen(Qt::NoPen);
  axis->grid()->setPen(axis == plot->xAxis ? QPen(Qt::NoPen) : line);
}

void CurvePlot::Parts::restyle(CurvePlot* owner) {
  const Theme theme = Theme::of(owner);
  color = theme.curve();
  plot->setBackground(QBrush(theme.window));
  for (QCPAxis* axis : {plot->xAxis, plot->yAxis, plot->xAxis2}) styleAxis(axis, theme);
  QPen dotted = theme.gridPen();
  dotted.setStyle(Qt::DotLine);
  plot->xAxis2->grid()->setPen(dotted);
  // Opaque, and drawn segment by segment: a translucent or joined path of a noisy curve crosses
  // itself thousands of times, which takes the painter a hundred times as long.
  raw->setPen(QPen(mix(theme.window, color, kRawOpacity), 1));
  QPen dashed(color, 2, Qt::CustomDashLine, Qt::FlatCap, Qt::RoundJoin);
  dashed.setDashPattern({3, 2});
  validation->setPen(dashed);
  validation->setScatterStyle(
      QCPScatterStyle(QCPScatterStyle::ssCircle, QPen(color, 2), QBrush(theme.window), 6));
  trainingLabel->setColor(readable(color, theme));
  validationLabel->setColor(readable(color, theme));
  stepsLabel->setColor(theme.secondary);
}

double CurvePlot::Parts::wholeRun() const {
  // A little air, so that the last point stands whole.
  return std::max(lastStep(), 10.0) * 1.01;
}

double CurvePlot::Parts::lastStep() const {
  double last = 0;
  if (!history.steps().empty()) last = double(history.steps().back().step);
  if (!history.epochs().empty()) last = std::max(last, double(history.epochs().back().step));
  return last;
}

void CurvePlot::Parts::fitSteps() {
  const std::vector<StepPoint>& points = history.steps();
  const double first = points.empty() ? 0 : double(points.front().step - points.front().count);
  const auto range = view.value_or(std::make_pair(first, wholeRun()));
  settingRange = true;
  plot->xAxis->setRange(range.first, range.second);
  plot->xAxis2->setRange(plot->xAxis->range());
  settingRange = false;
}

/// The numbers below the axis never touch.
void CurvePlot::Parts::fitNumbers() {
  const QString longest = groupedDigits(std::llround(plot->xAxis->range().upper));
  const double room =
      QFontMetricsF(uiFont(Theme::kSecondaryPx)).horizontalAdvance(longest) + kTickGap;
  const double share = room / std::max(1, plot->axisRect()->width());
  stepTicker->setLeastShare(std::max(share, 1 / kMostTicks));
}

void CurvePlot::Parts::fitValues() {
  const QCPRange steps = plot->xAxis->range();
  const auto values = valueRange(curves, steps.lower, steps.upper, logarithmic);
  double low = values ? values->first : (logarithmic ? 0.1 : 0);
  double high = values ? values->second : 1;
  if (logarithmic) {
    const double pad = std::max(std::pow(high / low, 0.06), 1.02);
    plot->yAxis->setRange(low / pad, high * pad);
    return;
  }
  const double span = std::max(high - low, std::max(std::abs(high) * 0.02, 1e-12));
  const double floor = low - 0.06 * span;
  // A figure that is never negative gets no room below zero, and a share none above one.
  low = low >= 0 ? std::max(0.0, floor) : floor;
  high += 0.06 * span;
  if (figure.share) high = std::min(high, 1.005);
  plot->yAxis->setRange(low, high);
}

void CurvePlot::Parts::showEpochs() {
  auto ticker = QSharedPointer<QCPAxisTickerText>::create();
  if (history.epochs().size() <= size_t(kManyEpochs)) {
    for (const EpochPoint& epoch : history.epochs()) ticker->addTick(double(epoch.step), QString());
  }
  plot->xAxis2->setTicker(ticker);
}

void CurvePlot::Parts::placeLabels() {
  const QRect area = plot->axisRect()->rect();
  const double x = area.right() + 8;
  const auto place = [&](QCPItemText* label, const QVector<QPointF>& points) {
    const auto last = std::find_if(points.rbegin(), points.rend(),
                                   [](const QPointF& point) { return std::isfinite(point.y()); });
    label->setVisible(last != points.rend());
    if (last == points.rend()) return;
    const double y = plot->yAxis->coordToPixel(last->y());
    label->position->setCoords(x, std::clamp(y, double(area.top()), double(area.bottom())));
  };
  // A curve that stands alone is named by the title.
  if (figure.validation) {
    place(trainingLabel, curves.smoothed.isEmpty() ? curves.raw : curves.smoothed);
  }
  place(validationLabel, curves.validation);
  // Clear of the last number of the axis, which stands half beyond its end.
  stepsLabel->position->setCoords(x + 8, area.bottom() + 14);

  if (!trainingLabel->visible() || !validationLabel->visible()) return;
  const double a = trainingLabel->position->coords().y();
  const double b = validationLabel->position->coords().y();
  const double missing = kLabelHeight - std::abs(a - b);
  if (missing <= 0) return;
  // Too close to be read apart: each gives way by half, but stays beside the plot.
  const double middle =
      std::clamp((a + b) / 2, area.top() + kLabelHeight / 2.0, area.bottom() - kLabelHeight / 2.0);
  const double above = middle - kLabelHeight / 2.0;
  trainingLabel->position->setCoords(x, a <= b ? above : above + kLabelHeight);
  validationLabel->position->setCoords(x, a <= b ? above + kLabelHeight : above);
}

void CurvePlot::Parts::showCrosshair(const CurvePlot* owner) {
  const std::vector<StepPoint>& points = history.steps();
  if (!crosshairStep || points.empty()) return crosshair->clear();
  const auto [first, last] = visiblePoints(points, *crosshairStep, *crosshairStep);
  size_t nearest = first;
  for (size_t i = first; i < last; ++i) {
    const auto distance = [&](size_t at) {
      return std::abs(double(points[at].step) - *crosshairStep);
    };
    if (distance(i) < distance(nearest)) nearest = i;
  }
  const StepPoint& point = points[nearest];
  const Spread& spread = point.*figure.training;
  const auto dot = [&](double step, double value) {
    return QPointF(plot->xAxis->coordToPixel(step), plot->yAxis->coordToPixel(value));
  };
  QVector<Crosshair::Line> lines;
  const bool isSmooth = amount > 0 && nearest < smoothValues.size();
  if (isSmooth) {
    const double value = smoothValues[nearest];
    lines.append({CurvePlot::tr("training, smoothed"), owner->valueText(value), color,
                  dot(double(point.step), value)});
  }
  QString rawText = owner->valueText(spread.mean);
  if (point.count > 1) {
    rawText =
        CurvePlot::tr("%1 … %2").arg(owner->valueText(spread.min), owner->valueText(spread.max));
  }
  QColor faint = mix(Theme::of(owner).card, color, isSmooth ? 0.4 : 1);
  lines.append(
      {isSmooth            ? CurvePlot::tr("this batch")
       : figure.validation ? CurvePlot::tr("training")
                           : figure.title,
       rawText, faint,
       isSmooth ? std::nullopt : std::optional<QPointF>(dot(double(point.step), spread.mean))});
  // The validation figure that held at this step: that of the last epoch ended.
  for (auto epoch = history.epochs().rbegin();
       figure.validation && epoch != history.epochs().rend(); ++epoch) {
    if (epoch->step > point.step || !((*epoch).*figure.validation)) continue;
    const double value = *((*epoch).*figure.validation);
    lines.append({CurvePlot::tr("validation, epoch %1").arg(epoch->epoch), owner->valueText(value),
                  color, dot(double(epoch->step), value)});
    break;
  }
  const QString title = CurvePlot::tr("step %1 · epoch %2")
                            .arg(groupedDigits(point.step), groupedDigits(point.epoch));
  crosshair->showAt(plot->xAxis->coordToPixel(double(point.step)), plot->axisRect()->rect(), title,
                    lines);
}

CurvePlot::CurvePlot(CurveFigure figure, const History& history, QWidget* parent)
    : QWidget(parent), parts_(std::make_unique<Parts>(history, std::move(figure))) {
  parts_->build(this);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(parts_->plot);
  parts_->plot->installEventFilter(this);
  parts_->restyle(this);
  setLogarithmic(false);
  connect(parts_->plot, &QCustomPlot::afterLayout, this, [this] { parts_->placeLabels(); });
  connect(parts_->plot, &QCustomPlot::afterReplot, this, [this] { parts_->showCrosshair(this); });
  connect(parts_->plot->xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this,
          &CurvePlot::onRangeChanged);
  setAccessibleName(parts_->figure.title);
  refresh();
}

CurvePlot::~CurvePlot() = default;

void CurvePlot::refresh() {
  Parts& parts = *parts_;
  parts.smoothValues.clear();
  if (parts.amount > 0) {
    parts.smoothValues = smoothed(parts.history.steps(), parts_->figure.training, parts.amount);
  }
  parts.fitSteps();
  parts.fitNumbers();
  const QCPRange steps = parts.plot->xAxis->range();
  parts.curves = curveData(parts.history, parts_->figure.training, parts_->figure.validation,
                           parts.smoothValues, steps.lower, steps.upper,
                           std::max(100, parts.plot->axisRect()->width()));
  const bool smoothing = !parts.smoothValues.empty();
  // Without smoothing the raw curve is the curve.
  setData(parts.raw, smoothing ? parts.curves.raw : QVector<QPointF>());
  setData(parts.smooth, smoothing ? parts.curves.smoothed : parts.curves.raw);
  setData(parts.validation, parts.curves.validation);
  const bool dense = !smoothing && parts.curves.raw.size() > parts.plot->width();
  parts.smooth->setPen(QPen(parts.color, dense ? 1 : 2, Qt::SolidLine, Qt::RoundCap));
  parts.fitValues();
  parts.showEpochs();
  parts.plot->replot(QCustomPlot::rpImmediateRefresh);
}

void CurvePlot::setSmoothing(double amount) {
  parts_->amount = amount;
}

void CurvePlot::setLogarithmic(bool on) {
  Parts& parts = *parts_;
  parts.logarithmic = on;
  parts.plot->yAxis->setScaleType(on ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
  if (on) {
    parts.plot->yAxis->setTicker(QSharedPointer<DecadeTicker>::create());
  } else {
    parts.plot->yAxis->setTicker(QSharedPointer<FigureTicker>::create(parts_->figure.share));
  }
}

void CurvePlot::setView(std::optional<std::pair<double, double>> steps) {
  parts_->view = steps;
}

std::optional<std::pair<double, double>> CurvePlot::view() const {
  return parts_->view;
}

void CurvePlot::setCrosshair(std::optional<double> step) {
  parts_->crosshairStep = step;
  parts_->showCrosshair(this);
}

void CurvePlot::setPixelRatio(qreal ratio) {
  if (parts_->plot->bufferDevicePixelRatio() == ratio) return;
  parts_->plot->setBufferDevicePixelRatio(ratio);
  parts_->plot->replot(QCustomPlot::rpImmediateRefresh);
}

std::optional<double> CurvePlot::trainingNow() const {
  const std::vector<StepPoint>& points = parts_->history.steps();
  if (points.empty()) return std::nullopt;
  const double last = (points.back().*parts_->figure.training).mean;
  // A loss that is not a number any more must not hide behind the smoothed past.
  if (!std::isfinite(last) || parts_->smoothValues.empty()) return last;
  return parts_->smoothValues.back();
}

std::optional<double> CurvePlot::validationNow() const {
  const std::vector<EpochPoint>& epochs = parts_->history.epochs();
  if (!parts_->figure.validation) return std::nullopt;
  for (auto epoch = epochs.rbegin(); epoch != epochs.rend(); ++epoch) {
    if ((*epoch).*parts_->figure.validation) return (*epoch).*parts_->figure.validation;
  }
  return std::nullopt;
}

QString CurvePlot::valueText(double value) const {
  return parts_->figure.share && std::isfinite(value) ? percent(value) : widgets::figure(value);
}

void CurvePlot::onRangeChanged() {
  Parts& parts = *parts_;
  if (parts.settingRange) return;
  const double end = parts.wholeRun();
  QCPRange range = parts.plot->xAxis->range();
  // There is nothing to see before the first step and after the last one.
  const double size = std::clamp(range.size(), 4.0, end);
  const double lower = std::clamp(range.center() - size / 2, 0.0, end - size);
  parts.view = std::make_pair(lower, lower + size);
  if (size >= end) parts.view.reset();
  emit viewChanged(parts.view);
}

void CurvePlot::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() != QEvent::PaletteChange) return;
  parts_->restyle(this);
  refresh();
}

void CurvePlot::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  setPixelRatio(devicePixelRatioF());
}

bool CurvePlot::eventFilter(QObject* watched, QEvent* event) {
  switch (event->type()) {
    case QEvent::Resize:
      parts_->crosshair->resize(parts_->plot->size());
      break;
    case QEvent::MouseMove: {
      const QPointF at = static_cast<QMouseEvent*>(event)->position();
      const bool inside = parts_->plot->axisRect()->rect().contains(at.toPoint());
      emit hovered(inside ? std::optional<double>(parts_->plot->xAxis->pixelToCoord(at.x()))
                          : std::nullopt);
      break;
    }
    case QEvent::Leave:
      emit hovered(std::nullopt);
      break;
    case QEvent::MouseButtonDblClick:
      emit viewChanged(std::nullopt);
      break;
    default:
      break;
  }
  return QWidget::eventFilter(watched, event);
}

}  // namespace nw::widgets
