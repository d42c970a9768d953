#pragma once

#include <QDateTime>
#include <QObject>
#include <QUndoStack>
#include <functional>
#include <utility>
#include <vector>

#include "app/document/change.h"
#include "app/document/signature_cache.h"
#include "app/document/transaction.h"
#include "core/graph/infer.h"
#include "core/graph/project.h"

namespace nw::app {

/// An open project: the truth that all views show. Every edit is one undo step; changed() tells
/// everyone what it touched. Ids cross its border, never pointers into it. Lives in the window's
/// thread; owns the project and its history, and knows no widgets.
class Document : public QObject {
  Q_OBJECT

 public:
  /// An empty, untitled project.
  explicit Document(QObject* parent = nullptr);
  ~Document() override;

  const graph::Project& project() const { return project_; }
  const graph::Graph& graph() const { return project_.graph; }
  /// Shapes, costs and problems as of the last edit.
  const graph::Inference& inference() const { return inference_; }
  /// Null when the data set cannot be read; the inference then has a Problem that tells why.
  const data::Signature* signature() const { return dataKnown_ ? &signature_ : nullptr; }
  QUndoStack& history() { return history_; }

  // Edits of the graph. What cannot be done changes nothing and gives kNoNode, false or a reason.

  graph::NodeId place(const std::string& block, Position at);
  /// The palette's double-click: puts the block after `after` and wires it. kNoNode: at the end.
  graph::NodeId append(const std::string& block, graph::NodeId after);
  /// A block dropped on a wire.
  graph::NodeId insertOn(const graph::Wire& wire, const std::string& block, Position at);
  /// A wire dropped on the empty canvas: `wire` has kNoNode at the end of the new block.
  graph::NodeId placeWired(const std::string& block, Position at, const graph::Wire& wire);
  /// A wire that led into the same port is replaced. Gives the reason when it cannot be drawn.
  QString connectPorts(const graph::Endpoint& from, const graph::Endpoint& to);
  QString rewire(const graph::Wire& before, const graph::Wire& after);
  bool remove(const std::vector<graph::NodeId>& nodes, const std::vector<graph::Wire>& wires);
  bool move(const std::vector<std::pair<graph::NodeId, Position>>& positions);
  /// Successive values of one parameter within a second are one undo step.
  bool setArg(graph::NodeId node, const std::string& param, const nn::Value& value);
  bool rename(graph::NodeId node, const std::string& name);
  bool setRun(const graph::RunSettings& settings);

  /// The nodes and the wires among them as JSON, for the clipboard.
  QByteArray copy(const std::vector<graph::NodeId>& nodes) const;
  /// Puts a whole project, a template, into this one: its graph and its run settings.
  std::vector<graph::NodeId> insert(const graph::Project& project, const QString& title);
  /// Adds what copy() gave, moved a little aside, with fresh ids; `verb` names the step. Gives the
  /// new nodes; none when `json` is no such thing.
  std::vector<graph::NodeId> paste(const QByteArray& json, const QString& verb);

  // Code.

  /// Draws a model that is written as PyTorch code, or as print(model) shows it. Into an empty
  /// drawing with Input and loss, else only its layers, beside what is there. Gives the new nodes;
  /// none, and why in `problem`, when `code` is no model.
  std::vector<graph::NodeId> pasteCode(const QString& code, QString& problem);
  /// The drawing as PyTorch code; empty, and why in `problem`, when it cannot be written so.
  QString pythonCode(QString& problem) const;

  // Files.

  /// A failure gives a message that names place and remedy, and changes nothing; success an empty
  /// text.
  QString save(const QString& path);
  /// Takes over what was read from a file.
  void adoptFile(graph::Project project, const QString& path);
  /// Takes over a project without a file: an example, recovered work. `modified` asks before it is
  /// lost.
  void adopt(graph::Project project, const QString& title, bool modified);
  /// Empty while untitled.
  const QString& path() const { return path_; }
  QString title() const;
  bool isModified() const { return !history_.isClean() || unsavedOrigin_; }
  /// When it was last saved in this session; invalid before.
  const QDateTime& savedAt() const { return savedAt_; }
  /// Nothing was drawn and nothing is to be lost: opening a file may take this one's place.
  bool isPristine() const;

  /// Looks at the data set again (its files may have come).
  void refreshData();

 signals:
  void changed(const nw::app::Change& change);

 private:
  friend class EditCommand;
  using Build = std::function<void(Transaction&)>;

  /// Performs the edits of `build` as one undo step; false when there were none.
  bool edit(const QString& text, const Build& build, bool mergeable = false);
  void perform(const std::vector<Edit>& edits);
  void announce(const std::vector<Edit>& edits);
  void infer();
  void reset(graph::Project project, const QString& path);

  graph::Project project_;
  graph::Inference inference_;
  data::Signature signature_;
  bool dataKnown_ = false;
  SignatureCache signatures_;
  QUndoStack history_;
  QString path_;
  QString title_;
  QDateTime savedAt_;
  bool unsavedOrigin_ = false;
};

}  // namespace nw::app
