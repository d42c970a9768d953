#pragma once

#include <QDockWidget>

class QStackedWidget;
class QTabBar;

namespace nw::app {

/// A panel at a side of the window: one quiet line (its title, or its tabs) with buttons to tear it
/// off and to close it, and below it the pages. Drag the line to move the panel.
class PanelDock : public QDockWidget {
  Q_OBJECT

 public:
  enum class Header { Title, Tabs };

  PanelDock(const QString& name, const QString& title, Header header, QWidget* parent = nullptr);

  /// Adds a page; its title is a tab where the header has tabs.
  void addPage(QWidget* page, const QString& title = {});
  void setPageTitle(int index, const QString& title);
  void showPage(int index);
  int currentPage() const;
  QTabBar* tabs() const { return tabs_; }

 signals:
  void pageShown(int index);

 private:
  QTabBar* tabs_ = nullptr;
  QStackedWidget* pages_;
};

}  // namespace nw::app
