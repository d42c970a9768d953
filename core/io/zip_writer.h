#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/file.h"

namespace nw::io {

/// Writes a zip archive as torch's own writer does: entries stored as they are, each beginning on a
/// multiple of 64 bytes, so that a reader may map tensors where they lie. 64-bit records are
/// written only where a number needs them.
class ZipWriter {
 public:
  /// Bytes go to `append`, in order.
  explicit ZipWriter(const Append& append) : append_(append) {}

  void add(std::string_view name, const void* bytes, uint64_t size);
  void add(std::string_view name, std::string_view text) { add(name, text.data(), text.size()); }
  /// Writes the directory; nothing may be added afterwards.
  void finish();

  /// Two checksums that together tell the content: of the names and of the entries' bytes.
  uint64_t name_hash() const { return name_hash_; }
  uint64_t content_hash() const { return content_hash_; }

 private:
  void put(const void* bytes, uint64_t size);

  const Append& append_;
  uint64_t position_ = 0;
  uint64_t count_ = 0;
  std::string directory_;
  uint64_t name_hash_ = 0xcbf29ce484222325;  // start of FNV-1a
  uint64_t content_hash_ = 0xcbf29ce484222325;
};

}  // namespace nw::io
