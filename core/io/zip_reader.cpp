#include "core/io/zip_reader.h"

#include <zlib.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/io/little_endian.h"
#include "core/io/zip_format.h"

namespace nw::io {
namespace {

using namespace zip;

constexpr uint64_t kLongestComment = 0xffff;
/// A deflated byte never becomes more than this many (zlib's technical notes say 1032).
constexpr uint64_t kMostExpansion = 1032;

/// Whether [offset, offset + bytes) lies below `limit`, safe from overflow.
bool fits(uint64_t offset, uint64_t bytes, uint64_t limit) {
  return offset <= limit && bytes <= limit - offset;
}

/// The content of one extra field; empty when there is none.
std::string_view find_extra(std::string_view extra, uint16_t kind) {
  while (extra.size() >= 4) {
    const auto field = load_le<uint16_t>(extra.data());
    const size_t bytes = load_le<uint16_t>(extra.data() + 2);
    if (bytes > extra.size() - 4) return {};
    if (field == kind) return extra.substr(4, bytes);
    extra.remove_prefix(4 + bytes);
  }
  return {};
}

/// Takes the next 64-bit number when `value` says that it is there; false when it is missing.
bool widen(uint64_t& value, std::string_view& extra) {
  if (value != kSee64) return true;
  if (extra.size() < 8) return false;
  value = load_le<uint64_t>(extra.data());
  extra.remove_prefix(8);
  return true;
}

}  // namespace

void ZipReader::damaged(std::string_view what) const {
  throw Error(concat("[", file_name(file_.path()), "] is cut short or damaged: ", what,
                     ". Copy, download or export it again"));
}

ZipReader::ZipReader(const InputFile& file) : file_(file) {
  parse_directory(find_directory());
}

ZipReader::Directory ZipReader::find_directory() const {
  const uint64_t size = file_.size();
  if (size < kEndBytes) damaged("it is too short for a zip archive");
  const uint64_t tail_bytes = std::min(size, kEndBytes + kLongestComment + kLocator64Bytes);
  std::string tail(tail_bytes, '\0');
  file_.read_at(size - tail_bytes, tail.data(), tail.size());
  for (size_t at = tail.size() - kEndBytes + 1; at-- > 0;) {
    const char* end = tail.data() + at;
    if (load_le<uint32_t>(end) != kEndSignature) continue;
    if (at + kEndBytes + load_le<uint16_t>(end + 20) != tail.size()) continue;
    const uint64_t offset = size - tail_bytes + at;
    if (at >= kLocator64Bytes && load_le<uint32_t>(end - kLocator64Bytes) == kLocator64Signature) {
      return read_end64(offset - kLocator64Bytes, end - kLocator64Bytes);
    }
    if (load_le<uint32_t>(end + 4) != 0) damaged("it is one part of several");
    const Directory directory{load_le<uint32_t>(end + 16), load_le<uint32_t>(end + 12),
                              load_le<uint16_t>(end + 10)};
    if (!fits(directory.offset, directory.bytes, offset)) damaged("its directory does not fit");
    return directory;
  }
  damaged("the zip directory at its end is missing");
}

ZipReader::Directory ZipReader::read_end64(uint64_t locator_offset, const char* locator) const {
  const auto offset = load_le<uint64_t>(locator + 8);
  if (!fits(offset, kEnd64Bytes, locator_offset)) damaged("its 64-bit directory does not fit");
  char end[kEnd64Bytes];
  file_.read_at(offset, end, sizeof(end));
  if (load_le<uint32_t>(end) != kEnd64Signature) damaged("its 64-bit directory is missing");
  const Directory directory{load_le<uint64_t>(end + 48), load_le<uint64_t>(end + 40),
                            load_le<uint64_t>(end + 32)};
  if (!fits(directory.offset, directory.bytes, offset)) damaged("its directory does not fit");
  return directory;
}

void ZipReader::parse_directory(const Directory& directory) {
  if (directory.count > directory.bytes / kCentralBytes) damaged("its directory is too short");
  std::string bytes(directory.bytes, '\0');
  file_.read_at(directory.offset, bytes.data(), bytes.size());
  std::string_view rest(bytes);
  uint64_t packed_total = 0;
  for (uint64_t i = 0; i < directory.count; ++i) {
    if (rest.size() < kCentralBytes || load_le<uint32_t>(rest.data()) != kCentralSignature) {
      damaged(concat("entry ", i, " of its directory is not valid"));
    }
    const char* head = rest.data();
    const size_t name_bytes = load_le<uint16_t>(head + 28);
    const size_t extra_bytes = load_le<uint16_t>(head + 30);
    const size_t comment_bytes = load_le<uint16_t>(head + 32);
    rest.remove_prefix(kCentralBytes);
    if (rest.size() < name_bytes + extra_bytes + comment_bytes) {
      damaged(concat("entry ", i, " of its directory is cut short"));
    }
    ZipEntry entry{std::string(rest.substr(0, name_bytes)),
                   load_le<uint32_t>(head + 20),
                   load_le<uint32_t>(head + 24),
                   load_le<uint32_t>(head + 42),
                   load_le<uint32_t>(head + 16),
                   load_le<uint16_t>(head + 10)};
    std::string_view extra = find_extra(rest.substr(name_bytes, extra_bytes), kZip64Extra);
    if (!widen(entry.bytes, extra) || !widen(entry.packed_bytes, extra) ||
        !widen(entry.header_offset, extra)) {
      damaged(concat("entry ", i, " of its directory lacks its 64-bit sizes"));
    }
    rest.remove_prefix(name_bytes + extra_bytes + comment_bytes);
    check_entry(entry, load_le<uint16_t>(head + 8));
    // Entries that share their bytes could claim far more memory than the file has.
    packed_total += entry.packed_bytes;
    if (packed_total > file_.size()) damaged("its entries overlap");
    if (!index_.emplace(entry.name, entries_.size()).second) {
      damaged(concat("it has two entries called '", entry.name, "'"));
    }
    entries_.push_back(std::move(entry));
  }
}

void ZipReader::check_entry(const ZipEntry& entry, uint16_t flags) const {
  NW_CHECK((flags & kEncryptedFlag) == 0, "[", file_name(file_.path()),
           "] is protected by a password. Unpack it, or save it again without one");
  NW_CHECK(entry.method == kStored || entry.method == kDeflated, "[", file_name(file_.path()),
           "] packs '", entry.name, "' by method ", entry.method,
           ", expects stored (0) or deflated (8). Save it again with torch.save");
  if (!fits(entry.header_offset, kLocalBytes, file_.size()) ||
      !fits(entry.header_offset + kLocalBytes, entry.packed_bytes, file_.size())) {
    damaged(concat("'", entry.name, "' reaches beyond its end"));
  }
  const uint64_t most =
      entry.method == kStored ? entry.packed_bytes : entry.packed_bytes * kMostExpansion;
  if (entry.bytes > most || (entry.method == kStored && entry.bytes != entry.packed_bytes)) {
    damaged(concat("the size of '", entry.name, "' cannot be true"));
  }
}

const ZipEntry* ZipReader::find(const std::string& name) const {
  const auto it = index_.find(name);
  return it == index_.end() ? nullptr : &entries_[it->second];
}

uint64_t ZipReader::data_offset(const ZipEntry& entry) const {
  char head[kLocalBytes];
  file_.read_at(entry.header_offset, head, sizeof(head));
  if (load_le<uint32_t>(head) != kLocalSignature) {
    damaged(concat("the head of '", entry.name, "' is missing"));
  }
  const uint64_t offset = entry.header_offset + kLocalBytes + load_le<uint16_t>(head + 26) +
                          load_le<uint16_t>(head + 28);
  if (!fits(offset, entry.packed_bytes, file_.size())) {
    damaged(concat("'", entry.name, "' reaches beyond its end"));
  }
  return offset;
}

void ZipReader::read(const ZipEntry& entry, void* out) const {
  const uint64_t offset = data_offset(entry);
  if (entry.method == kStored) {
    file_.read_at(offset, out, entry.bytes);
  } else {
    inflate(entry, offset, out);
  }
  check(entry, out);
}

std::optional<uint64_t> ZipReader::stored_at(const ZipEntry& entry) const {
  if (entry.method != kStored) return std::nullopt;
  return data_offset(entry);
}

void ZipReader::check(const ZipEntry& entry, const void* content) const {
  if (entry.crc == 0 || entry.bytes == 0) return;
  const auto crc =
      static_cast<uint32_t>(crc32_z(0, static_cast<const Bytef*>(content), entry.bytes));
  if (crc != entry.crc) damaged(concat("the checksum of '", entry.name, "' is wrong"));
}

void ZipReader::inflate(const ZipEntry& entry, uint64_t offset, void* out) const {
  constexpr size_t kChunk = size_t{1} << 16;
  constexpr uint64_t kMostAtOnce = uint64_t{1} << 30;  // zlib counts in 32 bits
  constexpr int kRawWindow = -15;                      // zlib: largest window, no header
  z_stream stream{};
  NW_CHECK(inflateInit2(&stream, kRawWindow) == Z_OK, "[", file_name(file_.path()),
           "] cannot be unpacked: there is not enough memory. Close other programs");
  std::vector<Bytef> input(kChunk);
  uint64_t taken = 0;
  uint64_t made = 0;
  int result = Z_OK;
  try {
    while (result == Z_OK) {
      if (stream.avail_in == 0 && taken < entry.packed_bytes) {
        const size_t count = std::min<uint64_t>(kChunk, entry.packed_bytes - taken);
        file_.read_at(offset + taken, input.data(), count);
        taken += count;
        stream.next_in = input.data();
        stream.avail_in = static_cast<uInt>(count);
      }
      const auto room = static_cast<uInt>(std::min(kMostAtOnce, entry.bytes - made));
      Bytef nothing = 0;
      stream.next_out = entry.bytes == 0 ? &nothing : static_cast<Bytef*>(out) + made;
      stream.avail_out = room;
      result = ::inflate(&stream, Z_NO_FLUSH);
      made += room - stream.avail_out;
    }
  } catch (...) {
    inflateEnd(&stream);
    throw;
  }
  inflateEnd(&stream);
  if (result != Z_STREAM_END || made != entry.bytes) {
    damaged(concat("the packed data of '", entry.name, "' is not valid"));
  }
}

}  // namespace nw::io
