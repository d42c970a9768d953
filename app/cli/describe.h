#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/nn/description.h"

namespace nw::cli {

/// None is null, a tuple an array.
nlohmann::ordered_json value_json(const nn::Value& value);

/// Everything that a description says.
nlohmann::ordered_json description_json(const nn::Description& description);

/// The same for people, with a heading line and indented text.
std::string description_text(const nn::Description& description);

}  // namespace nw::cli
