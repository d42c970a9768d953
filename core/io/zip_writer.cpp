#include "core/io/zip_writer.h"

#include <zlib.h>

#include <algorithm>

#include "core/io/little_endian.h"
#include "core/io/zip_format.h"

namespace nw::io {
namespace {

using namespace zip;

constexpr uint64_t kAlignment = 64;
constexpr uint16_t kDate = 0x0021;  // 1 January 1980, so that equal states give equal files
constexpr uint16_t kVersion = 20;
constexpr uint16_t kVersion64 = 45;

uint32_t clipped(uint64_t value) {
  return static_cast<uint32_t>(std::min<uint64_t>(value, kSee64));
}

uint64_t fnv(uint64_t hash, const void* bytes, size_t count) {
  constexpr uint64_t kPrime = 0x100000001b3;
  for (size_t i = 0; i < count; ++i) {
    hash = (hash ^ static_cast<const uint8_t*>(bytes)[i]) * kPrime;
  }
  return hash;
}

/// The fields that the local and the central header share.
std::string common_fields(uint16_t version, uint32_t crc, uint64_t size, size_t name_bytes,
                          size_t extra_bytes) {
  std::string out;
  append_le(out, version);
  append_le(out, kUtf8Flag);
  append_le(out, kStored);
  append_le(out, uint16_t{0});  // midnight
  append_le(out, kDate);
  append_le(out, crc);
  append_le(out, clipped(size));  // packed
  append_le(out, clipped(size));  // unpacked
  append_le(out, static_cast<uint16_t>(name_bytes));
  append_le(out, static_cast<uint16_t>(extra_bytes));
  return out;
}

std::string extra_field(uint16_t kind, const std::string& content) {
  std::string out;
  append_le(out, kind);
  append_le(out, static_cast<uint16_t>(content.size()));
  return out + content;
}

/// Extra fields of a local header at `position`: the sizes where they need 64 bits, then padding up
/// to the alignment.
std::string local_extra(uint64_t position, size_t name_bytes, uint64_t size) {
  std::string extra;
  if (size >= kSee64) {
    std::string sizes;
    append_le(sizes, size);
    append_le(sizes, size);
    extra = extra_field(kZip64Extra, sizes);
  }
  constexpr uint64_t kFieldHead = 4;
  const uint64_t begin = position + kLocalBytes + name_bytes + extra.size() + kFieldHead;
  return extra + extra_field(kPaddingExtra,
                             std::string((kAlignment - begin % kAlignment) % kAlignment, 'Z'));
}

std::string central_extra(uint64_t position, uint64_t size) {
  std::string content;
  if (size >= kSee64) {
    append_le(content, size);
    append_le(content, size);
  }
  if (position >= kSee64) append_le(content, position);
  return content.empty() ? content : extra_field(kZip64Extra, content);
}

uint32_t checksum(const void* bytes, uint64_t size) {
  return static_cast<uint32_t>(crc32_z(0, static_cast<const Bytef*>(bytes), size));
}

}  // namespace

void ZipWriter::put(const void* bytes, uint64_t size) {
  append_(bytes, size);
  position_ += size;
}

void ZipWriter::add(std::string_view name, const void* bytes, uint64_t size) {
  const uint64_t begin = position_;
  const uint32_t crc = size == 0 ? 0 : checksum(bytes, size);
  const uint16_t version = size >= kSee64 || begin >= kSee64 ? kVersion64 : kVersion;

  const std::string extra = local_extra(begin, name.size(), size);
  std::string header;
  append_le(header, kLocalSignature);
  header += common_fields(version, crc, size, name.size(), extra.size());
  header += name;
  header += extra;
  put(header.data(), header.size());
  put(bytes, size);

  const std::string extra64 = central_extra(begin, size);
  append_le(directory_, kCentralSignature);
  append_le(directory_, version);
  directory_ += common_fields(version, crc, size, name.size(), extra64.size());
  directory_.append(10, '\0');  // no comment, first disk, no attributes
  append_le(directory_, clipped(begin));
  directory_ += name;
  directory_ += extra64;

  ++count_;
  name_hash_ = fnv(name_hash_, name.data(), name.size());
  content_hash_ = fnv(content_hash_, &crc, sizeof(crc));
}

void ZipWriter::finish() {
  const uint64_t begin = position_;
  const uint64_t bytes = directory_.size();
  std::string end;
  if (count_ >= kSee64Short || begin >= kSee64 || bytes >= kSee64) {
    append_le(end, kEnd64Signature);
    append_le(end, uint64_t{kEnd64Bytes - 12});  // without signature and this field
    append_le(end, kVersion64);
    append_le(end, kVersion64);
    append_le(end, uint64_t{0});  // disks
    append_le(end, count_);
    append_le(end, count_);
    append_le(end, bytes);
    append_le(end, begin);
    append_le(end, kLocator64Signature);
    append_le(end, uint32_t{0});
    append_le(end, begin + bytes);
    append_le(end, uint32_t{1});  // disks
  }
  const auto count = static_cast<uint16_t>(std::min<uint64_t>(count_, kSee64Short));
  append_le(end, kEndSignature);
  append_le(end, uint32_t{0});  // disks
  append_le(end, count);
  append_le(end, count);
  append_le(end, clipped(bytes));
  append_le(end, clipped(begin));
  append_le(end, uint16_t{0});  // no comment
  put(directory_.data(), directory_.size());
  put(end.data(), end.size());
}

}  // namespace nw::io
