#include "core/dist/graph_walk.h"

#include <unordered_set>

#include "core/autograd/node.h"

namespace nw::dist {

std::vector<bool> leads_to(const Tensors& outputs, std::span<const Tensor> leaves) {
  std::unordered_set<const autograd::Node*> seen;
  std::vector<const autograd::Node*> path;
  const auto meet = [&](const autograd::Edge& edge) {
    if (edge.node && seen.insert(edge.node.get()).second) path.push_back(edge.node.get());
  };
  for (const Tensor& output : outputs) meet(autograd::edge_of(output));
  while (!path.empty()) {
    const autograd::Node* node = path.back();
    path.pop_back();
    for (const autograd::Edge& edge : node->edges()) meet(edge);
  }
  std::vector<bool> found;
  for (const Tensor& leaf : leaves) {
    found.push_back(seen.count(autograd::edge_of(leaf).node.get()) > 0);
  }
  return found;
}

}  // namespace nw::dist
