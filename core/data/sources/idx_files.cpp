#include <optional>

#include "core/base/error.h"
#include "core/data/sources/image_files.h"
#include "core/data/sources/sources.h"

namespace nw::data {
namespace {

ImageFiles train_files(const nn::Args& args) {
  NW_CHECK(!args.text("train_images").empty() && !args.text("train_labels").empty(),
           "[IDX] expects the files with the training samples and their labels. Set train_images "
           "and train_labels");
  return {args.text("train_images"), args.text("train_labels")};
}

std::optional<ImageFiles> test_files(const nn::Args& args) {
  const ImageFiles files{args.text("test_images"), args.text("test_labels")};
  if (files.images.empty() && files.labels.empty()) return std::nullopt;
  NW_CHECK(!files.images.empty() && !files.labels.empty(),
           "[IDX] expects both files of the test or none. Set ",
           files.images.empty() ? "test_images" : "test_labels", " too, or clear the other");
  return files;
}

Signature signature(const nn::Args& given) {
  const nn::Args args = checked(idx_files(), given);
  const int64_t classes = args.integer("classes");
  const Signature train = image_signature(train_files(args), classes);
  if (const auto test = test_files(args)) {
    check_same_samples(train, image_signature(*test, classes), *test);
  }
  return train;
}

Splits load(const nn::Args& given) {
  signature(given);
  const nn::Args args = checked(idx_files(), given);
  const int64_t classes = args.integer("classes");
  const auto test = test_files(args);
  return {load_images(train_files(args), classes, {}),
          test ? load_images(*test, classes, {}) : nullptr};
}

std::string python(const nn::Args& given) {
  const nn::Args args = checked(idx_files(), given);
  const auto test = test_files(args);
  return image_python(train_files(args), test ? &*test : nullptr);
}

nn::Param path(const char* name, const char* help) {
  nn::Param param;
  param.name = name;
  param.type = nn::ParamType::Path;
  param.fallback = std::string();
  param.help = help;
  return param;
}

nn::Param classes() {
  nn::Param param;
  param.name = "classes";
  param.fallback = int64_t{10};
  param.help = "How many classes there are; labels run from 0 to one less.";
  param.min = 2;
  param.max = 1'000'000;
  return param;
}

}  // namespace

const DatasetSpec& idx_files() {
  static const DatasetSpec kSpec = [] {
    DatasetSpec spec;
    spec.id = "IDX";
    spec.category = "input";
    spec.icon = "folder";
    spec.summary =
        "Samples and labels of your own in IDX files, the format of MNIST, plain or .gz.";
    spec.formula = "bytes: x = byte / 255; other numbers as they are; y ∈ {0 … classes − 1}";
    spec.when_to_use =
        "For MNIST and its relatives (KMNIST, EMNIST), and for any data that you can write as "
        "arrays.";
    spec.reference = "https://yann.lecun.com/exdb/mnist/";
    spec.params = {path("train_images", "Samples to learn from; the first size counts them."),
                   path("train_labels", "Their labels: whole numbers in one dimension."),
                   path("test_images", "Samples kept for the test; may be left empty."),
                   path("test_labels", "Their labels; may be left empty."), classes()};
    spec.signature = signature;
    spec.load = load;
    spec.python = python;
    return spec;
  }();
  return kSpec;
}

}  // namespace nw::data
