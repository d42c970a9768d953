#include "core/graph/model.h"

#include <algorithm>

#include "core/graph/flow.h"
#include "core/graph/structure.h"
#include "core/nn/containers.h"
#include "core/nn/losses/target_weights.h"

namespace nw::graph {

Autocast Model::cast_on(const Tensor& x) const {
  return Autocast(x.device().type, autocast_, autocast_.has_value());
}

Tensors Model::forward(const Tensors& inputs) {
  const Autocast cast = cast_on(inputs[0]);
  try {
    return {run_steps(inputs[0])};
  } catch (...) {
    std::fill(slots_.begin(), slots_.end(), Tensor());  // their memory may be what is missing
    throw;
  }
}

Tensor Model::run_steps(const Tensor& x) {
  slots_[0] = x;
  auto fused = fused_.begin();
  for (size_t i = 0; i < steps_.size(); ++i) {
    const bool begins = fused != fused_.end() && fused->first() == i;
    FusedSteps* const several = begins ? &*fused++ : nullptr;
    if (several != nullptr && run_fused(*several)) {
      i = several->last();
    } else {
      run_step(steps_[i]);
    }
  }
  const Tensor prediction = slots_[prediction_];
  const auto keeps = [&](int slot) {
    return std::find(loss_inputs_.begin(), loss_inputs_.end(), slot) != loss_inputs_.end();
  };
  if (!keeps(prediction_)) slots_[prediction_] = Tensor();
  if (!keeps(0)) slots_[0] = Tensor();
  return prediction;
}

void Model::run_step(const Step& step) {
  Tensors arguments;
  for (int slot : step.inputs) arguments.push_back(slot < 0 ? Tensor() : slots_[slot]);
  const Tensors results = step.module->call(arguments);
  const size_t given = std::min(results.size(), step.outputs.size());
  for (size_t i = 0; i < given; ++i) slots_[step.outputs[i]] = results[i];
  drop_finished(step);
}

bool Model::run_fused(FusedSteps& fused) {
  std::optional<Tensor> result = fused.run(steps_, slots_);
  if (!result) return false;
  slots_[steps_[fused.last()].outputs[0]] = std::move(*result);
  for (size_t i = fused.first(); i <= fused.last(); ++i) drop_finished(steps_[i]);
  return true;
}

void Model::drop_finished(const Step& step) {
  for (int slot : step.finished) slots_[slot] = Tensor();
}

Tensor Model::loss(const Tensor& prediction, const Tensor& target, const Tensor& x) {
  const Autocast cast = cast_on(prediction);
  Tensors inputs{prediction};
  for (int slot : loss_inputs_) {
    inputs.push_back(slot == kTarget ? target : slot == kNothing ? Tensor() : slots_[slot]);
    if (slot == 0) inputs.back() = x;
  }
  for (int slot : loss_inputs_) {
    if (slot >= 0) slots_[slot] = Tensor();
  }
  return loss_->call(inputs)[0];
}

bool Model::learns_targets() const {
  return std::find(loss_inputs_.begin(), loss_inputs_.end(), kTarget) != loss_inputs_.end();
}

bool Model::loss_weighs_targets() const {
  const auto* weights = dynamic_cast<const nn::TargetWeights*>(loss_.get());
  return weights != nullptr && weights->weighs_targets() && learns_targets() && !loss_adds_up_;
}

double Model::loss_weight(const Tensor& target, int64_t samples) const {
  if (!loss_weighs_targets()) return static_cast<double>(samples);
  return dynamic_cast<const nn::TargetWeights&>(*loss_).weight_of(target);
}

double Model::loss_per_sample(double loss, int64_t samples) const {
  return loss_adds_up_ ? loss / static_cast<double>(samples) : loss;
}

/// Turns a sound graph into steps over numbered slots, one for each output port.
class ModelBuilder {
 public:
  ModelBuilder(const Structure& structure, const Inference& inference)
      : s_(structure), inference_(inference), model_(std::make_unique<Model>()) {}

  std::unique_ptr<Model> run() {
    slots_[{s_.input, first_output(s_.input)}] = 0;
    for (NodeId id : s_.order) {
      if (s_.is_live(id) && id != s_.input && id != s_.loss) add_layer(*s_.nodes.at(id));
    }
    add_loss(*s_.nodes.at(s_.loss));
    release_after_last_use();
    model_->slots_.resize(slots_.size());
    std::vector<int> read_later = model_->loss_inputs_;
    read_later.push_back(model_->prediction_);
    model_->fused_ = FusedSteps::find(model_->steps_, read_later);
    return std::move(model_);
  }

 private:
  const std::string& first_output(NodeId id) const {
    return find_block(*s_.nodes.at(id))->outputs[0].name;
  }

  int slot_into(NodeId node, const std::string& port) const {
    const Wire* wire = s_.wire_into(node, port);
    return wire == nullptr ? Model::kNothing : slots_.at({wire->from.node, wire->from.port});
  }

  /// The groups that dots in the name tell of are made on the way.
  nn::Module& add_module(std::string_view name, std::unique_ptr<nn::Module> layer) {
    nn::Module* parent = model_.get();
    std::string path;
    for (size_t dot = name.find('.'); dot != name.npos; dot = name.find('.')) {
      const std::string group(name.substr(0, dot));
      path += group + ".";
      nn::Module*& known = groups_[path];
      if (known == nullptr) known = &parent->add_module(group, std::make_unique<nn::ModuleDict>());
      parent = known;
      name.remove_prefix(dot + 1);
    }
    return parent->add_module(std::string(name), std::move(layer));
  }

  void add_layer(const Node& node) {
    const nn::Block& block = *find_block(node);
    const nn::Args& args = inference_.nodes.at(node.id).args;
    Step step;
    step.module = &add_module(s_.keys.at(node.id), block.make(args));
    step.overwrites = args.has("inplace") && args.boolean("inplace");
    step.has_parameters = !step.module->parameters().empty() || step.module->is_lazy();
    for (const nn::Port& port : block.inputs) step.inputs.push_back(slot_into(node.id, port.name));
    for (const nn::Port& port : block.outputs) {
      const int slot = static_cast<int>(slots_.size());
      slots_[{node.id, port.name}] = slot;
      step.outputs.push_back(slot);
    }
    model_->steps_.push_back(std::move(step));
  }

  void add_loss(const Node& node) {
    const nn::Block& block = *find_block(node);
    const nn::Args& args = inference_.nodes.at(node.id).args;
    model_->loss_ = block.make(args);
    model_->loss_adds_up_ = args.has("reduction") && args.text("reduction") == "sum";
    model_->prediction_ = slot_into(node.id, block.inputs[0].name);
    for (size_t i = 1; i < block.inputs.size(); ++i) {
      model_->loss_inputs_.push_back(loss_input(node.id, block.inputs[i].name));
    }
  }

  int loss_input(NodeId loss, const std::string& port) const {
    const Wire* wire = s_.wire_into(loss, port);
    const bool is_target = port == kTargetPort;
    const bool from_data =
        wire == nullptr || (wire->from.node == s_.input && wire->from.port == kTargetPort);
    return is_target && from_data ? Model::kTarget : slot_into(loss, port);
  }

  /// Outputs that no layer reads are dropped by the step that makes them.
  void release_after_last_use() {
    std::map<int, Step*> last;
    for (Step& step : model_->steps_) {
      for (int slot : step.outputs) last[slot] = &step;
      for (int slot : step.inputs) {
        if (slot >= 0) last[slot] = &step;
      }
    }
    for (const auto& [slot, step] : last) {
      const auto& kept = model_->loss_inputs_;
      const bool loss_reads = std::find(kept.begin(), kept.end(), slot) != kept.end();
      if (slot != model_->prediction_ && !loss_reads) step->finished.push_back(slot);
    }
  }

  const Structure& s_;
  const Inference& inference_;
  std::unique_ptr<Model> model_;
  std::map<std::pair<NodeId, std::string>, int> slots_;
  std::map<std::string, nn::Module*> groups_;  // by path with a dot behind
};

std::unique_ptr<Model> build(const Graph& graph, const data::Signature& data) {
  const Inference inference = infer(graph, data);
  for (const Problem& problem : inference.problems) {
    NW_CHECK(problem.severity != Severity::Error, problem.text);
  }
  return ModelBuilder(analyze(graph), inference).run();
}

}  // namespace nw::graph
