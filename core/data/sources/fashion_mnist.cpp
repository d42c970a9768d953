#include <filesystem>

#include "core/base/error.h"
#include "core/data/sources/image_files.h"
#include "core/data/sources/sources.h"

namespace nw::data {
namespace {

constexpr const char* kFolder = "/usr/share/datasets/fashion-mnist";  // where the package puts it
constexpr int64_t kClasses = 10;

const std::vector<std::string>& class_names() {
  static const std::vector<std::string> kNames = {"T-shirt/top", "Trouser",   "Pullover", "Dress",
                                                  "Coat",        "Sandal",    "Shirt",    "Sneaker",
                                                  "Bag",         "Ankle boot"};
  return kNames;
}

/// The packed file, or the plain one where somebody unpacked it.
std::string find_file(const std::string& root, const std::string& name) {
  const std::filesystem::path folder(root);
  for (const std::string& candidate : {name + ".gz", name}) {
    std::error_code ignored;
    if (std::filesystem::exists(folder / candidate, ignored)) return (folder / candidate).string();
  }
  throw Error(concat("[FashionMNIST] expects ", name, ".gz in ", root,
                     ", which has no such file. Install it with `sudo apt install "
                     "dataset-fashion-mnist`, or set root to the folder that holds it"));
}

ImageFiles find_files(const std::string& root, const std::string& part) {
  return {find_file(root, part + "-images-idx3-ubyte"),
          find_file(root, part + "-labels-idx1-ubyte")};
}

Signature signature(const nn::Args& args) {
  const std::string root = checked(fashion_mnist(), args).text("root");
  const ImageFiles test = find_files(root, "t10k");
  const Signature train_signature = image_signature(find_files(root, "train"), kClasses);
  check_same_samples(train_signature, image_signature(test, kClasses), test);
  return train_signature;
}

Splits load(const nn::Args& args) {
  signature(args);
  const std::string root = checked(fashion_mnist(), args).text("root");
  return {load_images(find_files(root, "train"), kClasses, class_names()),
          load_images(find_files(root, "t10k"), kClasses, class_names())};
}

std::string python(const nn::Args& args) {
  const std::string root = checked(fashion_mnist(), args).text("root");
  const ImageFiles test = find_files(root, "t10k");
  return image_python(find_files(root, "train"), &test);
}

}  // namespace

const DatasetSpec& fashion_mnist() {
  static const DatasetSpec kSpec = [] {
    DatasetSpec spec;
    spec.id = "FashionMNIST";
    spec.torch_name = "torchvision.datasets.FashionMNIST";
    spec.category = "input";
    spec.icon = "image";
    spec.summary = "70 000 grey pictures of clothes, 28 × 28 pixels, in ten classes.";
    spec.formula = "x = pixel / 255, of size 1×28×28; y ∈ {0 … 9}";
    spec.when_to_use =
        "The first real task for a network of convolutions: as easy to start with as handwritten "
        "digits, and harder to get right.";
    spec.reference = "https://arxiv.org/abs/1708.07747";
    nn::Param root;
    root.name = "root";
    root.type = nn::ParamType::Path;
    root.fallback = std::string(kFolder);
    root.help = "Folder that holds the four files; the default is that of Debian's package.";
    spec.params = {root};
    spec.signature = signature;
    spec.load = load;
    spec.python = python;
    return spec;
  }();
  return kSpec;
}

}  // namespace nw::data
