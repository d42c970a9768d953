#pragma once

#include <memory>
#include <string>

#include "core/nn/block.h"

namespace nw::nn {

/// "nn.LayerNorm(128)"; a block that this program does not know, or that torch has not, stands
/// under its id.
std::string to_python(const Call& call);

/// Python that builds the described object: "nn.Conv2d(1, 6, 5, padding=2)". Required arguments go
/// by place, the others by name unless they have their default. `before` goes in front of them
/// ("model.parameters()"), and then all go by name.
std::string python_call(const Description& description, const Args& args,
                        const std::string& before = {});

/// The arguments of python_call one by one: "1", "6", "padding=2".
std::vector<std::string> python_arguments(const Description& description, const Args& args,
                                          const std::string& before = {});

/// One argument as python_call writes it.
std::string python_argument(const Param& param, const Value& value);

/// Reads a layer's code, "nn.LayerNorm(128)". Throws Error with line, column and what was expected.
Call parse_call(std::string_view text);

/// Builds the module of a nested call on default_device(); its arguments are checked already.
std::unique_ptr<Module> make_module(const Call& call);

}  // namespace nw::nn
