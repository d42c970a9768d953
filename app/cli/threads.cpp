#include "app/cli/threads.h"

#include <CLI/CLI.hpp>

#include "core/base/parallel.h"

namespace nw::cli {

void add_threads_option(CLI::App& verb) {
  constexpr int kMost = 1024;
  verb.add_option_function<int>(
          "--threads", set_num_threads,
          "Threads to compute with, up to 1024; results repeat bit for bit only with "
          "an equal number")
      ->check(CLI::Range(1, kMost).description(""))
      ->type_name("N");
}

}  // namespace nw::cli
