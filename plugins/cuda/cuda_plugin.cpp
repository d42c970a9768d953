#include <cstdlib>

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
          // cuDNN's recurrent layers multiply on several streams, where cuBLAS otherwise takes
          // whichever working memory is free, which changes the last bits from run to run.
          setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:2", 0);
          host.add_backend(nw::DeviceType::Cuda, nw::cuda::cuda_backend());
          nw::dist::register_process_group("nccl", nw::cuda::make_nccl_group);
        },
    .diagnose = nw::cuda::diagnose,
};

}  // namespace

NW_PLUGIN(kPlugin)
