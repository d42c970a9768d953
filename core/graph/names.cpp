#include "core/graph/names.h"

#include <algorithm>
#include <array>

#include "core/graph/structure.h"

namespace nw::graph {
namespace {

/// Attributes of torch.nn.Sequential, sorted; add_module refuses them.
constexpr std::array<std::string_view, 74> kTaken = {
    "_apply",
    "_backward_hooks",
    "_buffers",
    "_call_impl",
    "_forward_hooks",
    "_forward_pre_hooks",
    "_get_backward_hooks",
    "_get_item_by_idx",
    "_get_name",
    "_is_full_backward_hook",
    "_load_from_state_dict",
    "_load_state_dict_post_hooks",
    "_load_state_dict_pre_hooks",
    "_maybe_warn_non_full_backward_hook",
    "_modules",
    "_named_members",
    "_non_persistent_buffers_set",
    "_parameters",
    "_register_load_state_dict_pre_hook",
    "_register_state_dict_hook",
    "_replicate_for_data_parallel",
    "_save_to_state_dict",
    "_slow_forward",
    "_state_dict_hooks",
    "_version",
    "add_module",
    "append",
    "apply",
    "bfloat16",
    "buffers",
    "children",
    "cpu",
    "cuda",
    "double",
    "dump_patches",
    "eval",
    "extend",
    "extra_repr",
    "float",
    "forward",
    "get_buffer",
    "get_extra_state",
    "get_parameter",
    "get_submodule",
    "half",
    "insert",
    "ipu",
    "load_state_dict",
    "modules",
    "named_buffers",
    "named_children",
    "named_modules",
    "named_parameters",
    "parameters",
    "pop",
    "register_backward_hook",
    "register_buffer",
    "register_forward_hook",
    "register_forward_pre_hook",
    "register_full_backward_hook",
    "register_load_state_dict_post_hook",
    "register_module",
    "register_parameter",
    "requires_grad_",
    "set_extra_state",
    "share_memory",
    "state_dict",
    "to",
    "to_empty",
    "train",
    "training",
    "type",
    "xpu",
    "zero_grad",
};
static_assert(std::is_sorted(kTaken.begin(), kTaken.end()));

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_word(char c) {
  return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

namespace {

/// What is wrong with one part of the name `whole`.
std::string problem_of_part(std::string_view part, std::string_view whole) {
  if (!part.empty() && std::all_of(part.begin(), part.end(), is_digit)) return {};
  const bool word = !part.empty() && std::all_of(part.begin(), part.end(), is_word);
  if (!word || is_digit(part.front())) {
    return concat("the name \"", whole,
                  "\" must consist of letters, digits and _, and begin with no digit");
  }
  const bool dunder = part.starts_with("__") && part.ends_with("__");
  if (dunder || std::binary_search(kTaken.begin(), kTaken.end(), part)) {
    return concat("the name \"", part, "\" is used by PyTorch's nn.Module itself; choose another");
  }
  return {};
}

/// Why the layers' keys cannot stand together: the name of one is a group of others.
std::string problem_of_group(const std::map<std::string, NodeId>& owners, const std::string& key) {
  const auto inside = owners.lower_bound(key + ".");
  if (inside == owners.end() || !inside->first.starts_with(key + ".")) return {};
  return concat("the name \"", key, "\" is the group of \"", inside->first,
                "\"; choose another name");
}

}  // namespace

std::string problem_of_name(std::string_view name) {
  if (name.empty()) return {};
  for (std::string_view rest = name;;) {
    const size_t dot = rest.find('.');
    std::string problem = problem_of_part(rest.substr(0, dot), name);
    if (!problem.empty() || dot == rest.npos) return problem;
    rest.remove_prefix(dot + 1);
  }
}

void name_layers(Structure& structure) {
  std::map<std::string, NodeId> owners;
  int64_t position = 0;
  for (NodeId id : structure.order) {
    const Node& node = *structure.nodes.at(id);
    const nn::Block* block = find_block(node);
    const bool is_layer = block == nullptr || block->role == nn::Role::Layer;
    if (!is_layer || !structure.is_live(id)) continue;
    const std::string key = node.name.empty() ? std::to_string(position) : node.name;
    ++position;
    structure.keys[id] = key;
    std::string problem = problem_of_name(node.name);
    const auto [owner, is_new] = owners.emplace(key, id);
    if (!is_new) {
      const Node& other = *structure.nodes.at(owner->second);
      problem = node.name.empty() || other.name.empty()
                    ? concat("the name \"", key, "\" is the position of an unnamed layer too; ",
                             "choose another name")
                    : concat("the name \"", key, "\" is taken by another layer; choose another");
    }
    if (!problem.empty()) {
      const NodeId named = node.name.empty() && !is_new ? owner->second : id;
      structure.problems.push_back({Severity::Error,
                                    named,
                                    "",
                                    concat("[", structure.nodes.at(named)->block, "] ", problem),
                                    {}});
    }
  }
  for (const auto& [key, id] : owners) {
    const std::string problem = problem_of_group(owners, key);
    if (problem.empty()) continue;
    const std::string& block = structure.nodes.at(id)->block;
    structure.problems.push_back({Severity::Error, id, "", concat("[", block, "] ", problem), {}});
  }
}

}  // namespace nw::graph
