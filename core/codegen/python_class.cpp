#include "core/codegen/python_class.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "core/graph/flow.h"
#include "core/nn/call.h"

namespace nw::codegen {
namespace {

using graph::Node;
using graph::NodeId;
using Port = std::pair<NodeId, std::string>;  // an output

constexpr std::array<std::string_view, 35> kKeywords = {
    "False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
    "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
    "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
    "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield"};

bool is_attribute(std::string_view name) {
  const bool keyword = std::find(kKeywords.begin(), kKeywords.end(), name) != kKeywords.end();
  return !keyword && !(name[0] >= '0' && name[0] <= '9');
}

std::string in_double_quotes(std::string text) {
  std::replace(text.begin(), text.end(), '\'', '"');
  return text;
}

class ClassWriter {
 public:
  ClassWriter(const graph::Structure& structure, const graph::Inference& inference)
      : s_(structure), inference_(inference) {
    for (NodeId id : s_.order) {
      if (s_.is_live(id) && block(id).role == nn::Role::Layer) layers_.push_back(id);
    }
  }

  void run(PythonModel& out) {
    read_results();
    count_readers();
    if (s_.input != graph::kNoNode) {
      input_ = single_use({s_.input, block(s_.input).outputs[0].name}, 0) ? "x" : "inputs";
      names_[{s_.input, block(s_.input).outputs[0].name}] = input_;
    }
    for (size_t i = 0; i < layers_.size(); ++i) add(i);
    write(out);
  }

 private:
  const Node& node(NodeId id) const { return *s_.nodes.at(id); }
  const nn::Block& block(NodeId id) const { return *graph::find_block(node(id)); }

  /// What the model gives: what the loss takes of it, or what nobody else reads.
  void read_results() {
    if (s_.loss == graph::kNoNode) {
      std::set<NodeId> read;
      for (const auto& [port, wire] : s_.into) read.insert(wire->from.node);
      for (NodeId id : layers_) {
        if (!read.contains(id)) results_.emplace_back(id, block(id).outputs[0].name);
      }
      return;
    }
    for (const nn::Port& port : block(s_.loss).inputs) {
      const graph::Wire* wire = s_.wire_into(s_.loss, port.name);
      if (wire == nullptr && port.name != graph::kTargetPort) continue;
      loss_arguments_.push_back(loss_argument(wire));
    }
  }

  std::string loss_argument(const graph::Wire* wire) {
    const bool from_input = wire == nullptr || wire->from.node == s_.input;
    const bool target = wire == nullptr || wire->from.port == graph::kTargetPort;
    if (from_input && target) return "targets";
    if (from_input && !results_.empty()) return "inputs";
    const Port port{wire->from.node, wire->from.port};
    auto at = std::find(results_.begin(), results_.end(), port);
    if (at == results_.end()) at = results_.insert(results_.end(), port);
    const auto index = at - results_.begin();
    return index == 0 ? "prediction" : concat("result", index);
  }

  /// Which steps read each output; the return statement is the step behind the last.
  void count_readers() {
    for (size_t i = 0; i < layers_.size(); ++i) {
      for (const nn::Port& port : block(layers_[i]).inputs) {
        const graph::Wire* wire = s_.wire_into(layers_[i], port.name);
        if (wire != nullptr) readers_[{wire->from.node, wire->from.port}].insert(i);
      }
    }
    for (const Port& result : results_) readers_[result].insert(layers_.size());
  }

  /// Whether only step `next` reads the output, so that its name can be used again.
  bool single_use(const Port& port, size_t next) const {
    const auto it = readers_.find(port);
    return it == readers_.end() || it->second == std::set<size_t>{next};
  }

  /// The layer as an attribute: "self.conv1", 'self.get_submodule("features.0")'.
  std::string attribute(const std::string& key) const {
    std::string path = "self";
    for (std::string_view rest = key;;) {
      const size_t dot = rest.find('.');
      const std::string_view part = rest.substr(0, dot);
      if (!is_attribute(part)) return "self.get_submodule(\"" + key + "\")";
      path += concat(".", part);
      if (dot == rest.npos) return path;
      rest.remove_prefix(dot + 1);
    }
  }

  /// The statement that gives the module at `key` its place.
  std::string placement(const std::string& key, const std::string& module) {
    const size_t dot = key.rfind('.');
    const std::string last = key.substr(dot + 1);
    const std::string parent = dot == key.npos ? "self" : group(key.substr(0, dot));
    if (is_attribute(last)) return parent + "." + last + " = " + module;
    return parent + ".add_module(\"" + last + "\", " + module + ")";
  }

  /// The group of layers at `key`, made when it is first met.
  std::string group(const std::string& key) {
    const std::string name = attribute(key);
    if (groups_.insert(key).second) init_ += "        " + placement(key, "nn.Module()") + "\n";
    return name;
  }

  void add(size_t step) {
    const NodeId id = layers_[step];
    const nn::Block& layer = block(id);
    std::string value;
    if (!layer.code.empty()) {
      value = filled(id, layer);
    } else {
      NW_CHECK(!layer.torch_name.empty(), "[", layer.id,
               "] has no counterpart in PyTorch, so it cannot be written as its code");
      const std::string& key = s_.keys.at(id);
      const std::string head = placement(key, "");
      const Expression module{.block = &layer, .args = constructor_args(node(id), inference_)};
      const size_t open = head.ends_with(")") ? head.size() - 1 : head.size();
      init_ += "        " + head.substr(0, open) + formatted(module, 8, 8 + head.size()) +
               head.substr(open) + "\n";
      value = attribute(key) + "(" + call_arguments(id, layer) + ")";
    }
    forward_ += "        " + targets(step, id, layer) + " = " + value + "\n";
  }

  /// The block's own code with names for its ports and values for its parameters.
  std::string filled(NodeId id, const nn::Block& layer) const {
    std::string text = layer.code;
    const auto replace = [&](const std::string& name, const std::string& value) {
      const std::string mark = "{" + name + "}";
      for (size_t at = text.find(mark); at != text.npos; at = text.find(mark, at + value.size())) {
        text.replace(at, mark.size(), value);
      }
    };
    for (const nn::Port& port : layer.inputs) replace(port.name, input(id, port));
    const nn::Args& args = inference_.nodes.at(id).args;
    for (const nn::Param& param : layer.params) {
      const nn::Value* value = args.find(param.name);
      replace(param.name, in_double_quotes(nn::python_argument(param, *value)));
    }
    return text;
  }

  std::string input(NodeId id, const nn::Port& port) const {
    const graph::Wire* wire = s_.wire_into(id, port.name);
    return wire == nullptr ? "None" : names_.at({wire->from.node, wire->from.port});
  }

  /// By place as long as nothing is left out, then by name; ports that share torch's name make a
  /// tuple.
  std::string call_arguments(NodeId id, const nn::Block& layer) const {
    std::vector<std::string> parts;
    bool by_place = true;
    for (size_t i = 0; i < layer.inputs.size(); ++i) {
      const nn::Port& port = layer.inputs[i];
      const std::string& name = port.argument.empty() ? port.name : port.argument;
      std::string value = input(id, port);
      for (; i + 1 < layer.inputs.size() && shares(layer.inputs[i + 1], port); ++i) {
        value += ", " + input(id, layer.inputs[i + 1]);
      }
      const bool tuple = shares(layer.inputs[i], port) && &layer.inputs[i] != &port;
      const bool wired = value.find_first_not_of("None, ") != value.npos;
      check_readable(layer, layer.inputs[i], wired);
      if (!wired) {
        by_place = false;
        continue;
      }
      if (tuple) value = "(" + value + ")";
      parts.push_back(by_place ? value : name + "=" + value);
    }
    const nn::Args& args = inference_.nodes.at(id).args;
    for (const nn::Param& param : layer.params) {
      const nn::Value* value = args.find(param.name);
      if (!param.call || value == nullptr || *value == param.fallback) continue;
      parts.push_back(param.name + "=" + in_double_quotes(nn::python_argument(param, *value)));
    }
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
    return text;
  }

  static bool shares(const nn::Port& port, const nn::Port& first) {
    return !first.argument.empty() && port.argument == first.argument;
  }

  static void check_readable(const nn::Block& layer, const nn::Port& port, bool wired) {
    NW_CHECK(!wired || port.numbers != nn::PortNumbers::Lengths, "[", layer.id, "] ", port.name,
             " is no argument in PyTorch, where sequences are packed before; disconnect it to "
             "write the drawing as code");
  }

  /// The left side of the assignment: a name, or names for the results of a tuple.
  std::string targets(size_t step, NodeId id, const nn::Block& layer) {
    const size_t returned = std::max<size_t>(inference_.nodes.at(id).returned, 1);
    bool x_taken = false;
    std::vector<std::string> names;
    for (size_t i = 0; i < std::min(returned, layer.outputs.size()); ++i) {
      const Port port{id, layer.outputs[i].name};
      const bool read = readers_.contains(port);
      const bool short_name = read && !x_taken && single_use(port, step + 1);
      x_taken = x_taken || short_name;
      names.push_back(!read ? "_" : short_name ? "x" : fresh_name(id, port.second, i > 0));
      names_[port] = names.back();
    }
    if (names.size() == 1) return names[0] == "_" ? "x" : names[0];
    return tuple_of(layer, names);
  }

  /// Results that share torch's name are a tuple inside the tuple: output, (h_n, c_n).
  static std::string tuple_of(const nn::Block& layer, const std::vector<std::string>& names) {
    std::string text;
    for (size_t i = 0; i < names.size(); ++i) {
      const nn::Port& first = layer.outputs[i];
      std::string part = names[i];
      bool read = part != "_";
      size_t last = i;
      while (last + 1 < names.size() && shares(layer.outputs[last + 1], first)) {
        part += ", " + names[++last];
        read = read || names[last] != "_";
      }
      if (last > i) part = read ? "(" + part + ")" : "_";
      text += (text.empty() ? "" : ", ") + part;
      i = last;
    }
    return text;
  }

  std::string fresh_name(NodeId id, const std::string& port, bool with_port) {
    std::string name = s_.keys.at(id);
    std::replace(name.begin(), name.end(), '.', '_');
    if (name[0] >= '0' && name[0] <= '9') name = "y" + name;
    name += with_port ? "_" + port : "_out";
    while (!taken_.insert(name).second) name += "_";
    return name;
  }

  void write(PythonModel& out) const {
    std::string results;
    for (const Port& port : results_) {
      results += (results.empty() ? "" : ", ") + names_.at(port);
    }
    out.definition =
        "class Model(nn.Module):\n    def __init__(self):\n        super().__init__()\n" + init_ +
        "\n    def forward(self, " + (input_.empty() ? "x" : input_) + "):\n" + forward_ +
        "        return " + results + "\n";
    out.construction = "Model()";
    out.loss_arguments = loss_arguments_;
    for (size_t i = 0; i < results_.size(); ++i) {
      out.results.push_back(i == 0 ? "prediction" : concat("result", i));
    }
  }

  const graph::Structure& s_;
  const graph::Inference& inference_;
  std::vector<NodeId> layers_;
  std::vector<Port> results_;
  std::vector<std::string> loss_arguments_;
  std::map<Port, std::set<size_t>> readers_;
  std::map<Port, std::string> names_;
  std::set<std::string> taken_{"x", "inputs", "self"};
  std::set<std::string> groups_;
  std::string input_;
  std::string init_;
  std::string forward_;
};

}  // namespace

void write_class(const graph::Structure& structure, const graph::Inference& inference,
                 PythonModel& out) {
  ClassWriter(structure, inference).run(out);
}

}  // namespace nw::codegen
