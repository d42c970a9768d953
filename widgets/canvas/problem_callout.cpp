#include "widgets/canvas/problem_callout.h"

#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QPainter>
#include <QPushButton>

#include "widgets/problems/severity.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::widgets {
namespace {

constexpr int kWidth = 304;
constexpr int kShadow = 6;

}  // namespace

ProblemCallout::ProblemCallout(QWidget* parent) : QWidget(parent) {
  setAccessibleName(tr("What is wrong here"));
  setFixedWidth(kWidth);
  auto* rows = new QVBoxLayout(this);
  rows->setContentsMargins(kShadow + 12, kShadow + 10, kShadow + 12, kShadow + 10);
  rows->setSpacing(8);
  hide();
}

void ProblemCallout::setProblems(const QVector<graph::Problem>& problems) {
  problems_ = problems;
  qDeleteAll(findChildren<QWidget*>("problem", Qt::FindDirectChildrenOnly));
  const Theme theme = Theme::of(this);
  for (const graph::Problem& problem : problems_) {
    auto* row = new QWidget(this);
    row->setObjectName("problem");
    auto* grid = new QGridLayout(row);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setHorizontalSpacing(8);
    grid->setVerticalSpacing(6);
    grid->setColumnStretch(1, 1);
    auto* sign = new QLabel(row);
    sign->setPixmap(icon(severityIcon(problem.severity), severityColor(theme, problem.severity))
                        .pixmap(QSize(18, 18), devicePixelRatioF()));
    grid->addWidget(sign, 0, 0, Qt::AlignTop);
    auto* text = new QLabel(QString::fromStdString(problem.text), row);
    text->setTextFormat(Qt::PlainText);
    text->setWordWrap(true);
    text->setTextInteractionFlags(Qt::TextSelectableByMouse);
    grid->addWidget(text, 0, 1);
    for (const graph::Fix& fix : problem.fixes) {
      auto* button = new QPushButton(QString::fromStdString(fix.text), row);
      connect(button, &QPushButton::clicked, this, [this, fix] { emit fixRequested(fix); });
      grid->addWidget(button, grid->rowCount(), 1, Qt::AlignLeft);
    }
    layout()->addWidget(row);
    row->show();
  }
  layout()->activate();
  fitHeight();
}

/// The texts wrap, so the height follows from the width.
void ProblemCallout::fitHeight() {
  setFixedHeight(layout()->totalHeightForWidth(kWidth));
}

bool ProblemCallout::event(QEvent* event) {
  // Another theme has other fonts and borders.
  if (event->type() == QEvent::LayoutRequest && !problems_.isEmpty()) fitHeight();
  // The signs are drawn in the colours of the theme.
  if (event->type() == QEvent::PaletteChange && !problems_.isEmpty()) {
    QMetaObject::invokeMethod(
        this, [this] { setProblems(problems_); }, Qt::QueuedConnection);
  }
  return QWidget::event(event);
}

void ProblemCallout::paintEvent(QPaintEvent*) {
  const Theme theme = Theme::of(this);
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(Qt::NoPen);
  const QRectF card = QRectF(rect()).adjusted(kShadow, kShadow, -kShadow, -kShadow);
  for (int spread = theme.highContrast ? 0 : kShadow; spread > 0; --spread) {
    painter.setBrush(QColor(0, 0, 0, theme.dark ? 26 : 9));
    painter.drawRoundedRect(card.adjusted(-spread, -spread, spread, spread),
                            Theme::kRadius + spread, Theme::kRadius + spread);
  }
  painter.setPen(QPen(theme.line, theme.lineWidth));
  painter.setBrush(theme.card);
  painter.drawRoundedRect(card.adjusted(0.5, 0.5, -0.5, -0.5), Theme::kRadius, Theme::kRadius);
}

void ProblemCallout::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Escape) {
    emit closed();
  } else {
    QWidget::keyPressEvent(event);
  }
}

}  // namespace nw::widgets
