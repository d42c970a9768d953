#include "app/document/recovery.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QJsonDocument>
#include <QJsonObject>
#include <QUuid>

#include "core/base/file.h"

namespace nw::app {
namespace {

constexpr int kSaveAfterMs = 1000;
constexpr auto kSuffix = ".recovery";
constexpr auto kLockSuffix = ".lock";

std::unique_ptr<QLockFile> lockOf(const QString& file) {
  auto lock = std::make_unique<QLockFile>(file + kLockSuffix);
  lock->setStaleLockTime(0);  // age says nothing; a dead process does
  return lock;
}

QJsonObject readObject(const QString& file) {
  QFile in(file);
  if (!in.open(QIODevice::ReadOnly)) return {};
  return QJsonDocument::fromJson(in.readAll()).object();
}

}  // namespace

RecoveryStore::RecoveryStore(const QString& folder) : folder_(folder) {
  QDir().mkpath(folder_);
  writer_.setMaxThreadCount(1);
}

RecoveryStore::~RecoveryStore() {
  writer_.waitForDone();
}

std::vector<RecoveryStore::Orphan> RecoveryStore::orphans() const {
  std::vector<Orphan> found;
  const QDir dir(folder_);
  for (const QString& name : dir.entryList({QString("*") + kSuffix}, QDir::Files, QDir::Time)) {
    const QString file = dir.filePath(name);
    if (!lockOf(file)->tryLock()) continue;  // its program still runs
    const QJsonObject object = readObject(file);
    if (!object.contains("project")) continue;
    found.push_back({file, object["title"].toString(), QFileInfo(file).lastModified()});
  }
  return found;
}

std::optional<graph::Project> RecoveryStore::read(const QString& file) const {
  const QString text = readObject(file)["project"].toString();
  try {
    return graph::project_from_json(text.toStdString(), file.toStdString());
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

void RecoveryStore::discard(const QString& file) const {
  QFile::remove(file);
}

void RecoveryStore::writeLater(const QString& file, const QString& title,
                               const graph::Project& project) {
  const QJsonObject object{{"title", title},
                           {"project", QString::fromStdString(graph::to_json(project))}};
  writer_.start([file, json = QJsonDocument(object).toJson()] {
    try {
      write_file_atomically(file.toStdString(), std::string_view(json.data(), json.size()));
    } catch (const std::exception& error) {
      qWarning("Unsaved work could not be kept: %s", error.what());
    }
  });
}

void RecoveryStore::removeLater(const QString& file) {
  writer_.start([file] { QFile::remove(file); });
}

Autosave::Autosave(Document& document, RecoveryStore& store, QObject* parent)
    : QObject(parent), document_(document), store_(store) {
  const QString name = QUuid::createUuid().toString(QUuid::WithoutBraces);
  file_ = QDir(store.folder()).filePath(name + kSuffix);
  lock_ = lockOf(file_);
  lock_->tryLock();
  timer_.setSingleShot(true);
  timer_.setInterval(kSaveAfterMs);
  connect(&timer_, &QTimer::timeout, this, &Autosave::save);
  connect(&document_, &Document::changed, this, [this] {
    if (!timer_.isActive()) timer_.start();
  });
  if (document_.isModified()) timer_.start();
}

Autosave::~Autosave() {
  store_.removeLater(file_);
}

void Autosave::save() {
  if (document_.isModified()) {
    store_.writeLater(file_, document_.title(), document_.project());
  } else {
    store_.removeLater(file_);
  }
}

}  // namespace nw::app
