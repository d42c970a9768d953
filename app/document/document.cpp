#include "app/document/document.h"

#include <QFileInfo>
#include <QUndoCommand>

#include "app/document/compose.h"
#include "app/document/edit_command.h"
#include "app/document/wording.h"

namespace nw::app {
namespace {

graph::Problem errorAt(graph::NodeId node, std::string text) {
  graph::Problem problem;
  problem.node = node;
  problem.text = std::move(text);
  return problem;
}

graph::NodeId inputOf(const graph::Graph& graph) {
  for (const graph::Node& node : graph.nodes) {
    const nn::Block* block = nn::blocks().find(node.block);
    if (block && block->role == nn::Role::Input) return node.id;
  }
  return graph::kNoNode;
}

Aspects aspectsOf(const Edit& edit, Change& change) {
  const auto touched = [&](graph::NodeId id) { change.changed.push_back(id); };
  if (const auto* arg = std::get_if<ArgEdit>(&edit)) {
    touched(arg->node);
    return Aspect::Values;
  }
  if (const auto* name = std::get_if<NameEdit>(&edit)) {
    touched(name->node);
    return Aspect::Values;
  }
  if (const auto* move = std::get_if<MoveEdit>(&edit)) {
    touched(move->node);
    return Aspect::Positions;
  }
  if (const auto* node = std::get_if<NodeEdit>(&edit)) {
    (node->presence == Presence::Added ? change.added : change.removed).push_back(node->node.id);
    return Aspect::Structure;
  }
  return std::holds_alternative<RunEdit>(edit) ? Aspect::Run : Aspect::Structure;
}

}  // namespace

Document::Document(QObject* parent) : QObject(parent) {
  connect(&history_, &QUndoStack::cleanChanged, this, [this] {
    emit changed({Aspect::File, {}, {}, {}});
  });
  infer();
}

Document::~Document() {
  history_.disconnect(this);
}

bool Document::edit(const QString& text, const Build& build, bool mergeable) {
  Transaction transaction(project_);
  build(transaction);
  std::vector<Edit> edits = transaction.take();
  if (edits.empty()) return false;
  const std::vector<Edit> done = edits;
  const auto merging = mergeable ? EditCommand::Merging::WithNext : EditCommand::Merging::Never;
  history_.push(new EditCommand(*this, text, std::move(edits), merging));
  announce(done);
  return true;
}

void Document::perform(const std::vector<Edit>& edits) {
  for (const Edit& edit : edits) apply(edit, project_);
  announce(edits);
}

void Document::announce(const std::vector<Edit>& edits) {
  Change change;
  for (const Edit& edit : edits) change.aspects |= aspectsOf(edit, change);
  if (change.aspects & ~Aspects(Aspect::Positions)) {
    infer();
    change.aspects |= Aspect::Shapes;
  }
  emit changed(change);
}

void Document::infer() {
  const graph::DataStatus data = signatures_.find(project_.run.data);
  dataKnown_ = data.problem.empty();
  signature_ = data.signature;
  inference_ = graph::infer(project_.graph, data.signature);
  std::vector<graph::Problem>& problems = inference_.problems;
  for (const std::string& text : graph::problems_of(project_.run)) {
    if (text != data.problem) problems.push_back(errorAt(graph::kNoNode, text));
  }
  if (!dataKnown_) {
    problems.insert(problems.begin(), errorAt(inputOf(project_.graph), data.problem));
  }
}

void Document::refreshData() {
  signatures_.forget();
  infer();
  emit changed({Aspect::Shapes, {}, {}, {}});
}

QString Document::title() const {
  if (!path_.isEmpty()) return QFileInfo(path_).completeBaseName();
  return title_.isEmpty() ? tr("untitled") : title_;
}

bool Document::isPristine() const {
  return path_.isEmpty() && !isModified() && history_.count() == 0;
}

graph::NodeId Document::place(const std::string& block, Position at) {
  graph::NodeId added = graph::kNoNode;
  const nn::Block* described = nn::blocks().find(block);
  if (!described) return added;
  edit(tr("Add %1").arg(QString::fromStdString(block)),
       [&](Transaction& t) { added = t.addNode(*described, at); });
  return added;
}

graph::NodeId Document::append(const std::string& block, graph::NodeId after) {
  graph::NodeId added = graph::kNoNode;
  const nn::Block* described = nn::blocks().find(block);
  if (!described) return added;
  edit(tr("Append %1").arg(QString::fromStdString(block)),
       [&](Transaction& t) { added = appendBlock(t, *described, after); });
  return added;
}

graph::NodeId Document::insertOn(const graph::Wire& wire, const std::string& block, Position at) {
  graph::NodeId added = graph::kNoNode;
  const nn::Block* described = nn::blocks().find(block);
  if (!described) return added;
  edit(tr("Insert %1").arg(QString::fromStdString(block)),
       [&](Transaction& t) { added = insertBlock(t, *described, wire, at); });
  return added;
}

graph::NodeId Document::placeWired(const std::string& block, Position at, const graph::Wire& wire) {
  graph::NodeId added = graph::kNoNode;
  const nn::Block* described = nn::blocks().find(block);
  if (!described) return added;
  edit(tr("Add %1").arg(QString::fromStdString(block)),
       [&](Transaction& t) { added = placeWiredBlock(t, *described, at, wire); });
  return added;
}

QString Document::connectPorts(const graph::Endpoint& from, const graph::Endpoint& to) {
  const graph::Wire wire{from, to};
  const std::string obstacle = obstacleTo(project_.graph, wire);
  if (!obstacle.empty()) return QString::fromStdString(obstacle);
  const graph::Wire* present = project_.graph.wire_into(to.node, to.port);
  if (present && *present == wire) return {};
  edit(tr("Connect %1 to %2")
           .arg(nodeTitle(*project_.graph.find(from.node)),
                nodeTitle(*project_.graph.find(to.node))),
       [&](Transaction& t) { t.addWire(wire); });
  return {};
}

QString Document::rewire(const graph::Wire& before, const graph::Wire& after) {
  // The wire that goes does not count when the new one is checked for a circle.
  graph::Graph without = project_.graph;
  std::erase(without.wires, before);
  const std::string obstacle = obstacleTo(without, after);
  if (!obstacle.empty()) return QString::fromStdString(obstacle);
  if (before == after) return {};
  edit(tr("Connect %1 to %2")
           .arg(nodeTitle(*project_.graph.find(after.from.node)),
                nodeTitle(*project_.graph.find(after.to.node))),
       [&](Transaction& t) {
         t.removeWire(before);
         t.addWire(after);
       });
  return {};
}

bool Document::remove(const std::vector<graph::NodeId>& nodes,
                      const std::vector<graph::Wire>& wires) {
  QString text = countText(tr("Delete"), nodes.size(), wires.size());
  if (nodes.size() == 1 && wires.empty()) {
    if (const graph::Node* node = project_.graph.find(nodes[0])) {
      text = tr("Delete %1").arg(nodeTitle(*node));
    }
  }
  return edit(text, [&](Transaction& t) {
    for (const graph::Wire& wire : wires) t.removeWire(wire);
    for (const graph::NodeId id : nodes) t.removeNode(id);
  });
}

bool Document::move(const std::vector<std::pair<graph::NodeId, Position>>& positions) {
  if (positions.empty()) return false;
  const graph::Node* only = project_.graph.find(positions[0].first);
  const QString text = positions.size() == 1 && only ? tr("Move %1").arg(nodeTitle(*only))
                                                     : countText(tr("Move"), positions.size(), 0);
  return edit(
      text,
      [&](Transaction& t) {
        for (const auto& [id, position] : positions) t.moveNode(id, position);
      },
      true);
}

bool Document::setArg(graph::NodeId id, const std::string& param, const nn::Value& value) {
  const graph::Node* node = project_.graph.find(id);
  const nn::Block* block = node ? nn::blocks().find(node->block) : nullptr;
  const nn::Param* described = block ? block->find(param) : nullptr;
  if (!described) return false;
  return edit(
      setArgText(*node, *described, value), [&](Transaction& t) { t.setArg(id, param, value); },
      true);
}

bool Document::rename(graph::NodeId id, const std::string& name) {
  const graph::Node* node = project_.graph.find(id);
  if (!node) return false;
  const QString title = nodeTitle(*node);
  const QString text = name.empty()
                           ? tr("Clear the name of %1").arg(title)
                           : tr("Rename %1 to %2").arg(title, QString::fromStdString(name));
  return edit(
      text, [&](Transaction& t) { t.rename(id, name); }, true);
}

bool Document::setRun(const graph::RunSettings& settings) {
  const RunDifference difference = runDifference(project_.run, settings);
  return edit(
      difference.text, [&](Transaction& t) { t.setRun(settings, difference.field); }, true);
}

}  // namespace nw::app
