#include "core/backend/cpu/loss_parts.h"
#include "core/backend/cpu/widen.h"

namespace nw::cpu {

const LossKernels kLossKernels{
    .pointwise = widened<pointwise, 1>,
    .pointwise_grad = widened<pointwise_grad, 1>,
    .ctc = widened<ctc, 2>,
    .ctc_grad = widened<ctc_grad, 1>,
    .multi_margin = widened<multi_margin, 1>,
    .multi_margin_grad = widened<multi_margin_grad, 1>,
    .multi_label_margin = widened<multi_label_margin, 1>,
    .multi_label_margin_grad = widened<multi_label_margin_grad, 1>,
    .row_norm = widened<row_norm, 1>,
    .row_norm_grad = widened<row_norm_grad, 1>,
    .check_not_negative = check_not_negative,
};

}  // namespace nw::cpu
