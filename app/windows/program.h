#pragma once

namespace nw::app {

/// The window program: reads the command line, opens the window and runs until it is closed.
/// Returns the exit status.
int runProgram(int argc, char** argv);

}  // namespace nw::app
