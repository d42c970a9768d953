#include <QFileInfo>
#include <algorithm>

#include "app/document/compose.h"
#include "app/document/document.h"
#include "app/document/wording.h"

namespace nw::app {

QByteArray Document::copy(const std::vector<graph::NodeId>& nodes) const {
  graph::Project fragment;
  const auto chosen = [&](graph::NodeId id) {
    return std::find(nodes.begin(), nodes.end(), id) != nodes.end();
  };
  for (const graph::Node& node : project_.graph.nodes) {
    if (chosen(node.id)) fragment.graph.nodes.push_back(node);
  }
  for (const graph::Wire& wire : project_.graph.wires) {
    if (chosen(wire.from.node) && chosen(wire.to.node)) fragment.graph.wires.push_back(wire);
  }
  return QByteArray::fromStdString(graph::to_json(fragment));
}

std::vector<graph::NodeId> Document::paste(const QByteArray& json, const QString& verb) {
  std::vector<graph::NodeId> added;
  try {
    const graph::Project fragment = graph::project_from_json(json.toStdString(), "clipboard");
    edit(countText(verb, fragment.graph.nodes.size(), 0),
         [&](Transaction& t) { added = addFragment(t, fragment.graph); });
  } catch (const std::exception&) {
    added.clear();  // something else was copied
  }
  return added;
}

QString Document::open(const QString& path) {
  const QString absolute = QFileInfo(path).absoluteFilePath();
  try {
    reset(graph::load_project(absolute.toStdString()));
  } catch (const std::exception& error) {
    return QString::fromUtf8(error.what());
  }
  path_ = absolute;
  savedAt_ = {};
  unsavedOrigin_ = false;
  history_.clear();
  emit changed({Aspect::All, {}, {}, {}});
  return {};
}

QString Document::save(const QString& path) {
  const QString absolute = QFileInfo(path).absoluteFilePath();
  try {
    graph::save_project(project_, absolute.toStdString());
  } catch (const std::exception& error) {
    return QString::fromUtf8(error.what());
  }
  path_ = absolute;
  savedAt_ = QDateTime::currentDateTime();
  unsavedOrigin_ = false;
  history_.setClean();
  emit changed({Aspect::File, {}, {}, {}});
  return {};
}

void Document::adopt(graph::Project project, const QString& title, bool modified) {
  reset(std::move(project));
  path_.clear();
  title_ = title;
  savedAt_ = {};
  unsavedOrigin_ = modified;
  history_.clear();
  emit changed({Aspect::All, {}, {}, {}});
}

}  // namespace nw::app
