#include "app/document/edit_command.h"

#include <algorithm>
#include <utility>

#include "app/document/document.h"

namespace nw::app {
namespace {

constexpr qint64 kMergeMs = 1000;

}  // namespace

EditCommand::EditCommand(Document& document, const QString& text, std::vector<Edit> edits,
                         Merging merging)
    : QUndoCommand(text), document_(document), edits_(std::move(edits)), merging_(merging) {
  age_.start();
}

void EditCommand::undo() {
  std::vector<Edit> back;
  for (auto edit = edits_.rbegin(); edit != edits_.rend(); ++edit) {
    back.push_back(inverted(*edit));
  }
  document_.perform(back);
}

void EditCommand::redo() {
  if (!std::exchange(done_, false)) document_.perform(edits_);
}

bool EditCommand::mergeWith(const QUndoCommand* next) {
  const auto& other = static_cast<const EditCommand&>(*next);
  if (age_.elapsed() > kMergeMs || other.edits_.size() != edits_.size()) return false;
  std::vector<Edit> merged = edits_;
  for (size_t i = 0; i < merged.size(); ++i) {
    if (!merge(merged[i], other.edits_[i])) return false;
  }
  edits_ = std::move(merged);
  age_.restart();
  setText(other.text());
  setObsolete(std::all_of(edits_.begin(), edits_.end(), changesNothing));
  return true;
}

}  // namespace nw::app
