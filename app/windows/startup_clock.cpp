#include "app/windows/startup_clock.h"

#include <time.h>
#include <unistd.h>

#include <QEvent>
#include <QFile>
#include <QWidget>

namespace nw::app {

StartupClock::StartupClock(QWidget* window, Report report)
    : QObject(window), report_(std::move(report)) {
  window->installEventFilter(this);
}

bool StartupClock::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::Paint && report_) {
    // The queue is served once the whole window has been painted and flushed.
    QMetaObject::invokeMethod(
        this, [report = std::exchange(report_, {})] { report(millisecondsSinceStart()); },
        Qt::QueuedConnection);
  }
  return QObject::eventFilter(watched, event);
}

double millisecondsSinceStart() {
  QFile file("/proc/self/stat");
  if (!file.open(QIODevice::ReadOnly)) return 0;
  const QByteArray text = file.readAll();
  // Field 22, counted after the name in parentheses (proc(5)).
  const QList<QByteArray> fields = text.mid(text.lastIndexOf(')') + 2).split(' ');
  constexpr int kStartTime = 22 - 3;
  if (fields.size() <= kStartTime) return 0;
  const double started =
      fields[kStartTime].toDouble() / static_cast<double>(sysconf(_SC_CLK_TCK)) * 1e3;
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6 - started;
}

}  // namespace nw::app
