#pragma once

#include <zlib.h>

#include <memory>
#include <string>
#include <vector>

#include "core/base/file.h"

namespace nw::data {

/// The bytes of a file, unpacked when it is gzip (told by its first bytes, not its name). Every
/// failure is an Error naming the file, the place and a remedy. Not thread-safe.
class ByteSource {
 public:
  explicit ByteSource(const std::string& path);

  const std::string& path() const { return file_.path(); }
  /// Fills up to `count` bytes; fewer only at the end.
  size_t read(void* bytes, size_t count);
  /// Bytes handed out so far.
  uint64_t position() const { return position_; }
  /// No more bytes than this can follow from the start of the file, however it is packed.
  uint64_t most_bytes() const;

 private:
  struct CloseInflater {
    void operator()(z_stream* stream) const;
  };

  void refill();
  size_t inflate_some(void* bytes, size_t count);
  bool next_member();

  InputFile file_;
  std::vector<uint8_t> input_;
  size_t input_begin_ = 0;
  size_t input_end_ = 0;
  uint64_t position_ = 0;
  std::unique_ptr<z_stream, CloseInflater> stream_;  // null: not packed
  bool ended_ = false;
};

}  // namespace nw::data
