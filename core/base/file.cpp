#include "core/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <new>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/system_error.h"

namespace nw {
namespace {

/// What one system call may be asked for; Linux moves at most 2 GiB at once.
constexpr size_t kLargestCall = size_t{1} << 30;
constexpr size_t kBufferBytes = size_t{1} << 18;

/// Repeats a system call that a signal cut off.
template <typename Call>
auto retry(const Call& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  bool valid() const { return number_ >= 0; }
  int number() const { return number_; }
  /// The result of close: network file systems report a full disk only here.
  int close() { return ::close(std::exchange(number_, -1)); }

 private:
  int number_;
};

/// The file that a chain of symbolic links ends at; it need not exist.
std::string follow_links(const std::string& path) {
  constexpr int kMostLinks = 40;  // what the kernel allows
  std::filesystem::path target(path);
  for (int i = 0; i < kMostLinks; ++i) {
    std::error_code not_a_link;
    const auto next = std::filesystem::read_symlink(target, not_a_link);
    if (not_a_link) return target.string();
    target = target.parent_path() / next;
  }
  throw Error(writing_problem(path, ELOOP, true));
}

/// Writes one file by way of a temporary one beside it.
class AtomicWriter {
 public:
  explicit AtomicWriter(const std::string& path) : path_(path), target_(follow_links(path)) {
    struct stat old {};
    exists_ = ::stat(target_.c_str(), &old) == 0;
    if (exists_ && S_ISDIR(old.st_mode)) fail(EISDIR);
    direct_ = exists_ && !S_ISREG(old.st_mode);
    if (direct_) {
      open(target_, O_WRONLY);
      return;
    }
    open_temporary();
    if (exists_) keep_permissions(old);
  }

  ~AtomicWriter() { remove_temporary(); }
  AtomicWriter(const AtomicWriter&) = delete;
  AtomicWriter& operator=(const AtomicWriter&) = delete;

  void append(const void* bytes, size_t count) {
    if (buffer_.size() + count > kBufferBytes) flush_buffer();
    if (count >= kBufferBytes) {
      write(static_cast<const char*>(bytes), count);
    } else {
      buffer_.append(static_cast<const char*>(bytes), count);
    }
  }

  void commit() {
    flush_buffer();
    if (!direct_ && retry([&] { return ::fsync(file_->number()); }) != 0) fail(errno);
    if (file_->close() != 0 && errno != EINTR) fail(errno);
    if (direct_) return;
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail(errno);
    temporary_.clear();
    flush_folder();
  }

 private:
  /// Also called by the constructor, after which no destructor runs.
  [[noreturn]] void fail(int code) {
    remove_temporary();
    throw Error(writing_problem(path_, code, exists_));
  }

  void remove_temporary() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    temporary_.clear();
  }

  void open(const std::string& name, int flags) {
    // 0666 lets the umask decide, as for any new file.
    file_.emplace(retry([&] { return ::open(name.c_str(), flags | O_CLOEXEC, 0666); }));
    if (!file_->valid() && errno != EEXIST) fail(errno);
  }

  void open_temporary() {
    std::string name;
    do {
      name = temporary_name();
      open(name, O_WRONLY | O_CREAT | O_EXCL);
    } while (!file_->valid());  // a leftover of a process that was killed has this name
    temporary_ = name;
  }

  std::string temporary_name() const {
    static std::atomic<unsigned> counter{0};
    const std::filesystem::path target(target_);
    constexpr size_t kNameRoom = 200;  // of the 255 bytes that a name may have
    return (target.parent_path() / concat(".", target.filename().string().substr(0, kNameRoom), ".",
                                          ::getpid(), "-", counter.fetch_add(1), ".tmp"))
        .string();
  }

  void keep_permissions(const struct stat& old) {
    // Another owner can be kept by root only; for others the file becomes theirs, as in any editor.
    if (::fchown(file_->number(), old.st_uid, old.st_gid) != 0) errno = 0;
    if (::fchmod(file_->number(), old.st_mode & 07777) != 0) fail(errno);
  }

  void flush_buffer() {
    write(buffer_.data(), buffer_.size());
    buffer_.clear();
  }

  void write(const char* bytes, size_t count) {
    while (count > 0) {
      const ssize_t written =
          retry([&] { return ::write(file_->number(), bytes, std::min(count, kLargestCall)); });
      if (written < 0) fail(errno);
      bytes += written;
      count -= static_cast<size_t>(written);
    }
  }

  /// Makes the new name durable. Not every file system can flush a folder, and one may write into
  /// a folder that one may not read; the file itself is safe by then.
  void flush_folder() const {
    const std::filesystem::path parent = std::filesystem::path(target_).parent_path();
    const std::filesystem::path folder = parent.empty() ? std::filesystem::path(".") : parent;
    const Descriptor descriptor(
        retry([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (!descriptor.valid() || retry([&] { return ::fsync(descriptor.number()); }) == 0) return;
    NW_CHECK(errno == EINVAL || errno == ENOTSUP, "wrote ", file_name(path_),
             " but could not make sure that it survives a power cut: the disk may be failing");
  }

  std::string path_;
  std::string target_;
  std::string temporary_;
  bool exists_ = false;
  bool direct_ = false;
  std::optional<Descriptor> file_;
  std::string buffer_;
};

}  // namespace

std::string file_name(std::string_view path) {
  const std::filesystem::path whole(path);
  return whole.has_filename() ? whole.filename().string() : std::string(path);
}

InputFile::InputFile(std::string path) : path_(std::move(path)) {
  // Without O_NONBLOCK, opening a pipe would wait for a writer.
  descriptor_ = retry([&] { return ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); });
  if (descriptor_ < 0) throw Error(reading_problem(path_, errno));
  struct stat status {};
  int code = ::fstat(descriptor_, &status) != 0 ? errno : 0;
  if (code == 0 && S_ISDIR(status.st_mode)) code = EISDIR;
  if (code == 0 && !S_ISREG(status.st_mode)) code = ENOTSUP;
  if (code != 0) {
    ::close(descriptor_);
    throw Error(reading_problem(path_, code));
  }
  size_ = static_cast<uint64_t>(status.st_size);
}

FileMapping::~FileMapping() {
  ::munmap(data_, room_);
}

std::shared_ptr<FileMapping> InputFile::map() const {
  if (size_ == 0) return nullptr;
  // Room for one page more: code that reads whole vectors may look a little beyond the last number.
  constexpr int kAccess = PROT_READ | PROT_WRITE;
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  const uint64_t room = (size_ + page - 1) / page * page + page;
  void* const memory = ::mmap(nullptr, room, kAccess, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  if (::mmap(memory, size_, kAccess, MAP_PRIVATE | MAP_FIXED, descriptor_, 0) == MAP_FAILED) {
    ::munmap(memory, room);
    return nullptr;
  }
  return std::shared_ptr<FileMapping>(new FileMapping(static_cast<char*>(memory), size_, room));
}

InputFile::~InputFile() {
  ::close(descriptor_);
}

size_t InputFile::read(void* bytes, size_t count) {
  size_t done = 0;
  while (done < count) {
    const ssize_t got = retry([&] {
      return ::read(descriptor_, static_cast<char*>(bytes) + done,
                    std::min(count - done, kLargestCall));
    });
    if (got < 0) throw Error(reading_problem(path_, errno));
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

void InputFile::read_at(uint64_t offset, void* bytes, size_t count) const {
  size_t done = 0;
  while (done < count) {
    const ssize_t got = retry([&] {
      return ::pread(descriptor_, static_cast<char*>(bytes) + done,
                     std::min(count - done, kLargestCall), static_cast<off_t>(offset + done));
    });
    if (got < 0) throw Error(reading_problem(path_, errno));
    NW_CHECK(got > 0, "[", file_name(path_), "] ends at byte ", offset + done, ", expects ",
             count - done, " more. Copy or download it again");
    done += static_cast<size_t>(got);
  }
}

std::string read_file(const std::string& path) {
  InputFile file(path);
  try {
    std::string content(file.size(), '\0');
    content.resize(file.read(content.data(), content.size()));
    // Files of the system, such as those in /proc, tell no size, and a file may have grown.
    std::vector<char> more(kBufferBytes);
    while (const size_t got = file.read(more.data(), more.size())) content.append(more.data(), got);
    return content;
  } catch (const std::bad_alloc&) {
    throw Error(reading_problem(path, ENOMEM));
  } catch (const std::length_error&) {
    throw Error(reading_problem(path, ENOMEM));
  }
}

void write_file_atomically(const std::string& path, std::string_view content) {
  write_file_atomically(path,
                        [&](const Append& append) { append(content.data(), content.size()); });
}

void write_file_atomically(const std::string& path,
                           const std::function<void(const Append&)>& produce) {
  AtomicWriter writer(path);
  produce([&writer](const void* bytes, size_t count) { writer.append(bytes, count); });
  writer.commit();
}

}  // namespace nw
