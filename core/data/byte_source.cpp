#include "core/data/byte_source.h"

#include <algorithm>
#include <cstring>

#include "core/base/error.h"

namespace nw::data {
namespace {

constexpr size_t kInputBytes = size_t{1} << 16;
/// A deflated byte never becomes more than this many (zlib's technical notes say 1032).
constexpr uint64_t kMostExpansion = 1032;
constexpr int kGzipWindow = 15 + 16;  // zlib: largest window, gzip header

}  // namespace

void ByteSource::CloseInflater::operator()(z_stream* stream) const {
  inflateEnd(stream);
  delete stream;
}

ByteSource::ByteSource(const std::string& path) : file_(path), input_(kInputBytes) {
  refill();
  const bool packed = input_end_ >= 2 && input_[0] == 0x1f && input_[1] == 0x8b;
  if (!packed) return;
  auto stream = std::make_unique<z_stream>();
  NW_CHECK(inflateInit2(stream.get(), kGzipWindow) == Z_OK, "[", file_name(path),
           "] cannot be unpacked: there is not enough memory. Close other programs");
  stream_.reset(stream.release());
}

void ByteSource::refill() {
  input_begin_ = 0;
  input_end_ = file_.read(input_.data(), input_.size());
}

uint64_t ByteSource::most_bytes() const {
  return stream_ ? file_.size() * kMostExpansion : file_.size();
}

size_t ByteSource::read(void* bytes, size_t count) {
  auto* out = static_cast<uint8_t*>(bytes);
  size_t done = 0;
  while (done < count && !ended_) {
    if (stream_) {
      done += inflate_some(out + done, count - done);
      continue;
    }
    if (input_begin_ == input_end_) refill();
    const size_t some = std::min(count - done, input_end_ - input_begin_);
    std::memcpy(out + done, input_.data() + input_begin_, some);
    input_begin_ += some;
    done += some;
    ended_ = some == 0;
  }
  position_ += done;
  return done;
}

size_t ByteSource::inflate_some(void* bytes, size_t count) {
  if (input_begin_ == input_end_) refill();
  NW_CHECK(input_end_ > 0, "[", file_name(path()), "] is cut short: its packed data ends at byte ",
           file_.size(), " of the file, in the middle. Copy or download it again");
  const size_t room = std::min(count, size_t{1} << 30);  // zlib counts in 32 bits
  stream_->next_in = input_.data() + input_begin_;
  stream_->avail_in = static_cast<uInt>(input_end_ - input_begin_);
  stream_->next_out = static_cast<Bytef*>(bytes);
  stream_->avail_out = static_cast<uInt>(room);
  const int result = inflate(stream_.get(), Z_NO_FLUSH);
  input_begin_ = input_end_ - stream_->avail_in;
  NW_CHECK(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR, "[",
           file_name(path()), "] is damaged: its packed data is not valid (",
           stream_->msg != nullptr ? stream_->msg : "unknown reason", ") after ",
           position_ + room - stream_->avail_out, " unpacked bytes. Copy or download it again");
  if (result == Z_STREAM_END) ended_ = !next_member();
  return room - stream_->avail_out;
}

/// gzip files may be joined; whatever else follows the last is padding, as gzip itself has it.
bool ByteSource::next_member() {
  if (input_begin_ == input_end_) refill();
  if (input_begin_ == input_end_ || input_[input_begin_] != 0x1f) return false;
  return inflateReset(stream_.get()) == Z_OK;
}

}  // namespace nw::data
