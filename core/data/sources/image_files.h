#pragma once

#include <string>
#include <vector>

#include "core/data/dataset.h"

namespace nw::data {

/// A pair of IDX files that belong together: samples and their labels.
struct ImageFiles {
  std::string images;
  std::string labels;
};

/// Reads both heads and checks that they fit together. Throws Error naming file, place and remedy.
Signature image_signature(const ImageFiles& files, int64_t classes);
/// Reads both files.
std::shared_ptr<const Dataset> load_images(const ImageFiles& files, int64_t classes,
                                           std::vector<std::string> class_names);
/// Python that reads the files as load_images does; see DatasetSpec::python.
std::string image_python(const ImageFiles& train, const ImageFiles* test);
/// Throws Error when the samples of the two differ in size.
void check_same_samples(const Signature& train, const Signature& test, const ImageFiles& files);

}  // namespace nw::data
