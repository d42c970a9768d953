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

std::vector<graph::NodeId> Document::insert(const graph::Project& project, const QString& title) {
  std::vector<graph::NodeId> added;
  edit(tr("Insert %1").arg(title), [&](Transaction& t) {
    added = addFragment(t, project.graph);
    t.setRun(project.run, "run");
  });
  return added;
}

void Document::reset(graph::Project project, const QString& path) {
  project_ = std::move(project);
  path_ = path;
  savedAt_ = {};
  signatures_.forget();
  infer();
  history_.clear();
  emit changed({Aspect::All, {}, {}, {}});
}

void Document::adoptFile(graph::Project project, const QString& path) {
  unsavedOrigin_ = false;
  reset(std::move(project), QFileInfo(path).absoluteFilePath());
}

void Document::adopt(graph::Project project, const QString& title, bool modified) {
  title_ = title;
  unsavedOrigin_ = modified;
  reset(std::move(project), {});
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

}  // namespace nw::app
