#include "core/data/idx.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>

#include "core/base/error.h"

namespace nw::data {
namespace {

constexpr std::string_view kExample = "such as train-images-idx3-ubyte.gz";
/// Memory grows by no more than this ahead of what the file really held.
constexpr uint64_t kReadAhead = uint64_t{64} << 20;

std::string hex(unsigned byte) {
  constexpr char kDigits[] = "0123456789abcdef";
  return {'0', 'x', kDigits[byte >> 4 & 15], kDigits[byte & 15]};
}

size_t bytes_of(IdxType type) {
  switch (type) {
    case IdxType::UInt8:
    case IdxType::Int8:
      return 1;
    case IdxType::Int16:
      return 2;
    case IdxType::Int32:
    case IdxType::Float32:
      return 4;
    case IdxType::Float64:
      return 8;
  }
  return 0;
}

std::string sizes_text(const IdxHeader& header) {
  std::string text;
  for (uint32_t size : header.sizes) text += (text.empty() ? "" : "×") + std::to_string(size);
  return text;
}

/// Bytes of all numbers; throws Error when the file cannot hold so many.
uint64_t expected_bytes(const IdxHeader& header, const ByteSource& source) {
  uint64_t count = bytes_of(header.type);
  bool overflow = false;
  for (uint32_t size : header.sizes) {
    overflow = overflow || __builtin_mul_overflow(count, uint64_t{size}, &count);
  }
  NW_CHECK(!overflow && count <= source.most_bytes(), "[", file_name(source.path()),
           "] is cut short or damaged: its head promises ", sizes_text(header),
           " numbers, more than a file of this length can hold. Copy or download it again");
  return count;
}

/// The numbers after the head, exactly as many as it promises.
std::vector<uint8_t> read_body(const IdxHeader& header, ByteSource& source) {
  const uint64_t expected = expected_bytes(header, source);
  const uint64_t begin = source.position();
  std::vector<uint8_t> bytes;
  try {
    while (bytes.size() < expected) {
      const size_t old = bytes.size();
      bytes.resize(std::min(expected, old + std::max<uint64_t>(kReadAhead, old)));
      const size_t got = source.read(bytes.data() + old, bytes.size() - old);
      NW_CHECK(got == bytes.size() - old, "[", file_name(source.path()), "] is cut short: expects ",
               expected, " bytes of numbers (", sizes_text(header), ") from byte ", begin,
               ", finds ", old + got, ". Copy or download it again");
    }
  } catch (const std::bad_alloc&) {
    throw Error(concat("[", file_name(source.path()), "] needs ", expected >> 20,
                       " MiB of memory, more than there is. Choose a smaller data set"));
  }
  uint8_t more = 0;
  NW_CHECK(source.read(&more, 1) == 0, "[", file_name(source.path()), "] is damaged: expects ",
           expected, " bytes of numbers (", sizes_text(header), ") from byte ", begin,
           ", finds more. Copy or download it again");
  return bytes;
}

/// IDX stores the most significant byte first.
template <typename T>
T big_endian(const uint8_t* bytes) {
  std::array<uint8_t, sizeof(T)> turned;
  std::reverse_copy(bytes, bytes + sizeof(T), turned.begin());
  return std::bit_cast<T>(turned);
}

template <typename T, typename Out>
std::vector<Out> convert(const std::vector<uint8_t>& bytes) {
  std::vector<Out> out(bytes.size() / sizeof(T));
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<Out>(big_endian<T>(bytes.data() + i * sizeof(T)));
  }
  return out;
}

template <typename Out>
std::vector<Out> convert(IdxType type, const std::vector<uint8_t>& bytes) {
  switch (type) {
    case IdxType::UInt8:
      return convert<uint8_t, Out>(bytes);
    case IdxType::Int8:
      return convert<int8_t, Out>(bytes);
    case IdxType::Int16:
      return convert<int16_t, Out>(bytes);
    case IdxType::Int32:
      return convert<int32_t, Out>(bytes);
    case IdxType::Float32:
      return convert<float, Out>(bytes);
    case IdxType::Float64:
      return convert<double, Out>(bytes);
  }
  return {};
}

void read_exactly(ByteSource& source, uint8_t* bytes, size_t count) {
  const uint64_t begin = source.position();
  const size_t got = source.read(bytes, count);
  NW_CHECK(got == count, "[", file_name(source.path()), "] ends at byte ", begin + got,
           ", within the head of an IDX file. Choose a whole IDX file, ", kExample);
}

void check_magic(const uint8_t* magic, const std::string& file) {
  for (int i = 0; i < 2; ++i) {
    NW_CHECK(magic[i] == 0, "[", file, "] is not an IDX file: expects 0x00 in byte ", i, ", finds ",
             hex(magic[i]), ". Choose an IDX file, ", kExample);
  }
  NW_CHECK(bytes_of(static_cast<IdxType>(magic[2])) > 0, "[", file,
           "] is not an IDX file: expects a type (0x08, 0x09, 0x0b … 0x0e) in byte 2, finds ",
           hex(magic[2]), ". Choose an IDX file, ", kExample);
  NW_CHECK(magic[3] >= 1 && magic[3] <= kMaxDims, "[", file, "] expects 1 … ", kMaxDims,
           " dimensions in byte 3, finds ", int{magic[3]}, ". Choose an IDX file, ", kExample);
}

}  // namespace

IdxHeader read_idx_header(ByteSource& source) {
  uint8_t magic[4];
  read_exactly(source, magic, sizeof(magic));
  check_magic(magic, file_name(source.path()));
  IdxHeader header{static_cast<IdxType>(magic[2]), {}};
  for (int i = 0; i < magic[3]; ++i) {
    uint8_t size[4];
    read_exactly(source, size, sizeof(size));
    header.sizes.push_back(big_endian<uint32_t>(size));
  }
  return header;
}

IdxHeader read_idx_header(const std::string& path) {
  ByteSource source(path);
  return read_idx_header(source);
}

Dims idx_sample_sizes(const IdxHeader& header, const std::string& path) {
  const std::string file = file_name(path);
  NW_CHECK(header.sizes[0] > 0, "[", file, "] holds no samples. Choose a file that has some");
  Dims sizes;
  if (header.sizes.size() == 1 || header.sizes.size() == 3) sizes.push_back(1);
  for (size_t i = 1; i < header.sizes.size(); ++i) {
    NW_CHECK(header.sizes[i] > 0, "[", file, "] holds samples of no numbers: its sizes are ",
             sizes_text(header), ". Choose another file");
    sizes.push_back(header.sizes[i]);
  }
  int64_t product = 1;
  for (int64_t size : sizes) {
    NW_CHECK(!__builtin_mul_overflow(product, size, &product), "[", file,
             "] is damaged: its head promises ", sizes_text(header),
             " numbers. Copy or download it again");
  }
  return sizes;
}

Samples read_idx_samples(const std::string& path) {
  ByteSource source(path);
  const IdxHeader header = read_idx_header(source);
  Samples samples{idx_sample_sizes(header, path), {}, {}};
  samples.bytes = read_body(header, source);
  if (header.type != IdxType::UInt8) {
    samples.floats = convert<float>(header.type, samples.bytes);
    samples.bytes = {};
  }
  return samples;
}

void check_label_header(const IdxHeader& header, const std::string& path) {
  const std::string file = file_name(path);
  NW_CHECK(header.sizes.size() == 1, "[", file, "] expects one dimension for labels, finds ",
           header.sizes.size(), " (", sizes_text(header), "). Choose the file with the labels");
  NW_CHECK(
      header.type != IdxType::Float32 && header.type != IdxType::Float64, "[", file,
      "] expects whole numbers as labels, finds real numbers. Choose the file with the labels");
  NW_CHECK(header.sizes[0] > 0, "[", file, "] holds no labels. Choose a file that has some");
}

Targets read_idx_labels(const std::string& path, int64_t classes) {
  ByteSource source(path);
  const IdxHeader header = read_idx_header(source);
  check_label_header(header, path);
  Targets targets{convert<int64_t>(header.type, read_body(header, source)), {}, {}, classes, {}};
  for (size_t i = 0; i < targets.labels.size(); ++i) {
    const int64_t label = targets.labels[i];
    NW_CHECK(label >= 0 && label < classes, "[", file_name(path), "] expects labels from 0 to ",
             classes - 1, ", finds ", label, " for sample ", i, ". ",
             label < 0 ? std::string("Choose a file whose labels count from 0")
                       : concat("Set classes to ", label + 1, " or more"));
  }
  return targets;
}

}  // namespace nw::data
