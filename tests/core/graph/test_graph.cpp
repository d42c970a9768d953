#include "core/graph/graph.h"

#include <QTest>

#include "tests/core/graph/graphs.h"

using namespace nw;
using namespace nw::graph;

class TestGraph : public QObject {
  Q_OBJECT

 private slots:
  void findsNodesAndWires() {
    Graph graph = test::lenet();
    QCOMPARE(graph.next_id(), NodeId{15});
    QCOMPARE(text(graph.find(2)->block), QString("Conv2d"));
    QVERIFY(graph.find(99) == nullptr);
    QCOMPARE(graph.wire_into(3, "input")->from.node, NodeId{2});
    QVERIFY(graph.wire_into(1, "input") == nullptr);
    QCOMPARE(Graph{}.next_id(), NodeId{1});
  }

  void seesCirclesBeforeTheyClose() {
    const Graph graph = test::lenet();
    QVERIFY(graph.would_cycle(5, 2));
    QVERIFY(graph.would_cycle(5, 5));
    QVERIFY(!graph.would_cycle(2, 5));
  }

  void ordersByWiresThenIds() {
    Graph graph;
    for (NodeId id : {5, 3, 9, 1}) graph.nodes.push_back({.id = id, .block = "ReLU"});
    graph.wires = {{{9, "output"}, {3, "input"}}, {{5, "output"}, {1, "input"}}};
    QCOMPARE(topological_order(graph), (std::vector<NodeId>{5, 1, 9, 3}));
  }

  void leavesCirclesOut() {
    Graph graph = test::lenet();
    graph.wires[1].from = {5, "output"};  // 2 → 3 becomes 5 → 3, which 3 → 4 → 5 closes
    const std::vector<NodeId> order = topological_order(graph);
    QCOMPARE(order, (std::vector<NodeId>{1, 2}));
  }

  void knowsBlocksByVersion() {
    Node node{.id = 1, .block = "Linear"};
    QVERIFY(find_block(node) != nullptr);
    node.block_version = 1000;
    QVERIFY(find_block(node) == nullptr);
    node.block = "Nonsense";
    node.block_version = 1;
    QVERIFY(find_block(node) == nullptr);
  }

 private:
  static QString text(const std::string& words) { return test::text(words); }
};

QTEST_GUILESS_MAIN(TestGraph)
#include "test_graph.moc"
