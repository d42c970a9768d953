#include "core/autograd/engine.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/autograd/accumulate.h"
#include "core/autograd/hooks.h"
#include "core/autograd/profile.h"
#include "core/backend/creation.h"

namespace nw::autograd {
namespace {

/// What a walk is for when not every leaf is wanted: gradients to capture where they arrive, and
/// the nodes from which a wanted one can be reached.
class Goals {
 public:
  explicit Goals(const Tensors& inputs, std::string_view op) {
    for (const Tensor& input : inputs) {
      const Edge edge = edge_of(input);
      NW_CHECK(edge.node, "[", op, "] expects inputs that require a gradient");
      wanted_.push_back(edge);
      reaches_[edge.node.get()] = true;
    }
  }

  size_t count() const { return wanted_.size(); }
  const Edge& wanted(size_t i) const { return wanted_[i]; }

  /// Whether a gradient that comes to `start` matters.
  bool matters(const Node& start) {
    if (const auto known = reaches_.find(&start); known != reaches_.end()) return known->second;
    // Depth first without recursion: a graph may be a million nodes deep.
    std::vector<std::pair<const Node*, size_t>> path{{&start, 0}};
    bool below = false;  // what the node just left has reported
    while (!path.empty()) {
      auto& [node, next] = path.back();
      if (next > 0 && below) reaches_[node] = true;
      below = false;
      const bool done = reaches_.count(node) > 0 && reaches_[node];
      if (done || next == node->edges().size()) {
        below = done;
        reaches_[node] = done;
        path.pop_back();
        continue;
      }
      const Node* child = node->edges()[next++].node.get();
      if (child == nullptr) continue;
      if (const auto known = reaches_.find(child); known != reaches_.end()) {
        below = known->second;
      } else {
        path.emplace_back(child, 0);
      }
    }
    return reaches_[&start];
  }

  /// Whether anything behind `node` is wanted, too.
  bool goes_on(const Node& node) {
    return std::any_of(node.edges().begin(), node.edges().end(),
                       [&](const Edge& edge) { return edge.node && matters(*edge.node); });
  }

 private:
  std::vector<Edge> wanted_;
  std::unordered_map<const Node*, bool> reaches_;
};

/// The leaves of a walk's graph whose hooks wait for the whole gradient, and how many edges may
/// still bring a part of it.
class Awaited {
 public:
  /// Adds what lies behind an edge along which the walk starts.
  void add(const Edge& start, Goals* goals) {
    const auto counts = [&](const Edge& edge) {
      if (!edge.node || (goals != nullptr && !goals->matters(*edge.node))) return false;
      if (!edge.node->is_end()) return seen_.insert(edge.node.get()).second;
      if (static_cast<AccumulateGrad&>(*edge.node).is_awaited()) {
        const auto [place, is_new] = left_.try_emplace(edge.node.get(), 0);
        ++place->second;
        if (is_new) leaves_.push_back(edge.node);
      }
      return false;
    };
    if (!counts(start)) return;
    std::vector<const Node*> path{start.node.get()};
    while (!path.empty()) {
      const Node* node = path.back();
      path.pop_back();
      for (const Edge& edge : node->edges()) {
        if (counts(edge)) path.push_back(edge.node.get());
      }
    }
  }

  bool empty() const { return left_.empty(); }
  bool contains(const Node& node) const { return left_.count(&node) > 0; }
  /// Takes note that an edge has brought what it will; true when it was the leaf's last one.
  bool brought(const Node& node) {
    const auto place = left_.find(&node);
    return place != left_.end() && --place->second == 0;
  }
  /// Leaves that some edge brought nothing to, since the walk never came to its node.
  std::vector<Ref<Node>> rest() const {
    std::vector<Ref<Node>> rest;
    for (const Ref<Node>& leaf : leaves_) {
      if (left_.at(leaf.get()) > 0) rest.push_back(leaf);
    }
    return rest;
  }
  const std::vector<Ref<Node>>& leaves() const { return leaves_; }

 private:
  std::unordered_set<const Node*> seen_;
  std::unordered_map<const Node*, int64_t> left_;
  std::vector<Ref<Node>> leaves_;  // as they were found
};

}  // namespace

/// One walk from the outputs to the leaves. Nodes wait in a heap by sequence number: a node is
/// younger than all it takes from, so whatever is youngest has received everything that will come.
class Engine {
 public:
  /// goals: null when all leaves are wanted. captured: where to put gradients instead of adding
  /// them to leaves, one for each goal; null: nowhere.
  Engine(bool retain_graph, Goals* goals, Tensors* captured)
      : retain_graph_(retain_graph),
        goals_(goals),
        captured_(captured),
        line_(std::move(spare())),
        outer_(current()) {
    current() = this;
  }
  ~Engine() {
    current() = outer_;
    // Something is left only after an error.
    for (const Ref<Node>& node : line_) forget(*node);
    for (const Ref<Node>& leaf : awaited_.leaves()) forget(*leaf);
    line_.clear();
    spare() = std::move(line_);
  }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// The walk that this thread is in; null: none.
  static Engine*& current() {
    static thread_local Engine* engine = nullptr;
    return engine;
  }
  void call_afterwards(std::function<void()> function) {
    afterwards_.push_back(std::move(function));
  }

  bool retains_graph() const { return retain_graph_; }

  /// Tells of an edge along which the walk will start, before it starts.
  void announce(const Edge& edge) {
    if (captured_ == nullptr && AccumulateGrad::any_awaited()) awaited_.add(edge, goals_);
  }
  void start(const Edge& edge, Tensor grad) {
    send(edge, std::move(grad));
    note_brought(edge);
  }

  void run() {
    while (!line_.empty()) {
      std::pop_heap(line_.begin(), line_.end(), older);
      const Ref<Node> node = std::move(line_.back());
      line_.pop_back();
      Tensors grads = std::move(node->arrived_);
      forget(*node);
      visit(*node, grads);
    }
    for (const Ref<Node>& leaf : awaited_.rest()) finish(*leaf);
    for (size_t i = 0; i < afterwards_.size(); ++i) afterwards_[i]();  // which may add to them
  }

 private:
  void send(const Edge& edge, Tensor grad) {
    Node& node = *edge.node;
    if (goals_ != nullptr && !goals_->matters(node)) return;
    const bool awaited = !awaited_.empty() && awaited_.contains(node);
    if (node.is_end() && !node.hooks_ && captured_ == nullptr && !awaited) {
      static_cast<AccumulateGrad&>(node).add(std::move(grad));
      return;
    }
    if (node.arrived_.size() <= edge.input) {
      node.arrived_.resize(std::max(node.output_count(), size_t{edge.input} + 1));
    }
    Tensor& slot = node.arrived_[edge.input];
    if (slot.defined()) {
      accumulate(slot, grad);
    } else {
      slot = std::move(grad);
    }
    if (node.waiting_ || awaited) return;
    node.waiting_ = true;
    line_.push_back(edge.node);
    std::push_heap(line_.begin(), line_.end(), older);
  }
  void note_brought(const Edge& edge) {
    if (!awaited_.empty() && awaited_.brought(*edge.node)) finish(*edge.node);
  }
  /// Adds to an awaited leaf what has arrived for it.
  void finish(Node& leaf) {
    Tensors grads = std::move(leaf.arrived_);
    forget(leaf);
    if (!grads.empty()) visit(leaf, grads);
    static_cast<AccumulateGrad&>(leaf).run_after();
  }
  void visit(Node& node, Tensors& grads) {
    if (captured_ != nullptr) {
      capture(node, grads);
      if (!goals_->goes_on(node)) return;
    }
    if (node.hooks_) node.hooks_->run(grads, node.name());
    Tensors grad_inputs(node.edges_.size());
    if (BackwardProfile* const profile = BackwardProfile::current()) [[unlikely]] {
      profile->run(node, grads, grad_inputs);
    } else {
      node.backward(grads, grad_inputs);
    }
    if (!retain_graph_) node.release_saved();
    for (size_t i = 0; i < grad_inputs.size(); ++i) {
      if (!node.needs_grad(i)) continue;
      if (grad_inputs[i].defined()) send(node.edges_[i], std::move(grad_inputs[i]));
      note_brought(node.edges_[i]);
    }
  }
  void capture(const Node& node, const Tensors& grads) {
    for (size_t i = 0; i < goals_->count(); ++i) {
      const Edge& wanted = goals_->wanted(i);
      if (wanted.node.get() == &node) (*captured_)[i] = grads[wanted.input];
    }
  }
  static bool older(const Ref<Node>& a, const Ref<Node>& b) {
    return a->sequence() < b->sequence();
  }
  static void forget(Node& node) {
    node.arrived_.clear();
    node.waiting_ = false;
  }
  /// The line's memory, kept from walk to walk; a walk inside a walk gets an empty one.
  static std::vector<Ref<Node>>& spare() {
    static thread_local std::vector<Ref<Node>> line;
    return line;
  }

  bool retain_graph_;
  Goals* goals_;
  Tensors* captured_;
  std::vector<Ref<Node>> line_;
  Awaited awaited_;
  std::vector<std::function<void()>> afterwards_;
  Engine* outer_;
};

void after_backward(std::function<void()> function) {
  Engine* const engine = Engine::current();
  NW_CHECK(engine != nullptr, "[after_backward] expects to be called by a hook within backward");
  engine->call_afterwards(std::move(function));
}

bool keeps_graph() {
  const Engine* const engine = Engine::current();
  return engine == nullptr || engine->retains_graph();
}

namespace {

void check_start(const Tensor& output, const Tensor& grad, std::string_view op) {
  NW_CHECK(output.defined() && output.requires_grad(), "[", op,
           "] expects a tensor that needs a gradient; this one has no history");
  if (grad.defined()) {
    NW_CHECK(grad.sizes() == output.sizes() && grad.device() == output.device() &&
                 (is_complex(output.dtype()) || !is_complex(grad.dtype())),
             "[", op, "] expects a gradient of ", describe(output), ", gets ", describe(grad));
    return;
  }
  NW_CHECK(output.numel() == 1 && is_floating(output.dtype()), "[", op,
           "] expects one real element or a gradient to start from, gets ", describe(output));
}

void walk(Engine& engine, const Tensors& outputs, const Tensors& grads, std::string_view op) {
  NW_CHECK(grads.empty() || grads.size() == outputs.size(), "[", op, "] expects a gradient for ",
           "each of ", outputs.size(), " outputs, gets ", grads.size());
  const NoGrad guard;
  const auto given = [&](size_t i) { return grads.empty() ? Tensor() : grads[i]; };
  for (size_t i = 0; i < outputs.size(); ++i) check_start(outputs[i], given(i), op);
  for (const Tensor& output : outputs) engine.announce(edge_of(output));
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& output = outputs[i];
    Tensor start = given(i);
    if (!start.defined()) start = full(output.sizes(), 1.0, output.dtype(), output.device());
    if (start.dtype() != output.dtype()) start = raw::to(start, output.dtype());
    engine.start(edge_of(output), std::move(start));
  }
  engine.run();
}

}  // namespace

void backward(const Tensor& output, const Tensor& grad, bool retain_graph) {
  backward(Tensors{output}, grad.defined() ? Tensors{grad} : Tensors(), retain_graph);
}

void backward(const Tensors& outputs, const Tensors& grads, bool retain_graph,
              const Tensors& inputs) {
  if (inputs.empty()) {
    Engine engine(retain_graph, nullptr, nullptr);
    walk(engine, outputs, grads, "backward");
    return;
  }
  for (const Tensor& input : inputs) {
    NW_CHECK(input.is_leaf(), "[backward] expects inputs that are leaves; grad() takes any");
  }
  Goals goals(inputs, "backward");
  Engine engine(retain_graph, &goals, nullptr);
  walk(engine, outputs, grads, "backward");
}

Tensors grad(const Tensors& outputs, const Tensors& inputs, const Tensors& grad_outputs,
             const GradOptions& options) {
  Goals goals(inputs, "grad");
  Tensors captured(inputs.size());
  Engine engine(options.retain_graph, &goals, &captured);
  walk(engine, outputs, grad_outputs, "grad");
  for (size_t i = 0; i < captured.size(); ++i) {
    NW_CHECK(captured[i].defined() || options.allow_unused, "[grad] the outputs do not depend on ",
             "input ", i, "; allow_unused gives an undefined gradient for it");
  }
  return captured;
}

}  // namespace nw::autograd
