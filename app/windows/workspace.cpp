#include "app/windows/workspace.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QMimeData>
#include <algorithm>

#include "app/document/examples.h"
#include "app/windows/chart_page.h"
#include "widgets/canvas/canvas_scene.h"
#include "widgets/canvas/canvas_view.h"
#include "widgets/charts/curves_chart.h"
#include "widgets/inspector/inspector.h"
#include "widgets/problems/problems_panel.h"
#include "widgets/training/progress_strip.h"
#include "widgets/training/rank_strip.h"
#include "widgets/training/run_settings_form.h"

namespace nw::app {
namespace {

using graph::NodeId;
using widgets::CanvasScene;
using widgets::CanvasView;

constexpr auto kGraphMimeType = "application/x-netwright-graph";

Position toPosition(QPointF point) {
  return {point.x(), point.y()};
}

template <typename T>
std::vector<T> toVector(const QVector<T>& items) {
  return {items.begin(), items.end()};
}

/// The shapes that arrive at a node, in the order of its block's ports.
QStringList inputShapes(const graph::Node& node, const nn::Block& block, const Document& document) {
  QStringList shapes;
  for (const nn::Port& port : block.inputs) {
    QString text;
    if (const graph::Wire* wire = document.graph().wire_into(node.id, port.name)) {
      const graph::Node* from = document.graph().find(wire->from.node);
      const nn::Block* source = from ? nn::blocks().find(from->block) : nullptr;
      const auto info = document.inference().nodes.find(wire->from.node);
      for (size_t i = 0; source && i < source->outputs.size(); ++i) {
        if (source->outputs[i].name != wire->from.port) continue;
        if (info == document.inference().nodes.end() || i >= info->second.outputs.size()) continue;
        text = QString::fromStdString(info->second.outputs[i].text);
      }
    }
    shapes.append(text);
  }
  return shapes;
}

/// Of successive steps only the last: what shows the present needs no more.
std::vector<train::Event> newestSteps(const std::vector<train::Event>& events) {
  std::vector<train::Event> kept;
  for (const train::Event& event : events) {
    if (!kept.empty() && std::holds_alternative<train::StepDone>(event) &&
        std::holds_alternative<train::StepDone>(kept.back())) {
      kept.back() = event;
    } else {
      kept.push_back(event);
    }
  }
  return kept;
}

}  // namespace

Workspace::Workspace(RecoveryStore& store, QObject* parent)
    : QObject(parent),
      autosave_(document_, store),
      scene_(new CanvasScene(this)),
      canvas_(new CanvasView(scene_)),
      inspector_(new widgets::Inspector),
      chart_(new widgets::CurvesChart),
      ranks_(new widgets::RankStrip),
      chartPage_(new ChartPage(chart_, ranks_)),
      problems_(new widgets::ProblemsPanel),
      progress_(new widgets::ProgressStrip) {
  connect(&document_, &Document::changed, this, &Workspace::followChange);
  connectCanvas();
  connectPanels();
  connectSession();
  followChange({Aspect::All, {}, {}, {}});
}

Workspace::~Workspace() {
  session_.disconnect(this);
  document_.disconnect(this);
  // The view looks at the scene until it goes.
  delete canvas_;
  delete inspector_;
  delete chartPage_;
  delete problems_;
  delete progress_;
  delete settingsForm_;
}

widgets::CanvasView* Workspace::canvas() const {
  return canvas_;
}
widgets::Inspector* Workspace::inspector() const {
  return inspector_;
}
widgets::CurvesChart* Workspace::chart() const {
  return chart_;
}
widgets::RankStrip* Workspace::ranks() const {
  return ranks_;
}
QWidget* Workspace::chartPage() const {
  return chartPage_;
}
widgets::ProblemsPanel* Workspace::problems() const {
  return problems_;
}
widgets::ProgressStrip* Workspace::progress() const {
  return progress_;
}

widgets::RunSettingsForm* Workspace::settingsForm() {
  if (!settingsForm_) {
    settingsForm_ = new widgets::RunSettingsForm;
    connect(settingsForm_, &widgets::RunSettingsForm::settingsChanged, this,
            [this](const graph::RunSettings& settings) { document_.setRun(settings); });
    settingsForm_->setSettings(document_.project().run);
    settingsForm_->setRunning(session_.isActive());
    showDataNote();
  }
  return settingsForm_;
}

void Workspace::connectCanvas() {
  connect(scene_, &CanvasScene::addRequested, this, [this](const QString& block, QPointF at) {
    select({document_.place(block.toStdString(), toPosition(at))});
  });
  connect(scene_, &CanvasScene::addWiredRequested, this,
          [this](const QString& block, QPointF at, const graph::Wire& wire) {
            select({document_.placeWired(block.toStdString(), toPosition(at), wire)});
          });
  connect(scene_, &CanvasScene::insertOnWireRequested, this,
          [this](const QString& block, QPointF at, const graph::Wire& wire) {
            select({document_.insertOn(wire, block.toStdString(), toPosition(at))});
          });
  connect(scene_, &CanvasScene::moveRequested, this,
          [this](const QVector<QPair<NodeId, QPointF>>& moves) {
            std::vector<std::pair<NodeId, Position>> positions;
            for (const auto& [id, at] : moves) positions.emplace_back(id, toPosition(at));
            document_.move(positions);
          });
  const auto tell = [this](const QString& reason) {
    if (!reason.isEmpty()) emit refused(reason);
  };
  connect(scene_, &CanvasScene::connectRequested, this,
          [this, tell](const graph::Endpoint& from, const graph::Endpoint& to) {
            tell(document_.connectPorts(from, to));
          });
  connect(scene_, &CanvasScene::rewireRequested, this,
          [this, tell](const graph::Wire& before, const graph::Wire& after) {
            tell(document_.rewire(before, after));
          });
  connect(scene_, &CanvasScene::disconnectRequested, this,
          [this](const graph::Wire& wire) { document_.remove({}, {wire}); });
  connect(scene_, &CanvasScene::removeRequested, this,
          [this](const QVector<NodeId>& nodes, const QVector<graph::Wire>& wires) {
            document_.remove(toVector(nodes), toVector(wires));
          });
  connect(scene_, &CanvasScene::selectionIdsChanged, this, &Workspace::showSelection);
  connect(canvas_, &CanvasView::templateRequested, this, &Workspace::templateRequested);
}

void Workspace::connectPanels() {
  const auto mend = [this](const graph::Fix& fix) {
    document_.setArg(fix.node, fix.param, fix.value);
  };
  connect(scene_, &CanvasScene::fixRequested, this, mend);
  connect(inspector_, &widgets::Inspector::fixRequested, this, mend);
  connect(problems_, &widgets::ProblemsPanel::fixRequested, this, mend);
  connect(problems_, &widgets::ProblemsPanel::nodeActivated, canvas_, &CanvasView::reveal);
  connect(inspector_, &widgets::Inspector::argChanged, this,
          [this](NodeId node, const QString& param, const nn::Value& value) {
            document_.setArg(node, param.toStdString(), value);
          });
  connect(inspector_, &widgets::Inspector::nameChanged, this,
          [this](NodeId node, const QString& name) { document_.rename(node, name.toStdString()); });
}

void Workspace::connectSession() {
  connect(&session_, &TrainingSession::events, this, &Workspace::showEvents);
  connect(&session_, &TrainingSession::ranksJoined, ranks_, &widgets::RankStrip::setRanks);
  connect(&session_, &TrainingSession::rankLost, ranks_, &widgets::RankStrip::setLost);
  connect(&session_, &TrainingSession::stateChanged, this, [this](TrainingSession::State state) {
    if (state == TrainingSession::State::Preparing) progress_->setPreparing();
    if (state == TrainingSession::State::Stopping) progress_->setStopping();
    chart_->setRunning(session_.isActive());
    if (settingsForm_) settingsForm_->setRunning(session_.isActive());
  });
}

void Workspace::followChange(const Change& change) {
  if (change.aspects == Aspects(Aspect::File)) return;
  scene_->setGraph(document_.graph());
  if (change.aspects & Aspect::Shapes) showInference();
  if (settingsForm_ && (change.aspects & Aspect::Run)) {
    settingsForm_->setSettings(document_.project().run);
    showDataNote();
  }
  showSelection();
}

void Workspace::showInference() {
  scene_->setInference(document_.inference());
  QHash<NodeId, QString> names;
  for (const graph::Node& node : document_.graph().nodes) {
    names.insert(node.id, nodeTitle(node));
  }
  const std::vector<graph::Problem>& found = document_.inference().problems;
  // That an empty drawing cannot be trained is no mistake.
  const bool empty = document_.graph().nodes.empty();
  problems_->setInvitation(empty ? tr("Nothing to train yet: drag a block onto the canvas, or "
                                      "start from an example.")
                                 : QString());
  problems_->setProblems(
      empty ? QVector<graph::Problem>() : QVector<graph::Problem>(found.begin(), found.end()),
      names);
  progress_->setObstacle(obstacle());
}

QString Workspace::obstacle() const {
  if (document_.graph().nodes.empty()) return tr("Nothing to train yet");
  const auto& problems = document_.inference().problems;
  const auto errors = std::count_if(problems.begin(), problems.end(), [](const auto& problem) {
    return problem.severity == graph::Severity::Error;
  });
  if (errors == 0) return {};
  return errors == 1 ? tr("1 problem to solve first")
                     : tr("%1 problems to solve first").arg(errors);
}

QString Workspace::nodeTitle(const graph::Node& node) const {
  if (!node.name.empty()) return QString::fromStdString(node.name);
  const QString block = QString::fromStdString(node.block);
  const auto info = document_.inference().nodes.find(node.id);
  if (info == document_.inference().nodes.end() || info->second.key.empty()) return block;
  return block + ' ' + QString::fromStdString(info->second.key);
}

void Workspace::showSelection() {
  const QVector<NodeId> selected = scene_->selectedIds();
  const graph::Node* node = selected.size() == 1 ? document_.graph().find(selected[0]) : nullptr;
  if (!node) {
    if (selected.size() > 1) {
      inspector_->showMany(static_cast<int>(selected.size()));
    } else {
      inspector_->showNothing();
    }
    return;
  }
  const nn::Block* block = nn::blocks().find(node->block);
  const auto info = document_.inference().nodes.find(node->id);
  QVector<graph::Problem> problems;
  for (const graph::Problem& problem : document_.inference().problems) {
    if (problem.node == node->id) problems.append(problem);
  }
  inspector_->showNode(*node, block,
                       info == document_.inference().nodes.end() ? graph::NodeInfo{} : info->second,
                       problems, block ? inputShapes(*node, *block, document_) : QStringList{});
}

void Workspace::showDataNote() {
  const data::Signature* known = document_.signature();
  settingsForm_->setTrainSamples(known ? known->train_samples : 0);
  if (const data::Signature* signature = document_.signature()) {
    QStringList sizes;
    for (const int64_t size : signature->sample) sizes.append(QString::number(size));
    QString text = tr("Samples of %1").arg(sizes.isEmpty() ? "1" : sizes.join(QChar(0x00d7)));
    if (signature->classes > 0) text += tr(" · %1 classes").arg(signature->classes);
    settingsForm_->setDataNote(text);
    return;
  }
  const auto& problems = document_.inference().problems;
  if (!problems.empty()) {
    settingsForm_->setDataNote(QString::fromStdString(problems.front().text), true);
  }
}

void Workspace::select(const std::vector<NodeId>& nodes) {
  if (nodes.empty() || nodes.front() == graph::kNoNode) return;
  scene_->setSelectedIds({nodes.begin(), nodes.end()});
}

void Workspace::selectAdded(const std::vector<NodeId>& nodes) {
  select(nodes);
  QRectF extent;
  for (const NodeId id : nodes) {
    if (const auto card = scene_->nodeRect(id)) extent |= *card;
  }
  canvas_->bringIntoSight(extent);
}

void Workspace::append(const QString& block) {
  const QVector<NodeId> selected = scene_->selectedIds();
  const NodeId after = selected.size() == 1 ? selected[0] : graph::kNoNode;
  const NodeId added = document_.append(block.toStdString(), after);
  select({added});
  if (const auto card = scene_->nodeRect(added)) canvas_->ensureVisible(*card);
}

void Workspace::copySelection() const {
  const QVector<NodeId> selected = scene_->selectedIds();
  if (selected.isEmpty()) return;
  const QByteArray json = document_.copy(toVector(selected));
  auto* content = new QMimeData;
  content->setData(kGraphMimeType, json);
  content->setText(QString::fromUtf8(json));
  QGuiApplication::clipboard()->setMimeData(content);
}

void Workspace::cutSelection() {
  copySelection();
  document_.remove(toVector(scene_->selectedIds()), {});
}

void Workspace::paste() {
  const QMimeData* content = QGuiApplication::clipboard()->mimeData();
  if (!content) return;
  const bool ours = content->hasFormat(kGraphMimeType);
  const QByteArray json = ours ? content->data(kGraphMimeType) : content->text().toUtf8();
  std::vector<NodeId> added = document_.paste(json, tr("Paste"));
  QString problem;
  if (added.empty() && !ours) added = document_.pasteCode(content->text(), problem);
  if (added.empty()) {
    const QString why = problem.isEmpty() ? QString() : tr(" As PyTorch code: %1").arg(problem);
    emit refused(tr("The clipboard holds no blocks to paste.") + why);
    return;
  }
  selectAdded(added);
}

void Workspace::copyCode() {
  QString problem;
  const QString code = document_.pythonCode(problem);
  if (!problem.isEmpty()) {
    emit refused(tr("The drawing cannot be written as PyTorch code. %1").arg(problem));
    return;
  }
  QGuiApplication::clipboard()->setText(code);
}

void Workspace::duplicateSelection() {
  const QVector<NodeId> selected = scene_->selectedIds();
  if (!selected.isEmpty()) {
    selectAdded(document_.paste(document_.copy(toVector(selected)), tr("Duplicate")));
  }
}

void Workspace::selectAll() {
  QVector<NodeId> ids;
  for (const graph::Node& node : document_.graph().nodes) ids.append(node.id);
  scene_->setSelectedIds(ids);
}

void Workspace::showWhole() {
  // Before it is shown the canvas has no size to fit to; it fits by itself then.
  if (canvas_->isVisible()) canvas_->fit();
}

QString Workspace::insertExample(const QString& name) {
  const ProjectOrError project = readExample(name);
  if (const QString* error = std::get_if<QString>(&project)) return *error;
  document_.insert(std::get<graph::Project>(project), name);
  showWhole();
  return {};
}

void Workspace::prepareViews() {
  chart_->clear();
  ranks_->clear();
  chart_->setClassifies(!document_.signature() || document_.signature()->classes > 0);
}

void Workspace::train() {
  if (session_.isActive()) {
    session_.resume();
    return;
  }
  prepareViews();
  session_.start(document_.project());
}

void Workspace::goOn() {
  ranks_->clear();  // the curves go on
  session_.goOn(document_.project().run.device);
}

void Workspace::step() {
  if (!session_.isActive()) prepareViews();
  session_.step(document_.project());
}

void Workspace::showEvents(const std::vector<train::Event>& events) {
  for (const train::Event& event : events) {
    if (const auto* started = std::get_if<train::Started>(&event)) {
      chart_->setClassifies(started->classifies);
      chart_->setSchedules(started->schedules);
    } else if (const auto* step = std::get_if<train::StepDone>(&event)) {
      chart_->addStep(step->step, step->epoch, step->loss, step->accuracy, step->learning_rate);
      ranks_->addStep(*step);
    } else if (const auto* epoch = std::get_if<train::EpochDone>(&event)) {
      chart_->addEpoch(epoch->step, epoch->epoch, epoch->validation_loss,
                       epoch->validation_accuracy);
    }
  }
  for (const train::Event& event : newestSteps(events)) progress_->handle(event);
  const auto* finished = std::get_if<train::Finished>(&events.back());
  if (finished && !finished->text.empty()) emit runFailed(QString::fromStdString(finished->text));
}

}  // namespace nw::app
