#include "widgets/charts/curves_chart.h"

#include <QFileDialog>
#include <QHBoxLayout>
#include <QMenu>
#include <QPixmap>
#include <QSlider>
#include <QTimer>
#include <QToolButton>
#include <algorithm>
#include <array>
#include <cmath>

#include "widgets/charts/curve_plot.h"
#include "widgets/charts/curves_file.h"
#include "widgets/charts/figure_header.h"
#include "widgets/controls/text_label.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::widgets {

namespace {

constexpr int kFrameMs = 33;
// Notches of the slider: about 1, 2, 5, 10 … last steps count.
constexpr std::array<double, 9> kAmounts = {0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999};
constexpr double kDefaultAmount = 0.95;
// A curve of this many points needs no smoothing.
constexpr size_t kFewPoints = 50;
// How the width is shared.
constexpr int kWide = 3;
constexpr int kNarrow = 2;
constexpr int kSliderWidth = 88;

int notchOf(double amount) {
  const auto nearest = std::min_element(kAmounts.begin(), kAmounts.end(), [&](double a, double b) {
    return std::abs(a - amount) < std::abs(b - amount);
  });
  return int(nearest - kAmounts.begin());
}

bool changesRate(const std::vector<StepPoint>& points) {
  return std::any_of(points.begin(), points.end(), [&](const StepPoint& point) {
    return std::isfinite(point.rate.mean) && point.rate.mean != points.front().rate.mean;
  });
}

}  // namespace

struct CurvesChart::Parts {
  History history;
  double amount = kDefaultAmount;
  bool logarithmic = false;
  bool classifies = true;
  bool schedules = false;
  QTimer timer;

  FigureHeader* lossHeader = nullptr;
  FigureHeader* accuracyHeader = nullptr;
  CurvePlot* loss = nullptr;
  CurvePlot* accuracy = nullptr;
  FigureHeader* rateHeader = nullptr;
  CurvePlot* rate = nullptr;
  QWidget* controls = nullptr;
  QSlider* slider = nullptr;
  TextLabel* amountText = nullptr;
  QToolButton* logButton = nullptr;
  QToolButton* follow = nullptr;
  QToolButton* save = nullptr;
  TextLabel* invitation = nullptr;

  std::array<CurvePlot*, 3> plots() const { return {loss, accuracy, rate}; }
  bool isShown(const CurvePlot* plot) const {
    return plot == loss || (plot == rate ? schedules : classifies);
  }
  void build(CurvesChart* owner);
  QWidget* buildControls(CurvesChart* owner);
  QToolButton* buildExport(CurvesChart* owner);
  void showFigures();
  void fitControls();
  void setView(std::optional<std::pair<double, double>> steps);
  void schedule() {
    if (!timer.isActive()) timer.start();
  }
};

void CurvesChart::Parts::build(CurvesChart* owner) {
  const CurveFigure lossFigure{CurvesChart::tr("Loss"), &StepPoint::loss,
                               &EpochPoint::validation_loss, false};
  const CurveFigure accuracyFigure{CurvesChart::tr("Accuracy"), &StepPoint::accuracy,
                                   &EpochPoint::validation_accuracy, true};
  const CurveFigure rateFigure{CurvesChart::tr("Learning rate"), &StepPoint::rate, nullptr, false};
  lossHeader = new FigureHeader(lossFigure.title);
  rateHeader = new FigureHeader(rateFigure.title);
  rate = new CurvePlot(rateFigure, history);
  accuracyHeader = new FigureHeader(accuracyFigure.title);
  loss = new CurvePlot(lossFigure, history);
  accuracy = new CurvePlot(accuracyFigure, history);
  controls = buildControls(owner);
  accuracyHeader->controls()->addWidget(controls);

  auto* row = new QHBoxLayout(owner);
  row->setContentsMargins(12, Theme::kPadding, 12, Theme::kPadding);
  row->setSpacing(2 * Theme::kGrid);
  const std::pair<FigureHeader*, CurvePlot*> columns[] = {
      {lossHeader, loss}, {accuracyHeader, accuracy}, {rateHeader, rate}};
  for (const auto& [header, plot] : columns) {
    auto* column = new QVBoxLayout;
    column->setSpacing(Theme::kPadding);
    column->addWidget(header);
    column->addWidget(plot, 1);
    row->addLayout(column, plot == rate ? 0 : kWide);
    connect(plot, &CurvePlot::viewChanged, owner, [this](auto steps) { setView(steps); });
    connect(plot, &CurvePlot::hovered, owner, [this](std::optional<double> step) {
      for (CurvePlot* each : plots()) each->setCrosshair(step);
    });
  }
  rateHeader->hide();
  rate->hide();
  invitation = new TextLabel({}, TextLabel::Tone::Secondary, 0, QFont::Normal, owner);
  invitation->setMargin(Theme::kGrid);
  invitation->setAutoFillBackground(true);
}

QWidget* CurvesChart::Parts::buildControls(CurvesChart* owner) {
  auto* box = new QWidget;
  auto* layout = new QHBoxLayout(box);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(Theme::kPadding);

  follow = new QToolButton;
  follow->setText(CurvesChart::tr("Follow"));
  follow->setToolTip(CurvesChart::tr("Show the whole run again (double-click in a plot)"));
  follow->hide();
  connect(follow, &QToolButton::clicked, owner, [this] { setView(std::nullopt); });

  slider = new QSlider(Qt::Horizontal);
  slider->setObjectName(QStringLiteral("smoothing"));
  slider->setRange(0, int(kAmounts.size()) - 1);
  slider->setPageStep(1);
  slider->setFixedWidth(kSliderWidth);
  slider->setAccessibleName(CurvesChart::tr("Smoothing"));
  amountText = new TextLabel({}, TextLabel::Tone::Secondary, Theme::kSecondaryPx);
  connect(slider, &QSlider::valueChanged, owner,
          [owner](int notch) { owner->setSmoothing(kAmounts[size_t(notch)]); });

  logButton = new QToolButton;
  logButton->setObjectName(QStringLiteral("logarithmic"));
  logButton->setText(CurvesChart::tr("log"));
  logButton->setCheckable(true);
  logButton->setToolButtonStyle(Qt::ToolButtonTextOnly);
  logButton->setToolTip(CurvesChart::tr("Logarithmic axis for the loss"));
  logButton->setAccessibleName(logButton->toolTip());
  connect(logButton, &QToolButton::toggled, owner, &CurvesChart::setLogarithmicLoss);

  layout->addWidget(follow);
  amountText->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
  layout->addWidget(amountText);
  layout->addWidget(slider);
  save = buildExport(owner);
  layout->addWidget(save);
  lossHeader->controls()->addWidget(logButton);
  return box;
}

QToolButton* CurvesChart::Parts::buildExport(CurvesChart* owner) {
  auto* button = new QToolButton;
  button->setIcon(icon(QStringLiteral("export")));
  button->setToolTip(CurvesChart::tr("Save the curves"));
  button->setAccessibleName(button->toolTip());
  auto* menu = new QMenu(button);
  menu->addAction(CurvesChart::tr("Picture (PNG) …"), owner, &CurvesChart::askForPicture);
  menu->addAction(CurvesChart::tr("Figures (CSV) …"), owner, &CurvesChart::askForFigures);
  connect(button, &QToolButton::clicked, menu,
          [button, menu] { menu->popup(button->mapToGlobal(QPoint(0, button->height()))); });
  return button;
}

void CurvesChart::Parts::showFigures() {
  const auto text = [](const CurvePlot* plot, std::optional<double> value) {
    return value ? plot->valueText(*value) : QString();
  };
  lossHeader->setFigures(text(loss, loss->trainingNow()), text(loss, loss->validationNow()));
  accuracyHeader->setFigures(classifies ? text(accuracy, accuracy->trainingNow()) : QString(),
                             classifies ? text(accuracy, accuracy->validationNow()) : QString());
  rateHeader->setFigures(text(rate, rate->trainingNow()), QString());
  invitation->setVisible(history.empty());
  fitControls();
}

/// Where the header is narrow, the amount of smoothing is left to the slider's help, and then the
/// slider to a wider window.
void CurvesChart::Parts::fitControls() {
  const FigureHeader* host = classifies ? accuracyHeader : lossHeader;
  int room = host->roomForControls() - save->sizeHint().width();
  for (const QWidget* other : {static_cast<QWidget*>(classifies ? nullptr : logButton),
                               static_cast<QWidget*>(follow->isHidden() ? nullptr : follow)}) {
    if (other) room -= other->sizeHint().width() + Theme::kPadding;
  }
  room -= kSliderWidth + Theme::kPadding;
  slider->setVisible(room >= 0);
  amountText->setVisible(room >= amountText->sizeHint().width() + Theme::kPadding);
}

void CurvesChart::Parts::setView(std::optional<std::pair<double, double>> steps) {
  for (CurvePlot* plot : plots()) plot->setView(steps);
  follow->setVisible(steps.has_value());
  schedule();
}

CurvesChart::CurvesChart(QWidget* parent) : QWidget(parent), parts_(std::make_unique<Parts>()) {
  parts_->build(this);
  parts_->timer.setSingleShot(true);
  parts_->timer.setInterval(kFrameMs);
  connect(&parts_->timer, &QTimer::timeout, this, &CurvesChart::replotNow);
  setSmoothing(kDefaultAmount);
  setRunning(false);
  replotNow();
}

CurvesChart::~CurvesChart() = default;

void CurvesChart::addStep(qint64 step, qint64 epoch, double loss, double accuracy, double rate) {
  parts_->history.addStep(step, epoch, loss, accuracy, rate);
  parts_->schedule();
}

void CurvesChart::addEpoch(qint64 step, qint64 epoch, std::optional<double> validationLoss,
                           std::optional<double> validationAccuracy) {
  parts_->history.addEpoch({step, epoch, validationLoss, validationAccuracy});
  parts_->schedule();
}

void CurvesChart::setHistory(History history) {
  parts_->history = std::move(history);
  parts_->setView(std::nullopt);
}

const History& CurvesChart::history() const {
  return parts_->history;
}

void CurvesChart::clear() {
  setHistory({});
}

void CurvesChart::setRunning(bool running) {
  parts_->invitation->setText(
      running ? tr("The first batch is under way.")
              : tr("Press Train: loss and accuracy appear here as the network learns."));
  placeInvitation();
}

void CurvesChart::placeInvitation() {
  QRect place(QPoint(), parts_->invitation->sizeHint());
  place.moveCenter(rect().center());
  parts_->invitation->setGeometry(place);
}

void CurvesChart::setClassifies(bool classifies) {
  parts_->classifies = classifies;
  parts_->accuracy->setVisible(classifies);
  parts_->accuracyHeader->setVisible(classifies);
  FigureHeader* host = classifies ? parts_->accuracyHeader : parts_->lossHeader;
  host->controls()->addWidget(parts_->controls);
  auto* row = static_cast<QHBoxLayout*>(layout());
  row->setStretch(1, classifies ? kWide : 0);
  parts_->schedule();
}

void CurvesChart::setSchedules(bool schedules) {
  parts_->schedules = schedules;
  parts_->rate->setVisible(schedules);
  parts_->rateHeader->setVisible(schedules);
  static_cast<QHBoxLayout*>(layout())->setStretch(2, schedules ? kNarrow : 0);
  parts_->schedule();
}

void CurvesChart::setSmoothing(double amount) {
  parts_->amount = std::clamp(amount, 0.0, 0.999);
  const QSignalBlocker blocker(parts_->slider);
  parts_->slider->setValue(notchOf(parts_->amount));
  // The learning rate is no noisy figure.
  for (CurvePlot* plot : {parts_->loss, parts_->accuracy}) plot->setSmoothing(parts_->amount);
  const bool on = parts_->amount > 0;
  parts_->amountText->setText(on ? tr("smoothing %1").arg(parts_->amount) : tr("no smoothing"));
  const qint64 span = std::llround(1 / (1 - parts_->amount));
  const QString meaning =
      on ? tr("Exponential mean without the bias of its start: about the last %1 steps count. "
              "The raw curve stands behind.")
               .arg(span)
         : tr("Every batch as it was.");
  parts_->slider->setToolTip(meaning);
  parts_->slider->setAccessibleDescription(parts_->amountText->text());
  parts_->schedule();
}

double CurvesChart::smoothing() const {
  return parts_->amount;
}

void CurvesChart::setLogarithmicLoss(bool on) {
  parts_->logarithmic = on;
  parts_->logButton->setChecked(on);
  parts_->loss->setLogarithmic(on);
  parts_->schedule();
}

bool CurvesChart::logarithmicLoss() const {
  return parts_->logarithmic;
}

void CurvesChart::replotNow() {
  parts_->timer.stop();
  for (CurvePlot* plot : parts_->plots()) {
    if (parts_->isShown(plot)) plot->refresh();
  }
  parts_->showFigures();
}

QPixmap CurvesChart::picture(qreal scale) const {
  QPixmap pixmap(size() * scale);
  pixmap.setDevicePixelRatio(scale);
  pixmap.fill(Theme::of(this).window);
  // A copy without controls is drawn, so that nothing flickers on screen.
  CurvesChart copy;
  copy.setAttribute(Qt::WA_DontShowOnScreen);
  copy.parts_->history = parts_->history;
  copy.setClassifies(parts_->classifies);
  copy.setSchedules(parts_->schedules);
  copy.setSmoothing(parts_->amount);
  copy.setLogarithmicLoss(parts_->logarithmic);
  copy.parts_->setView(parts_->loss->view());
  copy.parts_->controls->hide();
  copy.parts_->logButton->hide();
  copy.resize(size());
  copy.show();
  for (CurvePlot* plot : copy.parts_->plots()) plot->setPixelRatio(scale);
  copy.replotNow();
  copy.render(&pixmap);
  return pixmap;
}

bool CurvesChart::exportPng(const QString& path, qreal scale, QString* error) {
  if (picture(scale).save(path, "PNG")) return true;
  if (error) *error = tr("%1 cannot be written. Choose another folder.").arg(path);
  return false;
}

bool CurvesChart::exportCsv(const QString& path, QString* error) const {
  return writeCurves(path, parts_->history, error);
}

void CurvesChart::askForPicture() {
  const QString path = QFileDialog::getSaveFileName(
      this, tr("Save the curves as a picture"), QStringLiteral("curves.png"), tr("PNG (*.png)"));
  if (path.isEmpty()) return;
  QString error;
  emit notified(exportPng(path, 2, &error) ? tr("Saved %1").arg(path) : error);
}

void CurvesChart::askForFigures() {
  const QString path = QFileDialog::getSaveFileName(
      this, tr("Save the curves as figures"), QStringLiteral("curves.csv"), tr("CSV (*.csv)"));
  if (path.isEmpty()) return;
  QString error;
  emit notified(exportCsv(path, &error) ? tr("Saved %1").arg(path) : error);
}

void CurvesChart::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  placeInvitation();
  parts_->schedule();  // another width, other points a pixel
  parts_->fitControls();
}

bool renderCurves(const QString& csvPath, const QString& pngPath, QSize size, qreal scale,
                  QString* error) {
  History history;
  if (!readCurves(csvPath, &history, error)) return false;
  CurvesChart chart;
  const bool classifies =
      std::any_of(history.steps().begin(), history.steps().end(),
                  [](const StepPoint& point) { return std::isfinite(point.accuracy.mean); });
  chart.setClassifies(classifies);
  chart.setSchedules(changesRate(history.steps()));
  if (history.steps().size() < kFewPoints) chart.setSmoothing(0);
  chart.setHistory(std::move(history));
  chart.resize(size);
  return chart.exportPng(pngPath, scale, error);
}

}  // namespace nw::widgets
