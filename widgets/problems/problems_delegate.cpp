#include "widgets/problems/problems_delegate.h"

#include <QFontMetrics>
#include <QMouseEvent>
#include <QPainter>
#include <algorithm>

#include "widgets/problems/problems_model.h"
#include "widgets/problems/severity.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::widgets {

namespace {

constexpr int kIconPx = 16;
constexpr int kMargin = 8;
constexpr int kNameWidth = 120;
constexpr int kLinkGap = 20;
constexpr int kWrap = Qt::TextWordWrap | Qt::AlignLeft | Qt::AlignTop;

}  // namespace

struct ProblemsDelegate::Layout {
  QRect icon;
  QRect name;
  QRect text;
  QVector<QRect> links;
  int height = 0;
};

ProblemsDelegate::ProblemsDelegate(ProblemsModel* model, QObject* parent)
    : QStyledItemDelegate(parent), model_(model) {}

ProblemsDelegate::Layout ProblemsDelegate::layout(const QModelIndex& index,
                                                  const QRect& row) const {
  const graph::Problem& problem = model_->problem(index.row());
  const QFontMetrics metrics(uiFont(Theme::kBasePx));
  Layout out;
  int left = row.left() + kMargin;
  const int top = row.top() + kMargin - 2;
  out.icon = QRect(left, top + (metrics.height() - kIconPx) / 2, kIconPx, kIconPx);
  left = out.icon.right() + kMargin;
  out.name = QRect(left, top, kNameWidth, metrics.height());
  left = out.name.right() + kMargin;
  const int width = std::max(80, row.right() - kMargin - left);
  const QString text = QString::fromStdString(problem.text);
  out.text =
      QRect(QPoint(left, top), metrics.boundingRect(QRect(0, 0, width, 10000), kWrap, text).size());
  int bottom = out.text.bottom();
  int x = left;
  int y = bottom + Theme::kPadding;
  for (const graph::Fix& fix : problem.fixes) {
    const int need = metrics.horizontalAdvance(QString::fromStdString(fix.text)) + 2;
    if (x > left && x + need > left + width) {
      x = left;
      y += metrics.height() + Theme::kPadding;
    }
    out.links << QRect(x, y, std::min(need, width), metrics.height());
    bottom = out.links.last().bottom();
    x += need + kLinkGap;
  }
  out.height = bottom + kMargin - 1 - row.top();
  return out;
}

QRect ProblemsDelegate::linkRect(const QModelIndex& index, const QRect& row, int fix) const {
  return layout(index, row).links.value(fix);
}

int ProblemsDelegate::fixAt(const QModelIndex& index, const QRect& row, QPoint at) const {
  const QVector<QRect> links = layout(index, row).links;
  const auto hit = std::find_if(links.begin(), links.end(),
                                [&](const QRect& link) { return link.contains(at); });
  return hit == links.end() ? -1 : int(hit - links.begin());
}

void ProblemsDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                             const QModelIndex& index) const {
  const graph::Problem& problem = model_->problem(index.row());
  const Theme theme = Theme::of(option.widget);
  const Layout at = layout(index, option.rect);
  painter->save();
  if (option.state & QStyle::State_Selected) {
    painter->fillRect(option.rect, mix(theme.window, theme.accent, theme.dark ? 0.35 : 0.16));
  } else if (option.state & QStyle::State_MouseOver) {
    painter->fillRect(option.rect, theme.hover);
  }
  paintIcon(*painter, at.icon, severityIcon(problem.severity),
            severityColor(theme, problem.severity));
  painter->setPen(theme.text);
  painter->setFont(uiFont(Theme::kBasePx, QFont::DemiBold));
  QString name = model_->nodeName(index.row());
  if (name.isEmpty()) name = tr("Network");
  painter->drawText(at.name, Qt::AlignLeft | Qt::AlignTop,
                    painter->fontMetrics().elidedText(name, Qt::ElideRight, at.name.width()));
  painter->setFont(uiFont(Theme::kBasePx));
  painter->drawText(at.text, kWrap, QString::fromStdString(problem.text));
  painter->setPen(theme.dark ? theme.link.lighter(105) : theme.link);
  for (int fix = 0; fix < at.links.size(); ++fix) {
    const QString text = QString::fromStdString(problem.fixes[size_t(fix)].text);
    painter->drawText(
        at.links[fix], Qt::AlignLeft | Qt::AlignVCenter,
        painter->fontMetrics().elidedText(text, Qt::ElideRight, at.links[fix].width()));
  }
  painter->restore();
}

QSize ProblemsDelegate::sizeHint(const QStyleOptionViewItem& option,
                                 const QModelIndex& index) const {
  const int width = option.rect.width() > 0 ? option.rect.width() : 400;
  return QSize(width, layout(index, QRect(0, 0, width, 0)).height);
}

bool ProblemsDelegate::editorEvent(QEvent* event, QAbstractItemModel* model,
                                   const QStyleOptionViewItem& option, const QModelIndex& index) {
  if (event->type() == QEvent::MouseButtonRelease) {
    const auto* mouse = static_cast<QMouseEvent*>(event);
    const int fix = fixAt(index, option.rect, mouse->position().toPoint());
    if (fix >= 0 && mouse->button() == Qt::LeftButton) {
      const graph::Fix chosen = model_->problem(index.row()).fixes[size_t(fix)];
      emit fixRequested(chosen);  // the list may be another one afterwards
      return true;
    }
  }
  return QStyledItemDelegate::editorEvent(event, model, option, index);
}

}  // namespace nw::widgets
