#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/nn/description.h"
#include "core/nn/module.h"

namespace nw::nn {

enum class Role : uint8_t {
  Input,  // stands for the data set; makes no module
  Layer,
  Loss,
};

/// What numbers a port takes.
enum class PortNumbers : uint8_t {
  Any,            // floating point
  Classes,        // int64, each below the size of the first input's dimension C, which they lack
  Indices,        // int64, each below the value of the parameter Port::below
  Probabilities,  // floating point from 0 to 1
  Signs,          // floating point, −1 or 1
  Mask,           // bool
  Lengths,        // int64, each from 1 to the size of the dimension that Port::below names
  Starts,         // int64, rising from 0: where parts of the first input begin, which then has one
                  // dimension
};

struct Port {
  std::string name;  // "input", "target", "output"
  std::string help;
  bool optional = false;  // may stay unwired
  /// Dimensions by name, separated by spaces: a parameter's name stands for its value, a number for
  /// itself, * for any number of dimensions, = for the sizes of the first input, another name for
  /// any size, the same for all ports.
  std::string layout = "*";
  PortNumbers numbers = PortNumbers::Any;
  std::string below = {};  // the parameter that Indices stay below; none: the first input's plane
  /// The layout where it depends on complete arguments (batch_first); null: `layout` holds always.
  std::string (*layout_of)(const Args& args) = nullptr;
  /// torch's name of this argument of forward where it is not `name`; ports that share one make a
  /// tuple ("hx").
  std::string argument = {};
};

/// A unit in the palette. See Description for what derives from it.
struct Block : Description {
  Role role = Role::Layer;
  std::vector<Port> inputs = {{"input", "", false}};
  std::vector<Port> outputs = {{"output", "", false}};
  /// Python of a block that is a function of torch's and no module (torch_name is empty): names of
  /// ports and parameters stand in braces, as in "torch.cat(({input}, {other}), dim={dim})".
  std::string code = {};
  /// Other words that people look for it with, parted by commas: "dense, fully connected".
  std::string synonyms = {};
  bool common = false;  // among the first that a newcomer needs: the palette shows it before others
  /// What a freshly placed block has set, where torch's own defaults are not enough (Upsample).
  Args initial = {};
  bool draws_random = false;  // forward draws from the generator while training (Dropout)

  /// Builds the module on default_device() (meta for inference); args are complete. An inferred
  /// None becomes any size, so that forward refuses the input with its own message. Null for
  /// Role::Input.
  std::unique_ptr<Module> (*make)(const Args& args) = nullptr;
  /// Fills inferred arguments from the input's sizes (batch first); null: nothing to infer. Leaves
  /// an argument None when the sizes do not tell (the module's own check then speaks).
  void (*infer)(const Dims& input, Args& args) = nullptr;
  /// The parameters that matter, for the card: "6 → 16 · 5×5". Null: empty.
  std::string (*caption)(const Args& args) = nullptr;
  /// Multiply-adds of one sample, from sizes with the batch in front; null: none.
  int64_t (*multiply_adds)(const Args& args, const Dims& input, const Dims& output) = nullptr;
};

/// An ordered set of descriptions of one kind, looked up by id.
template <typename T>
class Registry {
 public:
  /// Throws InternalError for a second description with the same id.
  void add(T item);
  /// Null when unknown.
  const T* find(std::string_view id) const;
  std::span<const T> all() const { return items_; }

 private:
  std::vector<T> items_;
};

/// Every block of the program, in palette order. Filled by core/nn/register_blocks.cpp.
const Registry<Block>& blocks();
/// Adds a plugin's block. Only at start, before anything holds what blocks() gave.
void add_block(Block block);

template <typename T>
void Registry<T>::add(T item) {
  NW_ASSERT(find(item.id) == nullptr && "two descriptions with one id");
  items_.push_back(std::move(item));
}

template <typename T>
const T* Registry<T>::find(std::string_view id) const {
  for (const T& item : items_) {
    if (item.id == id) return &item;
  }
  return nullptr;
}

}  // namespace nw::nn
