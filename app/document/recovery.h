#pragma once

#include <QDateTime>
#include <QLockFile>
#include <QObject>
#include <QThreadPool>
#include <QTimer>
#include <memory>
#include <optional>
#include <vector>

#include "app/document/document.h"

namespace nw::app {

/// The folder where unsaved work is kept, one file a document. A lock beside each tells whether its
/// program still runs. Files are written on a thread of the store.
class RecoveryStore {
 public:
  /// Work that a program which is gone left behind.
  struct Orphan {
    QString file;
    QString title;
    QDateTime savedAt;
  };

  explicit RecoveryStore(const QString& folder);
  /// Waits until all is written.
  ~RecoveryStore();

  const QString& folder() const { return folder_; }
  std::vector<Orphan> orphans() const;
  /// The work in a file; none when it cannot be read.
  std::optional<graph::Project> read(const QString& file) const;
  void discard(const QString& file) const;

  void writeLater(const QString& file, const QString& title, const graph::Project& project);
  void removeLater(const QString& file);
  /// Until everything asked for so far is done.
  void wait() { writer_.waitForDone(); }

 private:
  QString folder_;
  QThreadPool writer_;
};

/// Keeps a document's unsaved work in the store: a moment after an edit it is written, and removed
/// once the document is saved or closed on purpose.
class Autosave : public QObject {
  Q_OBJECT

 public:
  /// Borrows both; they must outlive it.
  Autosave(Document& document, RecoveryStore& store, QObject* parent = nullptr);
  /// The document is closed and its work is not wanted any more.
  ~Autosave() override;

  const QString& file() const { return file_; }
  /// Does at once what would happen a moment after an edit.
  void save();

 private:
  Document& document_;
  RecoveryStore& store_;
  QString file_;
  std::unique_ptr<QLockFile> lock_;
  QTimer timer_;
};

}  // namespace nw::app
