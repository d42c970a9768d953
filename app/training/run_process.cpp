#include "app/training/run_process.h"

#include <QFileInfo>

#include "app/training/process_keeper.h"
#include "core/base/error.h"
#include "core/io/state_file.h"
#include "core/train/checkpoint.h"

namespace nw::app {
namespace {

constexpr int kPatienceMs = 10000;

}  // namespace

RunProcess::RunProcess(const graph::Project& project, Begin begin)
    : RunProcess(project, begin, std::make_shared<QTemporaryDir>()) {}

RunProcess::RunProcess(graph::Project project, Begin begin, std::shared_ptr<QTemporaryDir> folder)
    : project_(std::move(project)),
      folder_(std::move(folder)),
      keeper_(std::make_unique<ProcessKeeper>(mailbox_)) {
  thread_.setObjectName("run");
  keeper_->moveToThread(&thread_);
  thread_.start();
  const QString file = folder_->filePath("run.netwright");
  QStringList words{"train",        file,        "--events", "--out", folder_->filePath("out"),
                    "--checkpoint", checkpoint()};
  if (begin == Begin::OneStep) words << "--paused";
  if (canGoOn()) words << "--resume" << checkpoint();
  ask([project = project_, file, words](ProcessKeeper& keeper) {
    try {
      graph::save_project(project, file.toStdString());
      keeper.start(words);
    } catch (const Error& error) {
      keeper.fail(QString::fromUtf8(error.what()));
    }
  });
  if (begin == Begin::OneStep) send(train::Command::Step);
}

RunProcess::~RunProcess() {
  send(train::Command::Stop);
  wait();
}

void RunProcess::ask(const std::function<void(ProcessKeeper&)>& task) {
  QMetaObject::invokeMethod(
      keeper_.get(), [keeper = keeper_.get(), task] { task(*keeper); }, Qt::QueuedConnection);
}

void RunProcess::send(train::Command command) {
  ask([command](ProcessKeeper& keeper) { keeper.send(command); });
}

void RunProcess::wait() {
  for (const bool force : {false, true}) {
    if (thread_.wait(kPatienceMs)) return;
    ask([force](ProcessKeeper& keeper) { keeper.end(force); });
  }
  thread_.wait();
}

QString RunProcess::finalWeights() const {
  return folder_->filePath("out/run.pt");
}

QString RunProcess::checkpoint() const {
  return folder_->filePath("checkpoint.pt");
}

bool RunProcess::hasWeights() const {
  return QFileInfo::exists(finalWeights()) || canGoOn();
}

bool RunProcess::canGoOn() const {
  return QFileInfo::exists(checkpoint());
}

std::unique_ptr<ActiveRun> RunProcess::goOn(const std::string& device) const {
  graph::Project project = project_;
  project.run.device = device;
  return std::unique_ptr<ActiveRun>(new RunProcess(std::move(project), Begin::Running, folder_));
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
