#include "app/windows/message_area.h"

#include <QVBoxLayout>

namespace nw::app {

using widgets::MessageBar;

MessageArea::MessageArea(QWidget* parent) : QWidget(parent), layout_(new QVBoxLayout(this)) {
  layout_->setContentsMargins(0, 0, 0, 0);
  layout_->setSpacing(0);
  setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Maximum);
}

void MessageArea::show(const QString& topic, Tone tone, const QString& text, const QString& words,
                       const Action& action) {
  dismiss(topic);
  auto* bar = new MessageBar(this);
  bar->setObjectName(topic);
  bars_.insert(topic, bar);
  layout_->addWidget(bar);
  connect(bar, &MessageBar::dismissed, this, [this, topic] { dismiss(topic); });
  connect(bar, &MessageBar::actionTriggered, this, [this, topic, action] {
    const Action run = action;  // the bar may go while it runs
    dismiss(topic);
    if (run) run();
  });
  bar->showMessage(tone, text, words);
}

void MessageArea::dismiss(const QString& topic) {
  MessageBar* bar = bars_.take(topic);
  if (!bar) return;
  layout_->removeWidget(bar);
  bar->hide();
  bar->deleteLater();
}

QString MessageArea::text(const QString& topic) const {
  const MessageBar* bar = bars_.value(topic);
  return bar ? bar->text() : QString();
}

}  // namespace nw::app
