#include "core/optim/average.h"

#include "core/autograd/node.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"

namespace nw::optim {
namespace {

Tensor mean_of_all(const Tensor& averaged, const Tensor& current, int64_t updates) {
  return averaged + (current - averaged) / static_cast<double>(updates + 1);
}

std::vector<Tensor> numbers_of(const nn::Module& module, bool with_buffers) {
  std::vector<Tensor> out = module.parameters();
  if (!with_buffers) return out;
  for (const Tensor& buffer : module.buffers()) out.push_back(buffer);
  return out;
}

}  // namespace

AveragedModel::AveragedModel(nn::Module& averaged, const Options& options)
    : averaged_(averaged), options_(options) {
  if (!options_.average) options_.average = mean_of_all;
}

void AveragedModel::update_parameters(const nn::Module& model) {
  queue_update(model);
  count_update();
}

void AveragedModel::queue_update(const nn::Module& model) const {
  const autograd::NoGrad no_grad;
  const std::vector<Tensor> own = numbers_of(averaged_, options_.use_buffers);
  const std::vector<Tensor> theirs = numbers_of(model, options_.use_buffers);
  NW_CHECK(own.size() == theirs.size(), "[AveragedModel] expects a model with ", own.size(),
           " tensors, gets ", theirs.size());
  for (size_t i = 0; i < own.size(); ++i) {
    NW_CHECK(own[i].sizes() == theirs[i].sizes(), "[AveragedModel] expects ", describe(own[i]),
             " as tensor ", i, ", gets ", describe(theirs[i]));
  }
  for (size_t i = 0; i < own.size(); ++i) {
    const Tensor current = raw::to(theirs[i].detach(), own[i].device());
    raw::copy_(own[i],
               updates_ == 0 ? current : options_.average(own[i].detach(), current, updates_));
  }
}

AveragedModel::Average exponential_average(double decay) {
  return [decay](const Tensor& averaged, const Tensor& current, int64_t) {
    return averaged * decay + current * (1 - decay);
  };
}

}  // namespace nw::optim
