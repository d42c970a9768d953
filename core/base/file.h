#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace nw {

/// The whole file. Throws Error naming the file, the system's reason and a remedy.
std::string read_file(const std::string& path);

/// A file's bytes in memory, brought there by the system page by page as they are touched. Private:
/// writing to them changes no file. Valid while the file is not cut shorter.
class FileMapping {
 public:
  ~FileMapping();
  FileMapping(const FileMapping&) = delete;
  FileMapping& operator=(const FileMapping&) = delete;

  char* data() const { return data_; }
  uint64_t size() const { return size_; }

 private:
  friend class InputFile;
  FileMapping(char* data, uint64_t size, uint64_t room) : data_(data), size_(size), room_(room) {}

  char* data_;
  uint64_t size_;
  uint64_t room_;  // bytes that were mapped in all
};

/// A regular file open for reading; folders, devices and pipes are refused, so that opening never
/// waits. Every failure is an Error that names the file, the system's reason and a remedy.
class InputFile {
 public:
  explicit InputFile(std::string path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  /// Bytes in the file when it was opened.
  uint64_t size() const { return size_; }
  /// Reads up to `count` bytes from where the last read ended; fewer only at the end.
  size_t read(void* bytes, size_t count);
  /// Fills `bytes` from `offset`; throws Error when the file ends before.
  void read_at(uint64_t offset, void* bytes, size_t count) const;
  /// The whole file; null where the system cannot map it (an empty one, some file systems).
  std::shared_ptr<FileMapping> map() const;

 private:
  std::string path_;
  uint64_t size_ = 0;
  int descriptor_ = -1;
};

/// Writes a file so that a reader sees the old content or the new, never a part: a temporary file
/// beside it, flushed to the disk, renamed over it, and the folder flushed. Keeps the permissions
/// of an existing file; follows a symbolic link; a device or pipe is written to directly. On any
/// failure throws Error and leaves the old file and no temporary one.
void write_file_atomically(const std::string& path, std::string_view content);

/// Streaming form for large files: `produce` gets a function that appends bytes.
using Append = std::function<void(const void* bytes, size_t count)>;
void write_file_atomically(const std::string& path,
                           const std::function<void(const Append&)>& produce);

/// The last part of a path, by which messages name a file.
std::string file_name(std::string_view path);

}  // namespace nw
