#pragma once

#include <string>
#include <vector>

#include "app/cli/model_source.h"

namespace nw::cli {

/// Prints the layers of a model expression with their parameters, and with `sizes`, those of each
/// input ("1,28,28"), what each layer gives and costs. Throws Error for sizes that do not fit.
void check_model(const ModelText& text, const std::vector<std::string>& sizes, bool json);

}  // namespace nw::cli
