#include "app/cli/run.h"

int main(int argc, char** argv) {
  return nw::cli::run(argc, argv);
}
