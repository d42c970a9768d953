#include "core/plugin/plugin.h"
#include "plugins/cuda/cuda_backend.h"
#include "plugins/cuda/diagnosis.h"
#include "plugins/cuda/nccl_group.h"

namespace {

constexpr nw::plugin::Plugin kPlugin{
    .name = "cuda",
    .summary = "Runs on GPUs by NVIDIA, and on several of them by NCCL.",
    .load =
        [](nw::plugin::Host& host) {
          host.add_backend(nw::DeviceType::Cuda, nw::cuda::cuda_backend());
          nw::dist::register_process_group("nccl", nw::cuda::make_nccl_group);
        },
    .diagnose = nw::cuda::diagnose,
};

}  // namespace

NW_PLUGIN(kPlugin)
