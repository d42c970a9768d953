#include "widgets/controls/tick_menu.h"

#include <QKeyEvent>
#include <QMouseEvent>

namespace nw::widgets {
namespace {

bool canBeTicked(const QAction* action) {
  return action && action->isEnabled() && action->isCheckable();
}

}  // namespace

void TickMenu::mousePressEvent(QMouseEvent* event) {
  pressed_ = actionAt(event->position().toPoint());
  QMenu::mousePressEvent(event);
}

void TickMenu::mouseReleaseEvent(QMouseEvent* event) {
  QAction* action = actionAt(event->position().toPoint());
  // What was pressed elsewhere, on the button that opened the menu, is no tick.
  const bool ticks = canBeTicked(action) && action == pressed_;
  pressed_ = nullptr;
  if (!ticks) return QMenu::mouseReleaseEvent(event);
  action->trigger();
  event->accept();
}

void TickMenu::keyPressEvent(QKeyEvent* event) {
  if (event->key() != Qt::Key_Space || !canBeTicked(activeAction())) {
    return QMenu::keyPressEvent(event);
  }
  activeAction()->trigger();
  event->accept();
}

}  // namespace nw::widgets
