#include "app/training/run_process.h"

#include <QCoreApplication>
#include <QFileInfo>

#ifdef __linux__
#include <sys/prctl.h>

#include <csignal>
#endif

#include "core/base/error.h"
#include "core/graph/project.h"
#include "core/io/state_file.h"
#include "core/train/checkpoint.h"

namespace nw::app {
namespace {

constexpr int kPatienceMs = 10000;
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

RunProcess::RunProcess(const graph::Project& project, Begin begin)
    : folder_(std::make_shared<QTemporaryDir>()) {
#ifdef __linux__
  // Should the window be killed, its processes go with it.
  process_.setChildProcessModifier([] { prctl(PR_SET_PDEATHSIG, SIGTERM); });
#endif
  connect(&process_, &QProcess::readyReadStandardOutput, this, &RunProcess::readLines);
  connect(&process_, &QProcess::readyReadStandardError, this, [this] {
    complaints_ = (complaints_ + process_.readAllStandardError()).right(kComplaints);
  });
  connect(&process_, &QProcess::finished, this, &RunProcess::end);
  connect(&process_, &QProcess::errorOccurred, this, [this](QProcess::ProcessError error) {
    if (error != QProcess::FailedToStart) return;
    complaints_ = tr("%1 cannot be started: %2. Install Netwright whole.")
                      .arg(process_.program(), process_.errorString())
                      .toUtf8();
    end();
  });
  start(project, begin);
}

RunProcess::~RunProcess() {
  process_.disconnect(this);
  if (process_.state() == QProcess::NotRunning) return;
  send(train::Command::Stop);
  wait();
}

void RunProcess::start(const graph::Project& project, Begin begin) {
  const QString file = folder_->filePath("run.netwright");
  try {
    graph::save_project(project, file.toStdString());
  } catch (const Error& error) {
    complaints_ = error.what();
    return end();
  }
  QStringList words{"train",        file,        "--events", "--out", folder_->filePath("out"),
                    "--checkpoint", checkpoint()};
  if (begin == Begin::OneStep) words << "--paused";
  process_.start(program(), words);
  if (begin == Begin::OneStep) send(train::Command::Step);
}

void RunProcess::send(train::Command command) {
  process_.write(QByteArray::fromStdString(train::to_line(command)));
}

void RunProcess::readLines() {
  unread_ += process_.readAllStandardOutput();
  qsizetype begin = 0;
  for (qsizetype end = unread_.indexOf('\n'); end >= 0; end = unread_.indexOf('\n', begin)) {
    try {
      events_.push_back(
          train::event_from_line({unread_.constData() + begin, static_cast<size_t>(end - begin)}));
      finished_ = finished_ || std::holds_alternative<train::Finished>(events_.back());
    } catch (const Error& error) {
      complaints_ = (complaints_ + error.what() + '\n').right(kComplaints);
    }
    begin = end + 1;
  }
  unread_.remove(0, begin);
}

/// A run that went without a word gets its last event from here.
void RunProcess::end() {
  if (process_.state() != QProcess::NotRunning || process_.isOpen()) readLines();
  if (finished_) return;
  finished_ = true;
  complaints_ = (complaints_ + process_.readAllStandardError()).right(kComplaints);
  train::Finished failed;
  failed.outcome = train::Outcome::Failed;
  failed.text = QString::fromUtf8(complaints_).trimmed().toStdString();
  if (failed.text.empty()) {
    failed.text = tr("The training processes ended unexpectedly (%1).")
                      .arg(process_.exitStatus() == QProcess::CrashExit
                               ? tr("killed")
                               : tr("exit code %1").arg(process_.exitCode()))
                      .toStdString();
  }
  events_.push_back(std::move(failed));
}

std::vector<train::RunEvent> RunProcess::takeEvents() {
  return std::exchange(events_, {});
}

void RunProcess::wait() {
  if (process_.state() == QProcess::NotRunning) return;
  if (process_.waitForFinished(kPatienceMs)) return;
  process_.terminate();
  if (process_.waitForFinished(kPatienceMs)) return;
  process_.kill();
  process_.waitForFinished();
}

QString RunProcess::finalWeights() const {
  return folder_->filePath("out/run.pt");
}

QString RunProcess::checkpoint() const {
  return folder_->filePath("checkpoint.pt");
}

bool RunProcess::hasWeights() const {
  return QFileInfo::exists(finalWeights()) || QFileInfo::exists(checkpoint());
}

std::function<nn::StateDict()> RunProcess::weights() const {
  const std::string file = finalWeights().toStdString();
  if (QFileInfo::exists(finalWeights())) {
    return [file, folder = folder_] { return io::load_state(file); };
  }
  return [file = checkpoint().toStdString(), folder = folder_] {
    train::Checkpoint kept = train::load_checkpoint(file);
    return kept.average ? std::move(kept.average->model) : std::move(kept.model);
  };
}

}  // namespace nw::app
