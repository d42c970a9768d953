#include "core/optim/scheduler_parts.h"

namespace nw::optim {

nn::Param count_param(std::string name, nn::Value fallback, std::string help) {
  return {.name = std::move(name),
          .type = nn::ParamType::Int,
          .fallback = std::move(fallback),
          .help = std::move(help),
          .min = 1};
}

SchedulerSpec scheduler_spec(std::string id, std::string summary) {
  SchedulerSpec spec;
  spec.id = id;
  spec.torch_name = "optim.lr_scheduler." + id;
  spec.icon = "chart";
  spec.summary = std::move(summary);
  spec.reference =
      "https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler." + id + ".html";
  return spec;
}

}  // namespace nw::optim
