#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "core/backend/creation.h"
#include "core/io/little_endian.h"
#include "core/io/npy.h"
#include "core/io/npy_types.h"
#include "core/io/torch_file.h"
#include "core/io/zip_reader.h"

namespace nw::io {
namespace {

// In the order of DType; bfloat16 has none.
constexpr std::array<std::string_view, kDTypeCount> kDescr = {
    "<f4", "<f8", "<f2", "", "<c8", "<c16", "<i8", "<i4", "<i2", "|i1", "|u1", "|b1"};

/// Where an array's bytes come from, and how messages name it.
struct Source {
  std::string place;
  uint64_t bytes;
  std::function<void(uint64_t offset, void* out, size_t count)> read;

  [[noreturn]] void damaged(std::string_view what) const {
    throw Error(concat("[", place, "] is cut short or damaged: ", what,
                       ". Copy, download or save it again"));
  }
};

struct Header {
  DType dtype = DType::Float32;
  bool swapped = false;  // the high byte comes first
  bool column_major = false;
  Dims sizes;
  uint64_t data_begin = 0;
};

/// Reads the dict literal that describes an array: three members, in any order.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const Source& source) : text_(text), source_(source) {}

  Header parse() {
    expect('{');
    while (!take('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr") {
        set_type(string());
      } else if (key == "fortran_order") {
        header_.column_major = boolean();
      } else if (key == "shape") {
        set_sizes();
      } else {
        source_.damaged(concat("its header has a member '", key, "'"));
      }
      ++members_;
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    if (members_ != 3) source_.damaged("its header expects descr, fortran_order and shape");
    return header_;
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }
  bool take(char wanted) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  void expect(char wanted) {
    if (!take(wanted)) {
      source_.damaged(concat("its header expects '", wanted, "' at character ", at_));
    }
  }
  std::string string() {
    skip_space();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote == '[') {
      throw Error(concat("[", source_.place,
                         "] holds records of several fields. Save each field as its own array"));
    }
    if (quote != '\'' && quote != '"') source_.damaged("its header expects a text in quotes");
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) source_.damaged("a text in its header does not end");
    const std::string out(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return out;
  }
  bool boolean() {
    skip_space();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(at_, word.size()) != word) continue;
      at_ += word.size();
      return value;
    }
    source_.damaged("its header expects True or False");
  }
  void set_sizes() {
    expect('(');
    while (!take(')')) {
      header_.sizes.push_back(whole_number());
      if (!take(',')) {
        expect(')');
        break;
      }
    }
  }
  int64_t whole_number() {
    skip_space();
    int64_t value = 0;
    const size_t begin = at_;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      if (__builtin_mul_overflow(value, int64_t{10}, &value) ||
          __builtin_add_overflow(value, int64_t{text_[at_] - '0'}, &value)) {
        source_.damaged("a size in its header is too large");
      }
    }
    if (at_ == begin) source_.damaged("its header expects a size");
    take('L');  // as Python 2 wrote long integers
    return value;
  }
  void set_type(std::string descr) {
    if (!descr.empty() && (descr[0] == '>' || descr[0] == '=')) {
      header_.swapped = descr[0] == '>' && !descr.ends_with("1");
      descr[0] = '<';
    }
    const std::string_view tail = std::string_view(descr).substr(descr.empty() ? 0 : 1);
    const auto it = std::find_if(kDescr.begin(), kDescr.end(), [&](std::string_view known) {
      return !known.empty() && known.substr(1) == tail;
    });
    NW_CHECK(it != kDescr.end(), "[", source_.place, "] has numbers of NumPy's type '", descr,
             "', which is not supported. Convert them, for example with .astype('float32')");
    header_.dtype = static_cast<DType>(it - kDescr.begin());
  }

  std::string_view text_;
  const Source& source_;
  size_t at_ = 0;
  int members_ = 0;
  Header header_;
};

Header read_header(const Source& source) {
  constexpr uint64_t kPreamble = 8;  // magic and version
  constexpr uint64_t kMostHeader = uint64_t{1} << 20;
  char head[kPreamble + sizeof(uint32_t)] = {};
  if (source.bytes < sizeof(head)) source.damaged("it is shorter than a header");
  source.read(0, head, sizeof(head));
  if (!is_npy({head, kPreamble})) source.damaged("it does not begin as a file of numpy.save");
  const int version = head[6];
  NW_CHECK(version >= 1 && version <= 3, "[", source.place, "] has version ", version,
           " of NumPy's format, 1 to 3 are known. Save it with another version of NumPy");
  const uint64_t width = version == 1 ? sizeof(uint16_t) : sizeof(uint32_t);
  const uint64_t length =
      version == 1 ? load_le<uint16_t>(head + kPreamble) : load_le<uint32_t>(head + kPreamble);
  const uint64_t begin = kPreamble + width;
  if (length > kMostHeader || length > source.bytes - begin) {
    source.damaged(concat("its header would have ", length, " bytes"));
  }
  std::string text(length, '\0');
  source.read(begin, text.data(), text.size());
  Header header = HeaderParser(text, source).parse();
  header.data_begin = begin + length;
  return header;
}

void check_size(const Header& header, const Source& source) {
  uint64_t bytes = item_bytes(header.dtype);
  bool overflow = false;
  for (int64_t size : header.sizes) {
    overflow |= __builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes);
  }
  if (overflow || bytes != source.bytes - header.data_begin) {
    source.damaged(concat("an array of ", name(header.dtype), " ", to_string(header.sizes),
                          " does not fill its ", source.bytes - header.data_begin, " bytes"));
  }
}

/// Turns the bytes of each number around; a complex number is two.
void swap_bytes(const Tensor& tensor) {
  const bool complex = tensor.dtype() == DType::Complex64 || tensor.dtype() == DType::Complex128;
  const size_t width = item_bytes(tensor.dtype()) / (complex ? 2 : 1);
  auto* bytes = static_cast<char*>(tensor.raw());
  const size_t count = static_cast<size_t>(tensor.numel()) * item_bytes(tensor.dtype());
  for (size_t i = 0; i < count; i += width) std::reverse(bytes + i, bytes + i + width);
}

Tensor read_array(const Source& source) {
  const Header header = read_header(source);
  check_size(header, source);
  const Tensor memory = empty(header.sizes, header.dtype, kCpu);
  fill_storage(memory, [&](void* bytes) {
    source.read(header.data_begin, bytes,
                static_cast<size_t>(memory.numel()) * item_bytes(header.dtype));
  });
  if (header.swapped) swap_bytes(memory);
  if (!header.column_major || header.sizes.size() < 2) return memory;
  Dims strides(header.sizes.size());
  int64_t step = 1;
  for (size_t i = 0; i < strides.size(); ++i) {
    strides[i] = step;
    step *= header.sizes[i];
  }
  return raw::contiguous(memory.as_strided(header.sizes, strides, 0));
}

}  // namespace

std::string_view npy_descr(DType dtype) {
  return kDescr[static_cast<size_t>(dtype)];
}

bool is_npy(std::string_view head) {
  return head.starts_with(kNpyMagic);
}

Tensor read_npy(const InputFile& file) {
  return read_array(
      {file_name(file.path()), file.size(),
       [&](uint64_t offset, void* out, size_t count) { file.read_at(offset, out, count); }});
}

nn::StateDict read_npz(const InputFile& file) {
  constexpr std::string_view kEnding = ".npy";
  const ZipReader zip(file);
  nn::StateDict state;
  for (const ZipEntry& entry : zip.entries()) {
    if (!entry.name.ends_with(kEnding)) continue;
    std::string bytes(entry.bytes, '\0');
    zip.read(entry, bytes.data());
    const Source source{concat(file_name(file.path()), ": ", entry.name), bytes.size(),
                        [&](uint64_t offset, void* out, size_t count) {
                          std::copy_n(bytes.data() + offset, count, static_cast<char*>(out));
                        }};
    state.entries.push_back(
        {entry.name.substr(0, entry.name.size() - kEnding.size()), read_array(source)});
  }
  return state;
}

}  // namespace nw::io
