#pragma once

#include <sys/resource.h>

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>
#include <QTest>
#include <functional>
#include <optional>

/// The real netwright-cli, run as a child.
namespace nw::cli_test {

inline constexpr int kWaitMs = 500'000;

struct Result {
  int code = -1;
  bool crashed = false;
  QByteArray out;
  QByteArray err;

  /// The one JSON object on standard output; empty when it is anything else.
  QJsonObject json() const { return QJsonDocument::fromJson(out).object(); }
  QByteArray all() const { return "exit " + QByteArray::number(code) + "\n" + out + err; }
};

struct Setup {
  QString folder;                            // working directory
  QString stdout_file;                       // instead of a pipe
  std::optional<rlim_t> most_file_bytes;     // RLIMIT_FSIZE
  std::function<void(QProcess&)> meanwhile;  // called once the child runs
};

inline QString program() {
  return NW_BINARY_DIR "/bin/netwright-cli";
}
inline QString example(const QString& name) {
  return NW_SOURCE_DIR "/resources/examples/" + name;
}

inline Result run(const QStringList& words, const Setup& setup = {}) {
  QProcess child;
  if (!setup.folder.isEmpty()) child.setWorkingDirectory(setup.folder);
  if (!setup.stdout_file.isEmpty()) child.setStandardOutputFile(setup.stdout_file);
  if (setup.most_file_bytes) {
    const rlim_t most = *setup.most_file_bytes;
    child.setChildProcessModifier([most] {
      const rlimit limit{most, most};
      setrlimit(RLIMIT_FSIZE, &limit);
    });
  }
  child.start(program(), words);
  if (setup.meanwhile) setup.meanwhile(child);
  child.waitForFinished(kWaitMs);
  Result result;
  result.code = child.exitCode();
  result.crashed = child.exitStatus() != QProcess::NormalExit;
  result.out += child.readAllStandardOutput();
  result.err += child.readAllStandardError();
  return result;
}

inline QByteArray read(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

inline void write(const QString& path, const QByteArray& content) {
  QFile file(path);
  QVERIFY2(file.open(QIODevice::WriteOnly) && file.write(content) == content.size(),
           qPrintable(path));
}

/// An example project, changed, as a file of its own in `folder`; gives its path.
inline QString changed_example(const QString& folder, const QString& name,
                               const std::function<void(QJsonObject&)>& change) {
  QJsonObject project = QJsonDocument::fromJson(read(example(name))).object();
  change(project);
  const QString path = folder + "/" + name;
  write(path, QJsonDocument(project).toJson());
  return path;
}

/// Replaces one member of project["run"].
inline void set_run(QJsonObject& project, const QString& key, const QJsonValue& value) {
  QJsonObject settings = project["run"].toObject();
  settings[key] = value;
  project["run"] = settings;
}

/// Edits the arrays of project["graph"].
inline void edit_graph(QJsonObject& project,
                       const std::function<void(QJsonArray& nodes, QJsonArray& wires)>& edit) {
  QJsonObject graph = project["graph"].toObject();
  QJsonArray nodes = graph["nodes"].toArray();
  QJsonArray wires = graph["wires"].toArray();
  edit(nodes, wires);
  graph["nodes"] = nodes;
  graph["wires"] = wires;
  project["graph"] = graph;
}

}  // namespace nw::cli_test

/// Fails the test with all that the child said unless the condition holds.
#define VERIFY_CHILD(condition, result) QVERIFY2(condition, (result).all().constData())
