#include "app/document/examples.h"

#include "core/base/resources.h"

namespace nw::app {

const std::vector<Example>& examples() {
  static const std::vector<Example> all = {
      {"lenet", "LeNet", "Clothes in pictures: Fashion-MNIST", "conv2d"},
      {"spirals", "MLP", "Two spirals, told apart", "spirals"},
  };
  return all;
}

ProjectOrError readProject(const QString& path) {
  try {
    return graph::load_project(path.toStdString());
  } catch (const std::exception& error) {
    return QString::fromUtf8(error.what());
  }
}

ProjectOrError readExample(const QString& name) {
  try {
    return readProject(QString::fromStdString(
        resource_path(concat("examples/", name.toStdString(), graph::kProjectExtension))));
  } catch (const std::exception& error) {
    return QString::fromUtf8(error.what());
  }
}

}  // namespace nw::app
