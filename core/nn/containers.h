#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/nn/module.h"

namespace nw::nn {

/// What the containers share: children by place.
class Container : public Module {
 public:
  /// Adds a child named by its place: "0", "1", …
  void append(std::shared_ptr<Module> module);
  int64_t size() const { return static_cast<int64_t>(registered().size()); }
  /// Negative indices count from the end; throws Error outside.
  Module& operator[](int64_t index) const;
};

/// Modules in a row, each fed with what the one before gives: torch.nn.Sequential. The first one
/// may take several inputs. Children that are added by name keep it.
class Sequential : public Container {
 public:
  Sequential() = default;
  explicit Sequential(const std::vector<std::shared_ptr<Module>>& modules);
  /// torch's OrderedDict.
  explicit Sequential(const std::vector<std::pair<std::string, std::shared_ptr<Module>>>& modules);

  std::string kind() const override { return "Sequential"; }
  Tensors forward(const Tensors& inputs) override;
};

/// A list of modules for a model that calls them itself: torch.nn.ModuleList.
class ModuleList : public Container {
 public:
  ModuleList() = default;
  explicit ModuleList(const std::vector<std::shared_ptr<Module>>& modules) { extend(modules); }

  std::string kind() const override { return "ModuleList"; }
  void extend(const std::vector<std::shared_ptr<Module>>& modules);
  /// Throws Error: a list does not say how its modules follow one another.
  Tensors forward(const Tensors& inputs) override;
};

/// Modules by name for a model that calls them itself: torch.nn.ModuleDict.
class ModuleDict : public Module {
 public:
  using Items = std::vector<std::pair<std::string, std::shared_ptr<Module>>>;
  ModuleDict() = default;
  explicit ModuleDict(const Items& items) { update(items); }

  std::string kind() const override { return "ModuleDict"; }
  /// Items whose names are there already take their places.
  void update(const Items& items);
  int64_t size() const { return static_cast<int64_t>(registered().size()); }
  bool contains(std::string_view name) const;
  std::vector<std::string> keys() const;
  /// Throws Error for a name that is not there.
  Module& operator[](std::string_view name) const;
  /// Throws Error: a dictionary does not say how its modules follow one another.
  Tensors forward(const Tensors& inputs) override;
};

}  // namespace nw::nn
