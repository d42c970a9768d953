#pragma once

#include <QApplication>
#include <QElapsedTimer>
#include <QTimer>
#include <algorithm>

namespace nw::test {

/// An application that measures how long each event keeps the window's thread busy, nested ones
/// included in the outermost.
class WatchfulApplication : public QApplication {
 public:
  using QApplication::QApplication;

  double longestEventMs() const { return longestEvent_; }
  const QString& longestEventName() const { return longestName_; }
  void reset() {
    longestEvent_ = 0;
    longestName_.clear();
  }

  bool notify(QObject* receiver, QEvent* event) override {
    if (depth_ > 0 || !watching_) return QApplication::notify(receiver, event);
    // The receiver may be gone afterwards.
    const QString name =
        QString("%1 to %2").arg(event->type()).arg(receiver->metaObject()->className());
    QElapsedTimer clock;
    clock.start();
    ++depth_;
    const bool result = QApplication::notify(receiver, event);
    --depth_;
    const double ms = double(clock.nsecsElapsed()) / 1e6;
    if (ms > longestEvent_) {
      longestEvent_ = ms;
      longestName_ = name;
    }
    return result;
  }
  void setWatching(bool on) { watching_ = on; }

 private:
  double longestEvent_ = 0;
  QString longestName_;
  int depth_ = 0;
  bool watching_ = false;
};

/// Measures how late a heartbeat comes: everything that keeps the event loop from turning, other
/// programs on the machine included.
class Heartbeat : public QObject {
 public:
  Heartbeat() {
    timer_.setTimerType(Qt::PreciseTimer);
    timer_.setInterval(kBeatMs);
    connect(&timer_, &QTimer::timeout, this, [this] {
      latest_ = std::max(latest_, double(clock_.nsecsElapsed()) / 1e6 - kBeatMs);
      clock_.restart();
    });
    clock_.start();
    timer_.start();
  }
  double latestMs() const { return latest_; }
  /// While the test itself keeps the thread busy (saving a picture).
  void pause() { timer_.stop(); }
  void resume() {
    clock_.restart();
    timer_.start();
  }

 private:
  static constexpr int kBeatMs = 5;
  QTimer timer_;
  QElapsedTimer clock_;
  double latest_ = 0;
};

}  // namespace nw::test
