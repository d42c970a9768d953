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
#include "widgets/training/rank_lesson.h"

namespace nw::widgets {
namespace {

constexpr int kRow = 24;
constexpr int kDenseRow = 18;  // where there are many
constexpr size_t kManyRows = 4;
constexpr int kHead = 32;
constexpr int kTop = Theme::kPadding;  // as above the curves
constexpr int kLegend = 24;
constexpr int kOneLine = 620;  // px, from which on figures and legend stand side by side
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
constexpr int kSettled = 10;  // steps before there is something to say about them

enum Part { Compute, Wait, Reduce, Sent };
constexpr std::array kParts{Compute, Wait, Reduce, Sent};

double smoothed(double past, double now, bool first) {
  return first ? now : kPast * past + (1 - kPast) * now;
}

QString milliseconds(double seconds) {
  const double ms = seconds * 1e3;
  return QString::number(ms, 'f', ms < 10 ? 2 : ms < 100 ? 1 : 0);
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

QString figureOf(const RankRow& row, Part part) {
  if (part == Sent) return byteSize(static_cast<qint64>(row.times.bytes));
  if (part != Compute && !row.timesExchange()) return QStringLiteral("–");
  const double seconds = part == Compute ? row.times.compute
                         : part == Wait  ? row.times.wait
                                         : row.times.reduce;
  return RankStrip::tr("%1 ms").arg(milliseconds(seconds));
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
  std::vector<RankRow> rows;
  int steps = 0;       // that were measured
  bool ended = false;  // with a rank that was lost
  bool oneLine = false;
  QString lesson;
  bool measured() const { return steps > 0; }

  struct Columns {
    int left = 0;  // of the bars, px
    int right = 0;
    std::array<int, kParts.size()> ends{};  // of the figures; 0: there is no room for them
    bool figures() const { return ends[0] > 0; }
  };

  double longest() const;
  bool timesExchange() const {
    return std::all_of(rows.begin(), rows.end(),
                       [](const RankRow& row) { return row.timesExchange(); });
  }
  /// Of a step, that is waited.
  double waitShare() const;
  Columns columns(const QFontMetrics& metrics, int width) const;
  void paintHero(QPainter& painter, const Theme& theme, int width) const;
  void paintLegends(QPainter& painter, const Theme& theme, const Columns& columns) const;
  void paintLegend(QPainter& painter, const Theme& theme, Part part, int end) const;
  void paintRow(QPainter& painter, const Theme& theme, const RankRow& row, int y,
                const Columns& columns) const;
  void paintBars(QPainter& painter, const Theme& theme, const RankRow& row,
                 const QRectF& groove) const;
  void paintLoss(QPainter& painter, const Theme& theme, const RankRow& row, QRect room) const;
  void paintNotes(QPainter& painter, const Theme& theme, QRect room) const;
  int rowHeight() const { return rows.size() > kManyRows ? kDenseRow : kRow; }
  int legendTop() const { return oneLine ? kTop : kTop + kHead; }
  int legendHeight() const { return oneLine ? kHead : kLegend; }
  int rowsTop() const { return legendTop() + legendHeight(); }
  int height() const {
    if (rows.empty()) return 0;
    return rowsTop() + rowHeight() * static_cast<int>(rows.size()) + Theme::kGrid;
  }
};

double RankStrip::Parts::longest() const {
  double most = 1e-9;
  for (const RankRow& row : rows) most = std::max(most, row.step());
  return most;
}

double RankStrip::Parts::waitShare() const {
  double step = 0, wait = 0;
  for (const RankRow& row : rows) {
    step += row.step();
    wait += row.times.wait;
  }
  return step > 0 ? wait / step : 0;
}

RankStrip::RankStrip(QWidget* parent) : QWidget(parent), parts_(std::make_unique<Parts>()) {
  setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Preferred);
  setAccessibleName(tr("Time of each process"));
  description_.setSingleShot(true);
  description_.setInterval(kDescribeMs);
  connect(&description_, &QTimer::timeout, this, &RankStrip::describe);
}

RankStrip::~RankStrip() = default;

void RankStrip::setRanks(const train::Joined& joined) {
  parts_->rows.clear();
  parts_->steps = 0;
  parts_->ended = false;
  parts_->lesson.clear();
  for (const train::RankPlace& place : joined.ranks) {
    const QString device = QString::fromStdString(place.device);
    parts_->rows.push_back({tr("rank %1 · %2").arg(place.rank).arg(device),
                            QString::fromStdString(place.host),
                            device == QLatin1String("cpu"),
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
    const bool first = !parts_->measured();
    shown.compute = smoothed(shown.compute, now.compute, first);
    shown.wait = smoothed(shown.wait, now.wait, first);
    shown.reduce = smoothed(shown.reduce, now.reduce, first);
    shown.bytes = now.bytes;
    // From now on the step is replayed: what it took before says nothing.
    if (now.wait == 0 && now.reduce == 0) shown.wait = shown.reduce = 0;
  }
  ++parts_->steps;
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
  const RankRow& shown = parts_->rows[static_cast<size_t>(row)];
  if (!shown.lost.isEmpty()) return tr("%1 %2").arg(shown.name, shown.lost);
  if (!parts_->measured()) return tr("%1: no step yet").arg(shown.name);
  if (!shown.timesExchange()) {
    return tr("%1: %2 ms, replayed as one recording with its all-reduce, %3 sent")
        .arg(shown.name, milliseconds(shown.times.compute),
             byteSize(static_cast<qint64>(shown.times.bytes)));
  }
  return tr("%1: %2 ms computing, %3 ms waiting for the gradients of others, %4 ms under "
            "all-reduce, %5 sent")
      .arg(shown.name, milliseconds(shown.times.compute), milliseconds(shown.times.wait),
           milliseconds(shown.times.reduce), byteSize(static_cast<qint64>(shown.times.bytes)));
}

QString RankStrip::summary() const {
  if (!parts_->measured()) return {};
  if (!parts_->timesExchange())
    return tr("a step takes %1 ms").arg(milliseconds(parts_->longest()));
  return tr("a step takes %1 ms, %2 of it waiting")
      .arg(milliseconds(parts_->longest()), percent(parts_->waitShare()));
}

QString RankStrip::lesson() const {
  return parts_->lesson;
}

void RankStrip::describe() {
  // Now and then only: a sentence that changes with each step cannot be read.
  if (parts_->steps >= kSettled && !parts_->ended) parts_->lesson = lessonOf(parts_->rows);
  update();
  QStringList words;
  if (!summary().isEmpty()) words << summary();
  if (!lesson().isEmpty()) words << lesson();
  for (int row = 0; row < rows(); ++row) words << rowText(row);
  setAccessibleDescription(words.join(QStringLiteral("; ")));
}

void RankStrip::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  const bool oneLine = width() >= kOneLine;
  if (oneLine == parts_->oneLine) return;
  parts_->oneLine = oneLine;
  updateGeometry();
  if (rows() > 0) emit rowsChanged(rows());
}

QSize RankStrip::sizeHint() const {
  return {440, parts_->height()};
}

QSize RankStrip::minimumSizeHint() const {
  return {240, parts_->height()};
}

RankStrip::Parts::Columns RankStrip::Parts::columns(const QFontMetrics& metrics, int width) const {
  int names = 0;
  for (const RankRow& row : rows) names = std::max(names, metrics.horizontalAdvance(row.name));
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

/// Like the headers of the curves beside it.
void RankStrip::Parts::paintHero(QPainter& painter, const Theme& theme, int width) const {
  int x = kSide;
  const auto write = [&](const QString& text, const QFont& font, const QColor& color) {
    painter.setFont(font);
    painter.setPen(color);
    const int room = width - kSide - x;
    const QString shown = painter.fontMetrics().elidedText(text, Qt::ElideRight, room);
    painter.drawText(QRect(x, kTop, std::max(0, room), kHead), Qt::AlignVCenter, shown);
    x += painter.fontMetrics().horizontalAdvance(shown) + Theme::kGrid;
  };
  write(RankStrip::tr("Step"), uiFont(Theme::kBasePx), theme.secondary);
  if (measured()) {
    write(RankStrip::tr("%1 ms").arg(milliseconds(longest())),
          uiFont(Theme::kHeroPx, QFont::DemiBold), theme.text);
    write(RankStrip::tr("%1 of it waiting").arg(percent(waitShare())), uiFont(Theme::kSecondaryPx),
          theme.secondary);
  }
  painter.setFont(uiFont(Theme::kSecondaryPx));
}

/// Its name, and its swatch before it, up to `end`.
void RankStrip::Parts::paintLegend(QPainter& painter, const Theme& theme, Part part,
                                   int end) const {
  const int y = legendTop();
  const QString name = partName(part);
  const int width = painter.fontMetrics().horizontalAdvance(name);
  painter.setPen(theme.secondary);
  painter.drawText(QRect(end - width, y, width + 1, legendHeight()), Qt::AlignVCenter, name);
  if (part == Sent) return;
  const double height = part == Reduce ? kReduceBar : kSwatch;
  fillPart(painter, theme, part,
           QRectF(end - width - kSwatchGap - kSwatch, y + (legendHeight() - height) / 2, kSwatch,
                  height));
}

void RankStrip::Parts::paintLegends(QPainter& painter, const Theme& theme,
                                    const Columns& columns) const {
  if (columns.figures()) {
    for (const Part part : kParts) paintLegend(painter, theme, part, columns.ends[part]);
    return;
  }
  int end = columns.right;
  for (const Part part : {Reduce, Wait, Compute}) {
    paintLegend(painter, theme, part, end);
    end -= painter.fontMetrics().horizontalAdvance(partName(part)) + kSwatch + kSwatchGap;
    end -= kBetween;
  }
}

/// Whole sentences only: what stands out, and what the parts are.
void RankStrip::Parts::paintNotes(QPainter& painter, const Theme& theme, QRect room) const {
  const std::pair<QString, QColor> notes[] = {
      {lesson, theme.text},
      {RankStrip::tr("Each process trains on its share of every batch. All-reduce averages the "
                     "gradients while backward is still computing; when it takes longer than "
                     "that, the process waits."),
       theme.secondary}};
  for (const auto& [text, color] : notes) {
    if (text.isEmpty()) continue;
    const int height = painter.fontMetrics().boundingRect(room, Qt::TextWordWrap, text).height();
    if (height > room.height()) return;
    painter.setPen(color);
    painter.drawText(room, Qt::TextWordWrap, text);
    room.setTop(room.top() + height + Theme::kGrid);
  }
}

void RankStrip::Parts::paintBars(QPainter& painter, const Theme& theme, const RankRow& row,
                                 const QRectF& groove) const {
  QPainterPath shape;
  shape.addRoundedRect(groove, 3, 3);
  painter.fillPath(shape, mix(theme.window, theme.text, 0.1));
  if (!measured()) return;
  const double scale = groove.width() / longest();
  painter.save();
  painter.setClipPath(shape);
  const QRectF compute(groove.left(), groove.top(), row.times.compute * scale, kBar);
  fillPart(painter, theme, Compute, compute);
  fillPart(painter, theme, Wait,
           QRectF(compute.right(), groove.top(), row.times.wait * scale, kBar));
  painter.restore();
  // The exchange ends with the step.
  const double end = row.step() * scale;
  const double width = std::min(end, row.times.reduce * scale);
  fillPart(painter, theme, Reduce,
           QRectF(groove.left() + end - width, groove.bottom() + kGap, width, kReduceBar));
}

/// In place of the bars: a sign, and why.
void RankStrip::Parts::paintLoss(QPainter& painter, const Theme& theme, const RankRow& row,
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

void RankStrip::Parts::paintRow(QPainter& painter, const Theme& theme, const RankRow& row, int y,
                                const Columns& columns) const {
  const bool lost = !row.lost.isEmpty();
  painter.setPen(lost ? theme.error : ended ? theme.secondary : theme.text);
  painter.drawText(QRect(kSide, y, columns.left - kSide, rowHeight()), Qt::AlignVCenter, row.name);
  if (lost) {
    const int end = columns.figures() ? columns.ends.back() : columns.right;
    return paintLoss(painter, theme, row, QRect(columns.left, y, end - columns.left, rowHeight()));
  }
  const int top = y + (rowHeight() - kBar - kGap - kReduceBar) / 2;
  painter.setOpacity(ended ? kFaded : 1);
  paintBars(painter, theme, row, QRectF(columns.left, top, columns.right - columns.left, kBar));
  painter.setOpacity(1);
  if (!columns.figures() || !measured()) return;
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
  parts_->paintHero(painter, theme, width());
  parts_->paintLegends(painter, theme, columns);
  int y = parts_->rowsTop();
  for (const RankRow& row : parts_->rows) {
    parts_->paintRow(painter, theme, row, y, columns);
    y += parts_->rowHeight();
  }
  const QRect below(kSide, y + Theme::kGrid, width() - 2 * kSide, height() - y - Theme::kGrid);
  parts_->paintNotes(painter, theme, below);
}

bool RankStrip::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip) return QWidget::event(event);
  const auto* help = static_cast<QHelpEvent*>(event);
  const int row = (help->pos().y() - parts_->rowsTop()) / parts_->rowHeight();
  if (rows() == 0) {
    QToolTip::hideText();
  } else if (help->pos().y() < parts_->rowsTop() || row >= rows()) {
    const QString said = lesson().isEmpty() ? QString() : lesson() + QStringLiteral("\n\n");
    QToolTip::showText(
        help->globalPos(),
        said + tr("computing: forward and backward\nwaiting: at the end of backward, for "
                  "gradients of other processes\nall-reduce: while gradients are exchanged, "
                  "hidden behind computing or not\nsent: bytes of gradients in a step"),
        this);
  } else {
    const RankRow& shown = parts_->rows[static_cast<size_t>(row)];
    QToolTip::showText(help->globalPos(), tr("%1\non %2").arg(rowText(row), shown.host), this);
  }
  return true;
}

}  // namespace nw::widgets
