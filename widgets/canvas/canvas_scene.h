#pragma once

#include <QFont>
#include <QGraphicsScene>
#include <QHash>
#include <QPointF>
#include <QPointer>
#include <QVector>
#include <map>
#include <memory>
#include <optional>

#include "core/graph/graph.h"
#include "core/graph/infer.h"
#include "widgets/style/theme.h"

class QVariantAnimation;

namespace nw::widgets {

class NodeItem;
class WireItem;
struct PortRef;
struct WireDrag;

/// Which way the network runs over the canvas; ports lie accordingly.
enum class FlowDirection { TopToBottom, LeftToRight };

/// Draws a Graph and turns gestures into requests. The document is the truth: the scene never
/// changes the graph; what it asks for shows once the document has done it and calls setGraph.
/// Ids, not items, cross its border. Lives in the window's thread.
class CanvasScene : public QGraphicsScene {
  Q_OBJECT

 public:
  explicit CanvasScene(QObject* parent = nullptr);
  ~CanvasScene() override;

  /// Shows this graph; items of nodes that stay are kept, and so is the selection.
  void setGraph(const graph::Graph& graph);
  /// Shows shapes, captions and problems. Nodes that the inference does not know show none.
  void setInference(const graph::Inference& inference);
  void setFlowDirection(FlowDirection direction);

  /// Around all cards; empty when there are none.
  QRectF extent() const { return extent_; }
  const graph::Graph& graph() const { return graph_; }
  const graph::Inference& inference() const { return inference_; }
  FlowDirection flowDirection() const { return direction_; }

  const Theme& theme() const { return theme_; }
  void setTheme(const Theme& theme);
  const QFont& titleFont() const { return titleFont_; }
  const QFont& smallFont() const { return smallFont_; }

  QVector<graph::NodeId> selectedIds() const;
  QVector<graph::Wire> selectedWires() const;
  void setSelectedIds(const QVector<graph::NodeId>& ids);
  void selectAll();
  /// Asks to remove the selected nodes and wires.
  void removeSelection();
  /// Asks to move the selected nodes by `offset`.
  void nudgeSelection(QPointF offset);
  /// Asks to place all nodes in layers along the flow (see arranged()).
  void arrange();

  /// Card of a node, and centre of one of its ports, in scene coordinates; empty if there is none.
  std::optional<QRectF> nodeRect(graph::NodeId id) const;
  std::optional<QPointF> portPosition(const graph::Endpoint& port) const;
  /// The wire under a point, or close to it.
  std::optional<graph::Wire> wireAt(QPointF at) const;
  /// A free place for a new block: at `near`, or the next one from there along the flow.
  QPointF freePlace(QPointF near) const;
  /// The node's item; null if there is none. For reading and for tests.
  const NodeItem* nodeItem(graph::NodeId id) const;
  const WireItem* wireItem(const graph::Wire& wire) const;
  /// The wires at a node follow it (called by its item).
  void followNode(graph::NodeId id);

  /// Marks the wire that a dragged block would be inserted on; none: unmarks.
  void setDropWire(const std::optional<graph::Wire>& wire);

 signals:
  // Each is a request to the document.
  void addRequested(const QString& blockId, QPointF at);
  /// Add a block and one wire to it. The end of `wire` that belongs to the new block has node
  /// kNoNode.
  void addWiredRequested(const QString& blockId, QPointF at, const nw::graph::Wire& wire);
  void insertOnWireRequested(const QString& blockId, QPointF at, const nw::graph::Wire& wire);
  void moveRequested(const QVector<QPair<nw::graph::NodeId, QPointF>>& positions);
  /// Into an occupied input it replaces the wire there.
  void connectRequested(const nw::graph::Endpoint& from, const nw::graph::Endpoint& to);
  void disconnectRequested(const nw::graph::Wire& wire);
  /// A wire's end was carried to another port.
  void rewireRequested(const nw::graph::Wire& before, const nw::graph::Wire& after);
  void removeRequested(const QVector<nw::graph::NodeId>& nodes,
                       const QVector<nw::graph::Wire>& wires);
  void fixRequested(const nw::graph::Fix& fix);

  void selectionIdsChanged(const QVector<nw::graph::NodeId>& ids);
  /// A wire was dropped on the empty canvas at `at`: choose a block for its free end (node kNoNode,
  /// port empty). CanvasView answers with the search popup.
  void searchRequested(QPointF at, const nw::graph::Wire& wire);
  /// The badge of a node was clicked. CanvasView answers with the callout.
  void problemsRequested(nw::graph::NodeId id);
  /// The drawing changed: for what shows it, too (minimap, invitation, callout).
  void shown();

 protected:
  void mousePressEvent(QGraphicsSceneMouseEvent* event) override;
  void mouseMoveEvent(QGraphicsSceneMouseEvent* event) override;
  void mouseReleaseEvent(QGraphicsSceneMouseEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  using WireKey = std::tuple<graph::NodeId, std::string, graph::NodeId, std::string>;
  static WireKey keyOf(const graph::Wire& wire);

  void reconcileNodes();
  void reconcileWires();
  void place(NodeItem* item, QPointF at, bool animated);
  void finishMotions();
  void showInfo();
  void updateExtent();
  NodeItem* itemOf(graph::NodeId id) const;
  QPointF portPoint(const graph::Endpoint& port, bool output) const;

  // Gestures (canvas_gestures.cpp).
  NodeItem* nodeUnder(QPointF at) const;
  std::optional<PortRef> portAt(QPointF at) const;
  /// The port that would take the dragged wire if it were dropped at `at`.
  std::optional<PortRef> targetAt(QPointF at) const;
  void beginWire(const PortRef& port, QPointF at);
  void showWire();
  void moveWire(QPointF at);
  void dropWire(QPointF at);
  /// Takes the wire out of the hand and everything back to rest.
  std::unique_ptr<WireDrag> endWire();
  void requestMoves();

  graph::Graph graph_;
  graph::Inference inference_;
  FlowDirection direction_ = FlowDirection::TopToBottom;
  Theme theme_;
  QFont titleFont_, smallFont_;
  QRectF extent_;
  QHash<graph::NodeId, NodeItem*> nodes_;
  std::map<WireKey, WireItem*> wires_;
  QHash<graph::NodeId, QVector<WireItem*>> wiresAt_;
  QHash<graph::NodeId, QPointer<QVariantAnimation>> motions_;
  QVector<graph::NodeId> lastSelection_;
  std::unique_ptr<WireDrag> drag_;
  WireItem* dropWire_ = nullptr;
  bool filled_ = false;  // a graph has been shown; what comes now may move
};

}  // namespace nw::widgets
