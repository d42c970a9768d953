#pragma once

#include <QLatin1String>

namespace nw::widgets {

/// Type of a dragged block: its id in UTF-8.
inline constexpr QLatin1String kBlockMimeType("application/x-netwright-block");

}  // namespace nw::widgets
