#pragma once

#include <QByteArray>
#include <QObject>
#include <QProcess>
#include <QStringList>
#include <memory>

#include "app/training/event_mailbox.h"

namespace nw::app {

/// Looks after the program that trains in processes of its own: starts it, hands commands on, reads
/// what it tells into a mailbox, and says the last word when it goes without one. Lives on a thread
/// of its own, whose event loop it ends with the program; only that thread calls it.
class ProcessKeeper : public QObject {
  Q_OBJECT

 public:
  /// The mailbox must outlive it.
  explicit ProcessKeeper(EventMailbox& mailbox) : mailbox_(mailbox) {}

  void start(const QStringList& arguments);
  void send(train::Command command);
  /// Asks the program to end, whatever it does; with `force` it is not asked.
  void end(bool force);
  /// There is nothing to start.
  void fail(const QString& why);

 private:
  void readLines();
  void readComplaints();
  void finish();
  QString lastWords() const;

  EventMailbox& mailbox_;
  std::unique_ptr<QProcess> process_;
  QByteArray unread_;      // the begin of a line
  QByteArray complaints_;  // the last words on its standard error
  bool finished_ = false;  // the last event is in the mailbox
};

}  // namespace nw::app
