#include "widgets/training/rank_strip.h"

#include <QHelpEvent>
#include <QPainter>
#include <QPainterPath>
#include <QToolTip>
#include <algorithm>
#include <array>

#include "widgets/style/icons.h"
#include "widgets/style/theme.h"
#include "widgets/training/figures.h"

namespace nw::widgets {
namespace {

constexpr int kRow = 24;
constexpr int kDenseRow = 18;  // where there are many
constexpr size_t kManyRows = 4;
constexpr int kHead = 28;
constexpr int kBar = 10;
constexpr int kReduceBar = 3;
constexpr int kGap = 2;  // between the bars of a row
constexpr int kSwatch = 10;
constexpr int kSwatchGap = 5;
constexpr int kSide = 16;
constexpr int kBetween = 12;  // columns
constexpr int kLeastBars = 100;
constexpr int kIconPx = 14;
constexpr double kPast = 0.9;  // share of the past in what is shown
constexpr double kFaded = 0.45;
constexpr int kDescribeMs = 1000;

enum Part { Compute, Wait, Reduce, Sent };
constexpr std::array kParts{Compute, Wait, Reduce, Sent};

struct Row {
  QString name;
  QString host;
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

double stepOf(const Row& row) {
  return row.times.compute + row.times.wait;
}

QString partName(Part part) {
  switch (part) {
    case Compute:
      return RankStrip::tr("computing");
    case Wait:
      return RankStrip::tr("waiting");
    case Reduce:
      return RankStrip::tr("all-reduce");
    case Sent:
      break;
  }
  return RankStrip::tr("sent");
}

QString figureOf(const Row& row, Part part) {
  switch (part) {
    case Compute:
      return RankStrip::tr("%1 ms").arg(milliseconds(row.times.compute));
    case Wait:
      return RankStrip::tr("%1 ms").arg(milliseconds(row.times.wait));
    case Reduce:
      return RankStrip::tr("%1 ms").arg(milliseconds(row.times.reduce));
    case Sent:
      break;
  }
  return byteSize(static_cast<qint64>(row.times.bytes));
}

/// Not the colours of the curves beside it; apart for colour-blind eyes, too.
QColor partColor(Part part, const Theme& theme) {
  constexpr std::array kSeries{4, 0, 2};
  return readable(theme.series(kSeries[part]), theme.window);
}

/// Computing is solid, waiting is hatched: colour is not the only sign.
void fillPart(QPainter& painter, const Theme& theme, Part part, const QRectF& bar) {
  const QColor color = partColor(part, theme);
  if (part != Wait) return painter.fillRect(bar, color);
  painter.fillRect(bar, mix(theme.window, color, theme.dark ? 0.35 : 0.3));
  painter.fillRect(bar, QBrush(color, Qt::BDiagPattern));
}

}  // namespace

struct RankStrip::Parts {
  std::vector<Row> rows;
  bool measured = false;
  bool ended = false;  // with a rank that was lost

  struct Columns {
    int left = 0;  // of the bars, px
    int right = 0;
    std::array<int, kParts.size()> ends{};  // of the figures; 0: there is no room for them
    bool figures() const { return ends[0] > 0; }
  };

  double longest() const;
  Columns columns(const QFontMetrics& metrics, int width) const;
  void paintHead(QPainter& painter, const Theme& theme, const Columns& columns,
                 const QString& summary) const;
  void paintLegend(QPainter& painter, const Theme& theme, Part part, int end) const;
  void paintRow(QPainter& painter, const Theme& theme, const Row& row, int y,
                const Columns& columns) const;
  void paintBars(QPainter& painter, const Theme& theme, const Row& row, const QRectF& groove) const;
  void paintLoss(QPainter& painter, const Theme& theme, const Row& row, QRect room) const;
  int rowHeight() const { return rows.size() > kManyRows ? kDenseRow : kRow; }
  int height() const {
    return rows.empty() ? 0 : kHead + rowHeight() * static_cast<int>(rows.size()) + Theme::kGrid;
  }
};

double RankStrip::Parts::longest() const {
  double most = 1e-9;
  for (const Row& row : rows) most = std::max(most, stepOf(row));
  return most;
}

RankStrip::RankStrip(QWidget* parent) : QWidget(parent), parts_(std::make_unique<Parts>()) {
  setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
  setAccessibleName(tr("Time of each process"));
  description_.setSingleShot(true);
  description_.setInterval(kDescribeMs);
  connect(&description_, &QTimer::timeout, this, &RankStrip::describe);
}

RankStrip::~RankStrip() = default;

void RankStrip::setRanks(const train::Joined& joined) {
  parts_->rows.clear();
  parts_->measured = parts_->ended = false;
  for (const train::RankPlace& place : joined.ranks) {
    const QString device = QString::fromStdString(place.device);
    parts_->rows.push_back({tr("rank %1 · %2").arg(place.rank).arg(device),
                            QString::fromStdString(place.host),
                            {},
                            {}});
  }
  updateGeometry();
  update();
  describe();
  emit rowsChanged(rows());
}

void RankStrip::setLost(const train::RankLost& lost) {
  const auto rank = static_cast<size_t>(lost.fault.rank);
  if (lost.fault.rank < 0 || rank >= parts_->rows.size()) return;
  parts_->rows[rank].lost = QString::fromStdString(lost.fault.cause);
  parts_->ended = true;
  update();
  describe();
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
  if (!description_.isActive()) description_.start();
}

void RankStrip::clear() {
  parts_->rows.clear();
  updateGeometry();
  describe();
  emit rowsChanged(0);
}

int RankStrip::rows() const {
  return static_cast<int>(parts_->rows.size());
}

QString RankStrip::rowText(int row) const {
  const Row& shown = parts_->rows[static_cast<size_t>(row)];
  if (!shown.lost.isEmpty()) return tr("%1 %2").arg(shown.name, shown.lost);
  if (!parts_->measured) return tr("%1: no step yet").arg(shown.name);
  return tr("%1: %2 ms computing, %3 ms waiting for the gradients of others, %4 ms under "
            "all-reduce, %5 sent")
      .arg(shown.name, milliseconds(shown.times.compute), milliseconds(shown.times.wait),
           milliseconds(shown.times.reduce), byteSize(static_cast<qint64>(shown.times.bytes)));
}

QString RankStrip::summary() const {
  if (!parts_->measured) return {};
  double step = 0, wait = 0;
  for (const Row& row : parts_->rows) {
    step += stepOf(row);
    wait += row.times.wait;
  }
  if (!(step > 0)) return {};
  return tr("a step takes %1 ms, %2 of it waiting")
      .arg(milliseconds(parts_->longest()), percent(wait / step));
}

void RankStrip::describe() {
  QStringList words;
  if (!summary().isEmpty()) words << summary();
  for (int row = 0; row < rows(); ++row) words << rowText(row);
  setAccessibleDescription(words.join(QStringLiteral("; ")));
}

QSize RankStrip::sizeHint() const {
  return {440, parts_->height()};
}

QSize RankStrip::minimumSizeHint() const {
  return {240, parts_->height()};
}

RankStrip::Parts::Columns RankStrip::Parts::columns(const QFontMetrics& metrics, int width) const {
  int names = 0;
  for (const Row& row : rows) names = std::max(names, metrics.horizontalAdvance(row.name));
  Columns columns;
  columns.left = kSide + names + kBetween;
  int end = width - kSide;
  for (auto part = kParts.rbegin(); part != kParts.rend(); ++part) {
    columns.ends[*part] = end;
    const int swatch = *part == Sent ? 0 : kSwatch + kSwatchGap;
    // Digits come and go; the bars keep their places.
    end -= std::max(metrics.horizontalAdvance(QStringLiteral("00.00 ms")),
                    swatch + metrics.horizontalAdvance(partName(*part)));
    end -= kBetween;
  }
  columns.right = end;
  if (columns.right - columns.left < kLeastBars) {
    columns.ends = {};
    columns.right = std::max(columns.left, width - kSide);
  }
  return columns;
}

/// Its name, and its swatch before it, up to `end`.
void RankStrip::Parts::paintLegend(QPainter& painter, const Theme& theme, Part part,
                                   int end) const {
  const QString name = partName(part);
  const int width = painter.fontMetrics().horizontalAdvance(name);
  painter.setPen(theme.secondary);
  painter.drawText(QRect(end - width, 0, width + 1, kHead), Qt::AlignVCenter, name);
  if (part == Sent) return;
  const double height = part == Reduce ? kReduceBar : kSwatch;
  fillPart(painter, theme, part,
           QRectF(end - width - kSwatchGap - kSwatch, (kHead - height) / 2, kSwatch, height));
}

void RankStrip::Parts::paintHead(QPainter& painter, const Theme& theme, const Columns& columns,
                                 const QString& summary) const {
  int room = columns.right;
  if (columns.figures()) {
    for (const Part part : kParts) paintLegend(painter, theme, part, columns.ends[part]);
  } else {
    for (const Part part : {Reduce, Wait, Compute}) {
      paintLegend(painter, theme, part, room);
      room -= painter.fontMetrics().horizontalAdvance(partName(part)) + kSwatch + kSwatchGap;
      room -= kBetween;
    }
  }
  painter.setPen(theme.secondary);
  const int width = room - kSide;
  painter.drawText(QRect(kSide, 0, width, kHead), Qt::AlignVCenter,
                   painter.fontMetrics().elidedText(summary, Qt::ElideRight, width));
}

void RankStrip::Parts::paintBars(QPainter& painter, const Theme& theme, const Row& row,
                                 const QRectF& groove) const {
  QPainterPath shape;
  shape.addRoundedRect(groove, 3, 3);
  painter.fillPath(shape, mix(theme.window, theme.text, 0.1));
  if (!measured) return;
  const double scale = groove.width() / longest();
  painter.save();
  painter.setClipPath(shape);
  const QRectF compute(groove.left(), groove.top(), row.times.compute * scale, kBar);
  fillPart(painter, theme, Compute, compute);
  fillPart(painter, theme, Wait,
           QRectF(compute.right(), groove.top(), row.times.wait * scale, kBar));
  painter.restore();
  // The exchange ends with the step.
  const double end = stepOf(row) * scale;
  const double width = std::min(end, row.times.reduce * scale);
  fillPart(painter, theme, Reduce,
           QRectF(groove.left() + end - width, groove.bottom() + kGap, width, kReduceBar));
}

/// In place of the bars: a sign, and why.
void RankStrip::Parts::paintLoss(QPainter& painter, const Theme& theme, const Row& row,
                                 QRect room) const {
  QPainterPath shape;
  shape.addRoundedRect(QRectF(room).adjusted(0, 1, 0, -1), 3, 3);
  painter.fillPath(shape, mix(theme.window, theme.error, 0.14));
  const QRectF sign(room.left() + Theme::kPadding, room.center().y() - kIconPx / 2.0 + 0.5, kIconPx,
                    kIconPx);
  paintIcon(painter, sign, QStringLiteral("error"), theme.error);
  painter.setPen(theme.error);
  const QRect text = room.adjusted(kIconPx + 2 * Theme::kPadding, 0, -Theme::kPadding, 0);
  painter.drawText(text, Qt::AlignVCenter,
                   painter.fontMetrics().elidedText(row.lost, Qt::ElideRight, text.width()));
}

void RankStrip::Parts::paintRow(QPainter& painter, const Theme& theme, const Row& row, int y,
                                const Columns& columns) const {
  const bool lost = !row.lost.isEmpty();
  painter.setOpacity(ended && !lost ? kFaded : 1);
  painter.setPen(lost ? theme.error : theme.text);
  painter.drawText(QRect(kSide, y, columns.left - kSide, rowHeight()), Qt::AlignVCenter, row.name);
  if (lost) {
    const int end = columns.figures() ? columns.ends.back() : columns.right;
    return paintLoss(painter, theme, row, QRect(columns.left, y, end - columns.left, rowHeight()));
  }
  const int top = y + (rowHeight() - kBar - kGap - kReduceBar) / 2;
  paintBars(painter, theme, row, QRectF(columns.left, top, columns.right - columns.left, kBar));
  if (!columns.figures() || !measured) return;
  painter.setPen(theme.secondary);
  for (const Part part : kParts) {
    painter.drawText(QRect(0, y, columns.ends[part], rowHeight()),
                     Qt::AlignVCenter | Qt::AlignRight, figureOf(row, part));
  }
}

void RankStrip::paintEvent(QPaintEvent*) {
  if (parts_->rows.empty()) return;
  const Theme theme = Theme::of(this);
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setFont(uiFont(Theme::kSecondaryPx));
  const Parts::Columns columns = parts_->columns(painter.fontMetrics(), width());
  parts_->paintHead(painter, theme, columns, summary());
  int y = kHead;
  for (const Row& row : parts_->rows) {
    parts_->paintRow(painter, theme, row, y, columns);
    y += parts_->rowHeight();
  }
}

bool RankStrip::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip) return QWidget::event(event);
  const auto* help = static_cast<QHelpEvent*>(event);
  const int row = (help->pos().y() - kHead) / parts_->rowHeight();
  if (rows() == 0) {
    QToolTip::hideText();
  } else if (help->pos().y() < kHead || row >= rows()) {
    QToolTip::showText(
        help->globalPos(),
        tr("computing: forward and backward\nwaiting: at the end of backward, for "
           "gradients of other processes\nall-reduce: while gradients are exchanged, "
           "hidden behind computing or not\nsent: bytes of gradients in a step"),
        this);
  } else {
    const Row& shown = parts_->rows[static_cast<size_t>(row)];
    QToolTip::showText(help->globalPos(), tr("%1\non %2").arg(rowText(row), shown.host), this);
  }
  return true;
}

}  // namespace nw::widgets
