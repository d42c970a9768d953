#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/file.h"

namespace nw::io {

struct ZipEntry {
  std::string name;
  uint64_t packed_bytes = 0;
  uint64_t bytes = 0;
  uint64_t header_offset = 0;
  uint32_t crc = 0;
  uint16_t method = 0;
};

/// Reads a zip archive, stored or deflated entries in any order. Trusts nothing: every offset and
/// size is checked against the file before use, entries may not claim more than the file can hold.
/// Throws Error naming the file. `file` must outlive it.
class ZipReader {
 public:
  explicit ZipReader(const InputFile& file);

  const std::vector<ZipEntry>& entries() const { return entries_; }
  /// Null when there is none.
  const ZipEntry* find(const std::string& name) const;
  /// Fills `out` with all `entry.bytes` and checks them against the checksum (0: not computed).
  void read(const ZipEntry& entry, void* out) const;
  /// Where the bytes of an entry lie that is stored as it is; none for a packed one.
  std::optional<uint64_t> stored_at(const ZipEntry& entry) const;
  /// Throws Error unless the `entry.bytes` at `content` have the entry's checksum.
  void check(const ZipEntry& entry, const void* content) const;

 private:
  struct Directory {
    uint64_t offset;
    uint64_t bytes;
    uint64_t count;
  };

  Directory find_directory() const;
  Directory read_end64(uint64_t locator_offset, const char* locator) const;
  void parse_directory(const Directory& directory);
  void check_entry(const ZipEntry& entry, uint16_t flags) const;
  uint64_t data_offset(const ZipEntry& entry) const;
  void inflate(const ZipEntry& entry, uint64_t offset, void* out) const;
  [[noreturn]] void damaged(std::string_view what) const;

  const InputFile& file_;
  std::vector<ZipEntry> entries_;
  std::unordered_map<std::string, size_t> index_;
};

}  // namespace nw::io
