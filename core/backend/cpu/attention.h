#pragma once

#include "core/backend/attention_kernels.h"

namespace nw::cpu {

/// The CPU's AttentionKernels; their contracts stand in core/backend/attention_kernels.h.
extern const AttentionKernels kAttentionKernels;

}  // namespace nw::cpu
