#include "core/data/sources/image_files.h"

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/data/idx.h"
#include "core/nn/value.h"

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
  return {.sample = sample,
          .target = {},
          .classes = classes,
          .train_samples = static_cast<int64_t>(images.sizes[0])};
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

namespace {

constexpr const char* kReader = R"(def read_idx(path):
    """The array in an IDX file, plain or packed by gzip."""
    with open(path, "rb") as file:
        content = file.read()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    numbers = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
    rank = content[3]
    sizes = np.frombuffer(content, ">i4", rank, 4)
    return np.frombuffer(content, numbers[content[2]], offset=4 + 4 * rank).reshape(sizes)


def read_samples(images, labels):
    """Samples with a channel in front of pixels, bytes from 0 to 1, and their classes."""
    array = read_idx(images)
    numbers = torch.from_numpy(array.astype(np.float32))
    if array.dtype == np.uint8:
        numbers = numbers / 255
    if array.ndim in (1, 3):
        numbers = numbers.unsqueeze(1)
    return numbers, torch.from_numpy(read_idx(labels).astype(np.int64))


)";

/// "x, t = read_samples(…)".
std::string read_call(const char* names, const ImageFiles& files) {
  return concat(names, " = read_samples(\n    ", nn::to_python(nn::Value(files.images)), ",\n    ",
                nn::to_python(nn::Value(files.labels)), ",\n)\n");
}

}  // namespace

std::string image_python(const ImageFiles& train, const ImageFiles* test) {
  const std::string rest = test == nullptr ? std::string("x_test = t_test = None\n")
                                           : read_call("x_test, t_test", *test);
  return kReader + read_call("x, t", train) + rest;
}

void check_same_samples(const Signature& train, const Signature& test, const ImageFiles& files) {
  NW_CHECK(train.sample == test.sample, "[", file_name(files.images), "] expects samples of ",
           to_string(train.sample), " as in the training file, finds ", to_string(test.sample),
           ". Choose test samples of the same size");
}

}  // namespace nw::data
