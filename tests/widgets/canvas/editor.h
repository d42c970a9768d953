#pragma once

#include <QtTest>
#include <QtWidgets>

#include "core/graph/infer.h"
#include "core/nn/block.h"
#include "widgets/canvas/canvas_scene.h"
#include "widgets/canvas/canvas_view.h"
#include "widgets/palette/block_mime.h"

namespace nw::widgets {

/// A chain of blocks, one wire from each to the next, 96 px apart. Ids count from 1.
inline graph::Graph chain(const std::vector<std::pair<std::string, nn::Args>>& blocks) {
  graph::Graph graph;
  for (const auto& [block, args] : blocks) {
    const graph::NodeId id = graph::NodeId(graph.nodes.size()) + 1;
    graph.nodes.push_back({id, block, 1, "", args, 0, 96.0 * double(id - 1), ""});
    if (id > 1) graph.wires.push_back({{id - 1, "output"}, {id, "input"}});
  }
  return graph;
}

/// LeNet for 28×28 pictures; the last node is the loss. Node 9 is the first Linear.
inline graph::Graph lenet() {
  const auto conv = [](int64_t channels, int64_t padding) {
    return nn::Args{{"out_channels", channels}, {"kernel_size", int64_t(5)}, {"padding", padding}};
  };
  const auto linear = [](int64_t features) { return nn::Args{{"out_features", features}}; };
  const nn::Args pool{{"kernel_size", int64_t(2)}};
  return chain({{"Input", {}},
                {"Conv2d", conv(6, 2)},
                {"Tanh", {}},
                {"AvgPool2d", pool},
                {"Conv2d", conv(16, 0)},
                {"Tanh", {}},
                {"AvgPool2d", pool},
                {"Flatten", {}},
                {"Linear", linear(120)},
                {"Tanh", {}},
                {"Linear", linear(84)},
                {"Tanh", {}},
                {"Linear", linear(10)},
                {"CrossEntropyLoss", {}}});
}

/// LeNet whose second convolution is padded, so that the first Linear gets too many features.
inline graph::Graph brokenLenet() {
  graph::Graph graph = lenet();
  graph.find(5)->args.set("padding", int64_t(1));
  graph.find(9)->args.set("in_features", int64_t(400));
  return graph;
}

/// Three blocks without wires.
inline graph::Graph separate() {
  graph::Graph graph = chain({{"ReLU", {}}, {"Tanh", {}}, {"Sigmoid", {}}});
  graph.wires.clear();
  return graph;
}

/// A scene and its view with a document behind them that does what is asked.
struct Editor : QObject {
  CanvasScene scene;
  CanvasView view{&scene};
  bool refuse = false;

  explicit Editor(const graph::Graph& graph) {
    view.resize(760, 640);
    obey();
    show(graph);
    view.show();
    view.activateWindow();
    if (!QTest::qWaitForWindowActive(&view)) qFatal("the window does not show");
    view.fit();
  }

  const graph::Graph& graph() const { return scene.graph(); }

  void show(const graph::Graph& graph) {
    scene.setGraph(graph);
    scene.setInference(graph::infer(graph, {{1, 28, 28}, {}, DType::Int64, 10}));
  }

  QPoint port(const graph::Endpoint& endpoint) const {
    return view.mapFromScene(*scene.portPosition(endpoint));
  }
  /// A place on a card that is neither port nor badge.
  QPoint at(graph::NodeId id) const {
    return view.mapFromScene(scene.nodeRect(id)->center() + QPointF(-60, 0));
  }

  void move(QPoint to, Qt::MouseButton held = Qt::LeftButton) {
    // QTest::mouseMove tells no buttons.
    QMouseEvent event(QEvent::MouseMove, QPointF(to), view.viewport()->mapToGlobal(QPointF(to)),
                      Qt::NoButton, held, {});
    QApplication::sendEvent(view.viewport(), &event);
  }
  void drag(QPoint from, QPoint to) {
    QTest::mousePress(view.viewport(), Qt::LeftButton, {}, from);
    for (int step = 1; step <= 4; ++step) move(from + (to - from) * step / 4);
    QTest::mouseRelease(view.viewport(), Qt::LeftButton, {}, to);
  }
  void wheel(QPoint at, int turn) {
    QWheelEvent event(QPointF(at), view.viewport()->mapToGlobal(QPointF(at)), {}, {0, turn},
                      Qt::NoButton, {}, Qt::NoScrollPhase, false);
    QApplication::sendEvent(view.viewport(), &event);
  }
  void drop(const QString& block, QPoint at) {
    QMimeData mime;
    mime.setData(kBlockMimeType, block.toUtf8());
    drop(mime, at);
  }
  void drop(const QMimeData& mime, QPoint at) {
    QDragEnterEvent enter(at, Qt::CopyAction, &mime, Qt::LeftButton, {});
    QApplication::sendEvent(view.viewport(), &enter);
    QDragMoveEvent over(at, Qt::CopyAction, &mime, Qt::LeftButton, {});
    QApplication::sendEvent(view.viewport(), &over);
    QDropEvent dropped(at, Qt::CopyAction, &mime, Qt::LeftButton, {});
    QApplication::sendEvent(view.viewport(), &dropped);
  }

 private:
  template <typename Change>
  void edit(Change change) {
    if (refuse) return;
    graph::Graph next = graph();
    change(next);
    show(next);
  }

  void obey() {
    using graph::Endpoint;
    using graph::Graph;
    using graph::NodeId;
    using graph::Wire;
    const auto join = [](Graph& graph, const Wire& wire) {
      std::erase_if(graph.wires, [&](const Wire& old) { return old.to == wire.to; });
      graph.wires.push_back(wire);
    };
    connect(&scene, &CanvasScene::addRequested, this, [this](const QString& block, QPointF at) {
      edit([&](Graph& graph) {
        graph.nodes.push_back(
            {graph.next_id(), block.toStdString(), 1, "", {}, at.x(), at.y(), ""});
      });
    });
    connect(&scene, &CanvasScene::connectRequested, this,
            [this, join](const Endpoint& from, const Endpoint& to) {
              edit([&](Graph& graph) { join(graph, {from, to}); });
            });
    connect(&scene, &CanvasScene::disconnectRequested, this, [this](const Wire& wire) {
      edit([&](Graph& graph) { std::erase(graph.wires, wire); });
    });
    connect(&scene, &CanvasScene::rewireRequested, this,
            [this, join](const Wire& before, const Wire& after) {
              edit([&](Graph& graph) {
                std::erase(graph.wires, before);
                join(graph, after);
              });
            });
    connect(&scene, &CanvasScene::moveRequested, this,
            [this](const QVector<QPair<NodeId, QPointF>>& moves) {
              edit([&](Graph& graph) {
                for (const auto& [id, at] : moves) {
                  graph.find(id)->x = at.x();
                  graph.find(id)->y = at.y();
                }
              });
            });
    connect(&scene, &CanvasScene::removeRequested, this,
            [this](const QVector<NodeId>& nodes, const QVector<Wire>& wires) {
              edit([&](Graph& graph) {
                std::erase_if(graph.wires, [&](const Wire& wire) {
                  return wires.contains(wire) || nodes.contains(wire.from.node) ||
                         nodes.contains(wire.to.node);
                });
                std::erase_if(graph.nodes,
                              [&](const graph::Node& node) { return nodes.contains(node.id); });
              });
            });
    connect(&scene, &CanvasScene::fixRequested, this, [this](const graph::Fix& fix) {
      edit([&](Graph& graph) { graph.find(fix.node)->args.set(fix.param, fix.value); });
    });
  }
};

}  // namespace nw::widgets
