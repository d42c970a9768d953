#pragma once

namespace CLI {
class App;
}

namespace nw::cli {

/// Adds the verb `bench`: times training steps, next to PyTorch's where that is installed.
void add_bench(CLI::App& app);

}  // namespace nw::cli
