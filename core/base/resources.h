#pragma once

#include <string>
#include <string_view>

namespace nw {

/// Where a file or folder of resources/ lies, such as "examples/lenet.netwright". Looks, in this
/// order, in $NETWRIGHT_RESOURCES, in ../share/netwright beside the folder of the running program
/// (an installed tree), and in the source tree that the program was built from. Throws Error naming
/// the places when it is in none of them.
std::string resource_path(std::string_view relative);

}  // namespace nw
