#include "widgets/training/rank_strip.h"

#include <QHelpEvent>
#include <QPainter>
#include <QPainterPath>
#include <QToolTip>
#include <algorithm>

#include "widgets/style/theme.h"
#include "widgets/training/figures.h"

namespace nw::widgets {
namespace {

constexpr int kRow = 24;
constexpr int kDenseRow = 18;  // where there are many
constexpr size_t kManyRows = 4;
constexpr int kLegend = 24;
constexpr int kBar = 10;
constexpr int kReduceBar = 3;
constexpr int kGap = 2;  // between the bars of a row
constexpr int kSwatch = 8;
constexpr int kSide = 16;
constexpr int kBetween = 12;  // columns
constexpr int kLeastBars = 120;
constexpr double kPast = 0.9;  // share of the past in what is shown

enum Part { Compute, Wait, Reduce };

struct Row {
  QString name;
  dist::StepTimes times;  // smoothed
  QString lost;           // the cause; empty: it lives
};

double smoothed(double past, double now, bool first) {
  return first ? now : kPast * past + (1 - kPast) * now;
}

QString milliseconds(double seconds) {
  const double ms = seconds * 1e3;
  return QString::number(ms, 'f', ms < 10 ? 2 : ms < 100 ? 1 : 0);
}

}  // namespace

struct RankStrip::Parts {
  std::vector<Row> rows;
  bool measured = false;

  struct Columns {
    int left = 0;  // of the bars, px
    int right = 0;
    bool figures = false;  // there is room for them
  };

  QString partName(Part part) const;
  QColor color(Part part, const Theme& theme) const;
  QString figuresOf(const Row& row) const;
  double longest() const;
  Columns columns(const QFontMetrics& metrics, int width) const;
  void paintLegend(QPainter& painter, const Theme& theme) const;
  void paintRow(QPainter& painter, const Theme& theme, const Row& row, int y,
                const Columns& columns) const;
  int rowHeight() const { return rows.size() > kManyRows ? kDenseRow : kRow; }
  int height() const {
    return rows.empty() ? 0 : kLegend + rowHeight() * static_cast<int>(rows.size()) + Theme::kGrid;
  }
};

QString RankStrip::Parts::partName(Part part) const {
  switch (part) {
    case Compute:
      return RankStrip::tr("computing");
    case Wait:
      return RankStrip::tr("waiting for others");
    default:
      return RankStrip::tr("all-reduce");
  }
}

QColor RankStrip::Parts::color(Part part, const Theme& theme) const {
  switch (part) {
    case Compute:
      return readable(theme.series(0), theme.window);
    case Wait:
      return readable(theme.series(1), theme.window);
    default:
      return readable(theme.series(2), theme.window);
  }
}

QString RankStrip::Parts::figuresOf(const Row& row) const {
  if (!row.lost.isEmpty()) return row.lost;
  if (!measured) return {};
  return RankStrip::tr("%1 + %2 ms · all-reduce %3 ms · %4")
      .arg(milliseconds(row.times.compute), milliseconds(row.times.wait),
           milliseconds(row.times.reduce), byteSize(static_cast<qint64>(row.times.bytes)));
}

double RankStrip::Parts::longest() const {
  double most = 1e-9;
  for (const Row& row : rows) most = std::max(most, row.times.compute + row.times.wait);
  return most;
}

RankStrip::RankStrip(QWidget* parent) : QWidget(parent), parts_(std::make_unique<Parts>()) {
  setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
  setAccessibleName(tr("Time of each process"));
  setVisible(false);
}

RankStrip::~RankStrip() = default;

void RankStrip::setRanks(const train::Joined& joined) {
  parts_->rows.clear();
  parts_->measured = false;
  for (const train::RankPlace& place : joined.ranks) {
    parts_->rows.push_back(
        {tr("rank %1 · %2").arg(place.rank).arg(QString::fromStdString(place.device)), {}, {}});
  }
  setVisible(!parts_->rows.empty());
  updateGeometry();
  update();
}

void RankStrip::setLost(const train::RankLost& lost) {
  const auto rank = static_cast<size_t>(lost.fault.rank);
  if (lost.fault.rank < 0 || rank >= parts_->rows.size()) return;
  parts_->rows[rank].lost = QString::fromStdString(lost.fault.cause);
  update();
}

void RankStrip::addStep(const train::StepDone& step) {
  if (step.ranks.size() != parts_->rows.size()) return;
  for (size_t i = 0; i < step.ranks.size(); ++i) {
    dist::StepTimes& shown = parts_->rows[i].times;
    const dist::StepTimes& now = step.ranks[i];
    const bool first = !parts_->measured;
    shown.compute = smoothed(shown.compute, now.compute, first);
    shown.wait = smoothed(shown.wait, now.wait, first);
    shown.reduce = smoothed(shown.reduce, now.reduce, first);
    shown.bytes = now.bytes;
  }
  parts_->measured = true;
  update();
}

void RankStrip::clear() {
  parts_->rows.clear();
  setVisible(false);
  updateGeometry();
}

int RankStrip::rows() const {
  return static_cast<int>(parts_->rows.size());
}

QString RankStrip::rowText(int row) const {
  const Row& shown = parts_->rows[static_cast<size_t>(row)];
  if (!shown.lost.isEmpty()) return tr("%1 %2").arg(shown.name, shown.lost);
  return tr("%1: %2 ms computing, %3 ms waiting for the gradients of others, %4 ms under "
            "all-reduce, %5 sent")
      .arg(shown.name, milliseconds(shown.times.compute), milliseconds(shown.times.wait),
           milliseconds(shown.times.reduce), byteSize(static_cast<qint64>(shown.times.bytes)));
}

QSize RankStrip::sizeHint() const {
  return {360, parts_->height()};
}

QSize RankStrip::minimumSizeHint() const {
  return {240, parts_->height()};
}

void RankStrip::Parts::paintLegend(QPainter& painter, const Theme& theme) const {
  int x = kSide;
  for (const Part part : {Compute, Wait, Reduce}) {
    const QRect swatch(x, (kLegend - kSwatch) / 2, kSwatch, kSwatch);
    painter.setPen(Qt::NoPen);
    painter.setBrush(color(part, theme));
    painter.drawRoundedRect(swatch, 2, 2);
    const QString name = partName(part);
    painter.setPen(theme.secondary);
    const QRect text(swatch.right() + 6, 0, painter.fontMetrics().horizontalAdvance(name) + 2,
                     kLegend);
    painter.drawText(text, Qt::AlignVCenter, name);
    x = text.right() + kSide;
  }
}

RankStrip::Parts::Columns RankStrip::Parts::columns(const QFontMetrics& metrics, int width) const {
  int names = 0;
  // Digits come and go; the bars keep their places.
  int figures = metrics.horizontalAdvance("00.0 + 00.0 ms · all-reduce 00.0 ms · 0.00 MB");
  for (const Row& row : rows) {
    names = std::max(names, metrics.horizontalAdvance(row.name));
    figures = std::max(figures, metrics.horizontalAdvance(figuresOf(row)));
  }
  Columns columns;
  columns.left = kSide + names + kBetween;
  columns.right = width - kSide - figures - kBetween;
  columns.figures = columns.right - columns.left > kLeastBars;
  if (!columns.figures) columns.right = std::max(columns.left, width - kSide);
  return columns;
}

void RankStrip::Parts::paintRow(QPainter& painter, const Theme& theme, const Row& row, int y,
                                const Columns& columns) const {
  const bool lives = row.lost.isEmpty();
  painter.setPen(lives ? theme.text : theme.error);
  painter.drawText(QRect(kSide, y, columns.left - kSide, rowHeight()), Qt::AlignVCenter, row.name);
  if (columns.figures) {
    painter.setPen(lives ? theme.secondary : theme.error);
    painter.drawText(QRect(columns.right + kBetween, y, 1000, rowHeight()), Qt::AlignVCenter,
                     figuresOf(row));
  }
  const int top = y + (rowHeight() - kBar - kGap - kReduceBar) / 2;
  QPainterPath groove;
  groove.addRoundedRect(QRectF(columns.left, top, columns.right - columns.left, kBar), 3, 3);
  painter.fillPath(groove, theme.line);
  if (!lives || !measured) return;
  const double scale = (columns.right - columns.left) / longest();
  painter.save();
  painter.setClipPath(groove);
  const QRectF compute(columns.left, top, row.times.compute * scale, kBar);
  painter.fillRect(compute, color(Compute, theme));
  painter.fillRect(QRectF(compute.right(), top, row.times.wait * scale, kBar), color(Wait, theme));
  painter.restore();
  // The exchange ends with the step.
  const double end = (row.times.compute + row.times.wait) * scale;
  const double width = std::min(end, row.times.reduce * scale);
  painter.fillRect(QRectF(columns.left + end - width, top + kBar + kGap, width, kReduceBar),
                   color(Reduce, theme));
}

void RankStrip::paintEvent(QPaintEvent*) {
  const Theme theme = Theme::of(this);
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setFont(uiFont(Theme::kSecondaryPx));
  parts_->paintLegend(painter, theme);
  const Parts::Columns columns = parts_->columns(painter.fontMetrics(), width());
  int y = kLegend;
  for (const Row& row : parts_->rows) {
    parts_->paintRow(painter, theme, row, y, columns);
    y += parts_->rowHeight();
  }
}

bool RankStrip::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip) return QWidget::event(event);
  const auto* help = static_cast<QHelpEvent*>(event);
  const int row = (help->pos().y() - kLegend) / parts_->rowHeight();
  if (help->pos().y() >= kLegend && row < rows()) {
    QToolTip::showText(help->globalPos(), rowText(row), this);
  } else {
    QToolTip::hideText();
  }
  return true;
}

}  // namespace nw::widgets
