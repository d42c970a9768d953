#pragma once

#include <QMenu>
#include <QPointer>

namespace nw::widgets {

/// A menu that stays open while its checkable entries are ticked, by the pointer or by Space, so
/// that several can be chosen in one go. Enter ticks and closes; Escape closes.
class TickMenu : public QMenu {
  Q_OBJECT

 public:
  using QMenu::QMenu;

 protected:
  void mousePressEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  QPointer<QAction> pressed_;
};

}  // namespace nw::widgets
