#include "app/training/process_keeper.h"

#include <QCoreApplication>
#include <QFileInfo>
#include <QThread>

#ifdef __linux__
#include <sys/prctl.h>
#include <sys/resource.h>

#include <csignal>
#endif

#include "core/base/error.h"
#include "core/dist/fault.h"

namespace nw::app {
namespace {

constexpr int kComplaints = 4096;  // bytes

/// The command line program beside this one.
QString program() {
  const QString here = QCoreApplication::applicationDirPath();
  for (const char* place : {"/netwright-cli", "/../bin/netwright-cli"}) {
    if (QFileInfo(here + place).isExecutable()) return here + place;
  }
  return here + "/netwright-cli";
}

}  // namespace

void ProcessKeeper::start(const QStringList& arguments) {
  process_ = std::make_unique<QProcess>();
#ifdef __linux__
  process_->setChildProcessModifier([] {
    // Should the window be killed, its processes go with it.
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    // The window goes first where the processors are fewer than the processes.
    constexpr int kNice = 5;
    setpriority(PRIO_PROCESS, 0, kNice);
  });
#endif
  connect(process_.get(), &QProcess::readyReadStandardOutput, this, &ProcessKeeper::readLines);
  connect(process_.get(), &QProcess::readyReadStandardError, this, &ProcessKeeper::readComplaints);
  connect(process_.get(), &QProcess::finished, this, &ProcessKeeper::finish);
  connect(process_.get(), &QProcess::errorOccurred, this, [this](QProcess::ProcessError error) {
    if (error != QProcess::FailedToStart) return;
    complaints_ = tr("%1 cannot be started: %2. Install Netwright whole.")
                      .arg(process_->program(), process_->errorString())
                      .toUtf8();
    finish();
  });
  process_->start(program(), arguments);
}

void ProcessKeeper::send(train::Command command) {
  if (process_) process_->write(QByteArray::fromStdString(train::to_line(command)));
}

void ProcessKeeper::end(bool force) {
  if (!process_) return;
  if (force) {
    process_->kill();
  } else {
    process_->terminate();
  }
}

void ProcessKeeper::fail(const QString& why) {
  complaints_ = why.toUtf8();
  finish();
}

void ProcessKeeper::readLines() {
  unread_ += process_->readAllStandardOutput();
  qsizetype begin = 0;
  for (qsizetype end = unread_.indexOf('\n'); end >= 0; end = unread_.indexOf('\n', begin)) {
    try {
      train::RunEvent event =
          train::event_from_line({unread_.constData() + begin, static_cast<size_t>(end - begin)});
      finished_ = finished_ || std::holds_alternative<train::Finished>(event);
      mailbox_.put(std::move(event));
    } catch (const Error& error) {
      complaints_ = (complaints_ + error.what() + '\n').right(kComplaints);
    }
    begin = end + 1;
  }
  unread_.remove(0, begin);
}

void ProcessKeeper::readComplaints() {
  complaints_ = (complaints_ + process_->readAllStandardError()).right(kComplaints);
}

/// A run that went without a word gets its last event from here.
void ProcessKeeper::finish() {
  if (process_ && process_->isOpen()) {
    readLines();
    readComplaints();
  }
  if (!finished_) {
    finished_ = true;
    train::Finished failed;
    failed.outcome = train::Outcome::Failed;
    failed.text = lastWords().toStdString();
    mailbox_.put(std::move(failed));
  }
  if (process_) {
    process_->disconnect(this);
    process_.release()->deleteLater();  // one of its signals may have led here
  }
  thread()->quit();
}

QString ProcessKeeper::lastWords() const {
  if (process_ && process_->exitStatus() == QProcess::CrashExit) {
    const QString signal = QString::fromStdString(dist::signal_name(process_->exitCode()));
    return tr("The program that looks after the training processes was ended by %1, and they with "
              "it; press Train to start again.")
        .arg(signal);
  }
  const QString said = QString::fromUtf8(complaints_).trimmed();
  if (!said.isEmpty()) return said;
  return tr("The training processes ended without a word (exit code %1); press Train to start "
            "again.")
      .arg(process_ ? process_->exitCode() : 0);
}

}  // namespace nw::app
