#pragma once

#include <QElapsedTimer>
#include <QUndoCommand>
#include <vector>

#include "app/document/edit.h"

namespace nw::app {

class Document;

/// One undo step: edits that were done together. Made when they are already done.
class EditCommand : public QUndoCommand {
 public:
  enum class Merging { Never, WithNext };

  EditCommand(Document& document, const QString& text, std::vector<Edit> edits, Merging merging);

  void undo() override;
  void redo() override;
  int id() const override { return merging_ == Merging::WithNext ? 1 : -1; }
  /// Takes in the next value of the same thing when it comes within a second.
  bool mergeWith(const QUndoCommand* next) override;

 private:
  Document& document_;
  std::vector<Edit> edits_;
  Merging merging_;
  bool done_ = true;
  QElapsedTimer age_;
};

}  // namespace nw::app
