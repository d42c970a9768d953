#include "app/windows/program.h"

int main(int argc, char** argv) {
  return nw::app::runProgram(argc, argv);
}
