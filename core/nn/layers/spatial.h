#pragma once

#include "core/nn/block.h"
#include "core/nn/layers/extents.h"

/// What the descriptions of blocks that exist for one, two and three dimensions share.
namespace nw::nn::spatial {

/// "length", "height and width" or "depth, height and width".
std::string axes(size_t spatial);
/// The same with a capital.
std::string capital_axes(size_t spatial);
/// "signals", "images" or "volumes".
std::string things(size_t spatial);
/// "L", "H W" or "D H W", for layouts of ports.
std::string sizes(size_t spatial);
/// "i", "i, j" or "i, j, k", for formulas.
std::string places(size_t spatial);
/// "s·i + d·u − p", for each of the dimensions.
std::string tapped(size_t spatial);

/// id, torch_name, reference and category of `stem` with its number of dimensions.
Block block(std::string_view stem, size_t spatial, std::string_view category,
            std::string_view icon);
/// The page of the documentation for a class of torch.nn.
std::string reference(const std::string& name);

/// Param::arities of what torch also takes as a tuple of one item, where that is not the usual one.
std::vector<size_t> one_item(size_t spatial);
Param kernel_size(size_t spatial, int64_t fallback);
Param stride(size_t spatial, int64_t fallback);
/// stride, where None stands for the kernel's size.
Param optional_stride(size_t spatial);
Param dilation(size_t spatial);
Param ceil_mode();
Param return_indices();
/// The second output of what returns indices.
Port indices_port();

}  // namespace nw::nn::spatial
