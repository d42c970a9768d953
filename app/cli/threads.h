#pragma once

namespace CLI {
class App;
}

namespace nw::cli {

/// Adds --threads N, which sets how many threads the kernels use.
void add_threads_option(CLI::App& verb);

}  // namespace nw::cli
