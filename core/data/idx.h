#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/data/byte_source.h"
#include "core/data/memory_dataset.h"

namespace nw::data {

/// The type byte of an IDX file. Source: https://yann.lecun.com/exdb/mnist, "the IDX file format".
enum class IdxType : uint8_t {
  UInt8 = 0x08,
  Int8 = 0x09,
  Int16 = 0x0B,
  Int32 = 0x0C,
  Float32 = 0x0D,
  Float64 = 0x0E,
};

/// What the head of an IDX file tells.
struct IdxHeader {
  IdxType type = IdxType::UInt8;
  std::vector<uint32_t> sizes;  // the first counts the samples
};

/// Reads and checks the head of an IDX file, plain or gzip; leaves `source` at the numbers. Throws
/// Error naming the file, the byte, what was expected and found, and a remedy.
IdxHeader read_idx_header(ByteSource& source);
IdxHeader read_idx_header(const std::string& path);

/// Sizes of one sample: (H, W) becomes (1, H, W), as torchvision makes images; no size becomes (1).
/// Throws Error naming `path` for an empty file, a size of zero and too many dimensions.
Dims idx_sample_sizes(const IdxHeader& header, const std::string& path);

/// Throws Error unless the head is that of labels: whole numbers in one dimension, at least one.
void check_label_header(const IdxHeader& header, const std::string& path);

/// All numbers of an image file: bytes stay bytes, other types become float32.
Samples read_idx_samples(const std::string& path);
/// Labels: integers in one dimension, 0 … classes−1.
Targets read_idx_labels(const std::string& path, int64_t classes);

}  // namespace nw::data
