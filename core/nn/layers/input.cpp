#include "core/nn/layers/input.h"

namespace nw::nn {

Block input_block() {
  Block block;
  block.id = "Input";
  block.category = "input";
  block.icon = "input";
  block.common = true;
  block.synonyms = "data, images, samples, batch";
  block.role = Role::Input;
  block.summary = "The data set: each batch of samples enters the network here.";
  block.formula = "x (N, …), t (N) or (N, …)";
  block.when_to_use = "Once in each graph, in front of the first layer.";
  block.reference = "https://pytorch.org/docs/stable/data.html";
  block.inputs = {};
  block.outputs = {
      {"output", "The samples (N, …), for images (N, channels, height, width)", false},
      {"target", "What the network should answer: classes (N) or numbers (N, …)", true},
  };
  return block;
}

}  // namespace nw::nn
