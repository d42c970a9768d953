#include "widgets/problems/message_bar.h"

#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QToolButton>

#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::widgets {

namespace {

constexpr int kIconPx = 16;

QColor toneColor(const Theme& theme, MessageBar::Tone tone) {
  switch (tone) {
    case MessageBar::Tone::Success:
      return theme.good;
    case MessageBar::Tone::Warning:
      return theme.warning;
    case MessageBar::Tone::Error:
      return theme.error;
    case MessageBar::Tone::Info:
      break;
  }
  return theme.link;
}

QString toneIcon(MessageBar::Tone tone) {
  switch (tone) {
    case MessageBar::Tone::Success:
      return QStringLiteral("check");
    case MessageBar::Tone::Warning:
      return QStringLiteral("warning");
    case MessageBar::Tone::Error:
      return QStringLiteral("error");
    case MessageBar::Tone::Info:
      break;
  }
  return QStringLiteral("info");
}

}  // namespace

MessageBar::MessageBar(QWidget* parent)
    : QFrame(parent),
      icon_(new QLabel),
      text_(new QLabel),
      action_(new QPushButton),
      close_(new QToolButton) {
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(12, 6, 6, 6);
  layout->setSpacing(Theme::kGrid);
  layout->addWidget(icon_, 0, Qt::AlignVCenter);
  layout->addWidget(text_, 1);
  layout->addWidget(action_, 0, Qt::AlignVCenter);
  layout->addWidget(close_, 0, Qt::AlignVCenter);

  text_->setWordWrap(true);
  text_->setTextFormat(Qt::PlainText);
  text_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  action_->setObjectName(QStringLiteral("messageAction"));
  close_->setObjectName(QStringLiteral("messageClose"));
  close_->setIcon(icon(QStringLiteral("close")));
  close_->setIconSize(QSize(14, 14));
  close_->setAutoRaise(true);
  close_->setToolTip(tr("Close this message"));
  close_->setAccessibleName(close_->toolTip());
  connect(action_, &QPushButton::clicked, this, &MessageBar::actionTriggered);
  connect(close_, &QToolButton::clicked, this, &MessageBar::dismiss);
  hide();
}

void MessageBar::showMessage(Tone tone, const QString& text, const QString& action) {
  tone_ = tone;
  text_->setText(text);
  action_->setText(action);
  action_->setVisible(!action.isEmpty());
  setAccessibleName(text);
  restyle();
  show();
}

QString MessageBar::text() const {
  return text_->text();
}

void MessageBar::dismiss() {
  if (isHidden()) return;
  hide();
  emit dismissed();
}

void MessageBar::restyle() {
  const QColor color = toneColor(Theme::of(this), tone_);
  icon_->setPixmap(
      icon(toneIcon(tone_), color).pixmap(QSize(kIconPx, kIconPx), devicePixelRatioF()));
  update();
}

void MessageBar::changeEvent(QEvent* event) {
  QFrame::changeEvent(event);
  if (event->type() == QEvent::PaletteChange) restyle();
}

void MessageBar::paintEvent(QPaintEvent*) {
  const Theme theme = Theme::of(this);
  const QColor color = toneColor(theme, tone_);
  QPainter painter(this);
  painter.fillRect(rect(), mix(theme.window, color, 0.12));
  painter.fillRect(QRectF(0, 0, 3, height()), color);
}

void MessageBar::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Escape) {
    dismiss();
  } else {
    QFrame::keyPressEvent(event);
  }
}

}  // namespace nw::widgets
