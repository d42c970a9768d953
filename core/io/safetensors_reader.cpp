#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <vector>

#include "core/base/error.h"
#include "core/io/file_numbers.h"
#include "core/io/little_endian.h"
#include "core/io/safetensors.h"

namespace nw::io {
namespace {

using nlohmann::json;

constexpr uint64_t kLengthBytes = 8;

struct Entry {
  std::string key;
  DType dtype;
  Dims sizes;
  uint64_t begin;
  uint64_t end;
};

class Reader {
 public:
  explicit Reader(const InputFile& file) : file_(file) {}

  nn::StateDict read() {
    read_header();
    parse_header();
    check_cover();
    nn::StateDict state;
    FileNumbers numbers(file_);
    for (const Entry& entry : entries_) {
      const Tensor flat = numbers.at(data_begin() + entry.begin, numel(entry.sizes), entry.dtype);
      state.entries.push_back(
          {entry.key, flat.as_strided(entry.sizes, contiguous_strides(entry.sizes), 0)});
    }
    return state;
  }

 private:
  [[noreturn]] void damaged(std::string_view what) const {
    throw Error(concat("[", file_name(file_.path()), "] is cut short or damaged: ", what,
                       ". Copy, download or export it again"));
  }

  uint64_t data_begin() const { return kLengthBytes + header_.size(); }
  uint64_t data_bytes() const { return file_.size() - data_begin(); }

  void read_header() {
    if (file_.size() < kLengthBytes) damaged("it is shorter than the 8 bytes that it starts with");
    char length[kLengthBytes];
    file_.read_at(0, length, sizeof(length));
    const auto bytes = load_le<uint64_t>(length);
    if (bytes > kMostSafetensorsHeader) {
      damaged(concat("its header would have ", bytes, " bytes, at most ", kMostSafetensorsHeader,
                     " are allowed"));
    }
    if (bytes > file_.size() - kLengthBytes) {
      damaged(concat("its header has ", bytes, " bytes, the file ", file_.size()));
    }
    header_.resize(bytes);
    file_.read_at(kLengthBytes, header_.data(), header_.size());
  }

  /// JSON as the format allows it: shallow, and no key twice (parsers would disagree on which one
  /// counts).
  json parse_json() const {
    constexpr int kDeepest = 3;
    std::set<std::string> names;
    std::set<std::string> members;
    const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
      if (depth > kDeepest) damaged("its header is nested too deep");
      if (event == json::parse_event_t::object_start) members.clear();
      if (event != json::parse_event_t::key) return true;
      auto& seen = depth == 1 ? names : members;
      if (!seen.insert(parsed.get<std::string>()).second) {
        damaged(concat("its header has '", parsed.get<std::string>(), "' twice"));
      }
      return true;
    };
    try {
      return json::parse(header_, watch);
    } catch (const json::parse_error& error) {
      damaged(concat("its header is not valid JSON at byte ", kLengthBytes + error.byte));
    } catch (const json::exception&) {
      damaged("its header is not valid JSON");
    }
  }

  void parse_header() {
    const json header = parse_json();
    if (!header.is_object()) damaged("its header is not a JSON object");
    for (const auto& [key, about] : header.items()) {
      if (key == "__metadata__") {
        check_metadata(about);
      } else {
        entries_.push_back(parse_entry(key, about));
      }
    }
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.begin, a.end, a.key) < std::tie(b.begin, b.end, b.key);
    });
  }

  void check_metadata(const json& metadata) const {
    if (!metadata.is_object()) damaged("its __metadata__ is not a JSON object");
    for (const auto& item : metadata.items()) {
      if (!item.value().is_string()) {
        damaged(concat("'", item.key(), "' of its __metadata__ is not a string"));
      }
    }
  }

  Entry parse_entry(const std::string& key, const json& about) const {
    if (!about.is_object() || about.size() != 3 || !about.contains("dtype") ||
        !about.contains("shape") || !about.contains("data_offsets") ||
        !about["dtype"].is_string() || !about["shape"].is_array() ||
        !about["data_offsets"].is_array() || about["data_offsets"].size() != 2) {
      damaged(concat("tensor '", key, "' expects a dtype, a shape and two data_offsets"));
    }
    Entry entry{key, dtype_of(key, about["dtype"].get<std::string>()), {}, 0, 0};
    NW_CHECK(about["shape"].size() <= kMaxDims, "[", file_name(file_.path()), "] tensor '", key,
             "' has ", about["shape"].size(), " dimensions, at most ", kMaxDims, " are supported");
    for (const json& size : about["shape"]) {
      entry.sizes.push_back(static_cast<int64_t>(whole_number(key, size)));
    }
    entry.begin = whole_number(key, about["data_offsets"][0]);
    entry.end = whole_number(key, about["data_offsets"][1]);
    check_size(entry);
    return entry;
  }

  DType dtype_of(const std::string& key, const std::string& word) const {
    for (int i = 0; i < kDTypeCount; ++i) {
      const auto dtype = static_cast<DType>(i);
      if (!word.empty() && safetensors_name(dtype) == word) return dtype;
    }
    throw Error(concat("[", file_name(file_.path()), "] tensor '", key, "' has type '", word,
                       "', which is not supported. Convert it to F32 before saving"));
  }

  uint64_t whole_number(const std::string& key, const json& number) const {
    constexpr auto kMost = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    if (!number.is_number_unsigned() || number.get<uint64_t>() > kMost) {
      damaged(concat("tensor '", key, "' has a size or offset that is not a whole number"));
    }
    return number.get<uint64_t>();
  }

  void check_size(const Entry& entry) const {
    uint64_t bytes = item_bytes(entry.dtype);
    bool overflow = false;
    for (int64_t size : entry.sizes) {
      overflow |= __builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes);
    }
    if (entry.begin > entry.end || entry.end > data_bytes()) {
      damaged(concat("tensor '", entry.key, "' lies at bytes ", entry.begin, " … ", entry.end,
                     " of ", data_bytes()));
    }
    if (overflow || bytes != entry.end - entry.begin) {
      damaged(concat("tensor '", entry.key, "' of type ", name(entry.dtype), " and size ",
                     to_string(entry.sizes), " does not fill its ", entry.end - entry.begin,
                     " bytes"));
    }
  }

  /// The tensors must cover the data without hole, overlap or rest: nothing can hide.
  void check_cover() const {
    uint64_t position = 0;
    for (const Entry& entry : entries_) {
      if (entry.begin != position) {
        damaged(concat("tensor '", entry.key, "' expects to begin at byte ", position,
                       " of the data, begins at ", entry.begin));
      }
      position = entry.end;
    }
    if (position != data_bytes()) {
      damaged(
          concat("its tensors end at byte ", position, " of the data, which has ", data_bytes()));
    }
  }

  const InputFile& file_;
  std::string header_;
  std::vector<Entry> entries_;
};

}  // namespace

bool is_safetensors(std::string_view head, uint64_t size) {
  if (head.size() <= kLengthBytes) return false;
  const auto header = load_le<uint64_t>(head.data());
  const size_t first = head.find_first_not_of(" \t\r\n", kLengthBytes);
  return header <= kMostSafetensorsHeader && size > kLengthBytes &&
         (first == std::string_view::npos || head[first] == '{');
}

nn::StateDict read_safetensors(const InputFile& file) {
  return Reader(file).read();
}

}  // namespace nw::io
