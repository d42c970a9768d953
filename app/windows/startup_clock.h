#pragma once

#include <QObject>
#include <functional>

class QWidget;

namespace nw::app {

/// Tells, once, how many milliseconds after the start of the process a window was painted first.
class StartupClock : public QObject {
  Q_OBJECT

 public:
  using Report = std::function<void(double milliseconds)>;

  StartupClock(QWidget* window, Report report);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  Report report_;
};

/// Milliseconds since this process was started, in steps of the kernel's clock tick (10 ms).
double millisecondsSinceStart();

}  // namespace nw::app
