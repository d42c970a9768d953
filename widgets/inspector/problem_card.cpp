#include "widgets/inspector/problem_card.h"

#include <QPainter>
#include <QPushButton>
#include <QVBoxLayout>

#include "widgets/controls/text_label.h"
#include "widgets/problems/severity.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::widgets {

namespace {

constexpr int kIconPx = 16;
constexpr int kTextIndent = 32;

}  // namespace

ProblemCard::ProblemCard(const graph::Problem& problem, QWidget* parent)
    : QFrame(parent), severity_(problem.severity) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(kTextIndent, Theme::kGrid, Theme::kGrid, Theme::kGrid);
  layout->setSpacing(Theme::kPadding);
  auto* text = new TextLabel(QString::fromStdString(problem.text));
  text->setWordWrap(true);
  text->setTextInteractionFlags(Qt::TextSelectableByMouse);
  layout->addWidget(text);
  for (const graph::Fix& fix : problem.fixes) {
    auto* button = new QPushButton(QString::fromStdString(fix.text));
    layout->addWidget(button, 0, Qt::AlignLeft);
    connect(button, &QPushButton::clicked, this, [this, fix] { emit fixRequested(fix); });
  }
  setAccessibleName(severityName(severity_) + QStringLiteral(": ") + text->text());
}

void ProblemCard::paintEvent(QPaintEvent*) {
  const Theme theme = Theme::of(this);
  const QColor color = severityColor(theme, severity_);
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(Qt::NoPen);
  painter.setBrush(mix(theme.window, color, 0.1));
  painter.drawRoundedRect(rect(), Theme::kRadius, Theme::kRadius);
  paintIcon(painter, QRectF(Theme::kGrid, Theme::kGrid + 1, kIconPx, kIconPx),
            severityIcon(severity_), color);
}

}  // namespace nw::widgets
