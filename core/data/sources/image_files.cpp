#include "core/data/sources/image_files.h"

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/data/idx.h"

namespace nw::data {
namespace {

void check_counts(const ImageFiles& files, int64_t images, int64_t labels) {
  NW_CHECK(images == labels, "[", file_name(files.labels), "] expects one label for each of the ",
           images, " samples in ", file_name(files.images), ", finds ", labels,
           ". Choose two files that belong together");
}

}  // namespace

Signature image_signature(const ImageFiles& files, int64_t classes) {
  const IdxHeader images = read_idx_header(files.images);
  const IdxHeader labels = read_idx_header(files.labels);
  const Dims sample = idx_sample_sizes(images, files.images);
  check_label_header(labels, files.labels);
  check_counts(files, images.sizes[0], labels.sizes[0]);
  return {sample, {}, DType::Int64, classes};
}

std::shared_ptr<const Dataset> load_images(const ImageFiles& files, int64_t classes,
                                           std::vector<std::string> class_names) {
  image_signature(files, classes);  // heads first: a wrong file is told at once
  Targets targets = read_idx_labels(files.labels, classes);
  targets.class_names = std::move(class_names);
  Samples samples = read_idx_samples(files.images);
  const size_t numbers = samples.bytes.empty() ? samples.floats.size() : samples.bytes.size();
  check_counts(files, static_cast<int64_t>(numbers) / nw::numel(samples.sizes),
               static_cast<int64_t>(targets.labels.size()));
  return memory_dataset(std::move(samples), std::move(targets));
}

void check_same_samples(const Signature& train, const Signature& test, const ImageFiles& files) {
  NW_CHECK(train.sample == test.sample, "[", file_name(files.images), "] expects samples of ",
           to_string(train.sample), " as in the training file, finds ", to_string(test.sample),
           ". Choose test samples of the same size");
}

}  // namespace nw::data
