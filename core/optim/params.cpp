#include "core/optim/params.h"

namespace nw::optim {
namespace {

nn::Param beta_param(const char* name, double fallback, const char* help) {
  nn::Param param = real_param(name, fallback, help);
  param.max = 1;
  param.max_exclusive = true;
  param.tuple = "betas";
  return param;
}

}  // namespace

nn::Param real_param(std::string name, double fallback, std::string help) {
  return {.name = std::move(name),
          .type = nn::ParamType::Real,
          .fallback = fallback,
          .help = std::move(help),
          .min = 0};
}

nn::Param flag_param(std::string name, std::string help) {
  return {.name = std::move(name),
          .type = nn::ParamType::Bool,
          .fallback = false,
          .help = std::move(help)};
}

nn::Param lr_param(double fallback) {
  return real_param("lr", fallback, "The learning rate: about how far a step goes.");
}

nn::Param eps_param(double fallback) {
  return real_param("eps", fallback, "Added to the divisor, so that it is never 0.");
}

nn::Param weight_decay_param(double fallback) {
  return real_param("weight_decay", fallback, "Pulls weights towards 0 against overfitting.");
}

nn::Param maximize_param() {
  nn::Param param = flag_param("maximize", "Goes up the slope and not down.");
  param.keyword_only = true;
  return param;
}

nn::Param beta1_param() {
  return beta_param("beta1", 0.9, "How long the mean of the gradient remembers.");
}

nn::Param beta2_param() {
  return beta_param("beta2", 0.999, "How long the mean of the squared gradient remembers.");
}

}  // namespace nw::optim
