#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "core/base/error.h"
#include "core/dist/sockets.h"
#include "core/dist/store.h"
#include "core/dist/store_frames.h"
#include "core/dist/store_values.h"

namespace nw::dist {
namespace {

using std::chrono::milliseconds;

// How many have the file open, and how many have closed it.
constexpr const char* kOpen = "file/open";
constexpr const char* kClosed = "file/closed";

// The file is a log: kFileWord, then for each change u32 bytes of the key, u32 bytes of the value,
// key, value. Who writes holds the lock, so that all see the changes in one order.
constexpr std::string_view kFileWord = "NWstore1";
constexpr size_t kHead = 2 * sizeof(uint32_t);
constexpr milliseconds kShortPause{2}, kLongPause{50};
constexpr milliseconds kLockTime = std::chrono::seconds(60), kLockPause{1};

void read_at(int file, off_t at, char* bytes, size_t count, const std::string& path) {
  while (count > 0) {
    const ssize_t got = pread(file, bytes, count, at);
    if (got < 0 && errno == EINTR) continue;
    NW_CHECK(got > 0, "[FileStore] cannot read ", path, ": ",
             got == 0 ? "it was cut while in use" : std::strerror(errno));
    bytes += got;
    at += got;
    count -= static_cast<size_t>(got);
  }
}

void write_at(int file, off_t at, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t done = pwrite(file, bytes.data(), bytes.size(), at);
    if (done < 0 && errno == EINTR) continue;
    NW_CHECK(done > 0, "[FileStore] cannot write ", path, ": ", std::strerror(errno));
    bytes.remove_prefix(static_cast<size_t>(done));
    at += done;
  }
}

}  // namespace

struct FileStore::Impl {
  std::string path;
  int users = 0;
  std::mutex mutex;  // of all that follows
  std::condition_variable closing;
  bool closed = false;
  StoreValues values;
  off_t known = 0;  // how much of the file `values` tells

  class Locked;
  void check_open() const { NW_CHECK(!closed, "[FileStore] the store was closed"); }
  void catch_up(int file);
  int64_t add(Locked& file, const std::string& key, int64_t amount);
  void leave();
};

/// The store's file, open and locked, with `values` up to date.
class FileStore::Impl::Locked {
 public:
  explicit Locked(Impl& store) : store_(store), lock_(store.mutex) {
    store.check_open();
    do {
      file_ = Socket(open(store.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600));
      NW_CHECK(file_, "[FileStore] cannot open ", store.path, ": ", std::strerror(errno));
      lock();
    } while (was_removed());
    store.catch_up(file_.descriptor());
  }

  /// Every rank sees it as soon as the lock is gone.
  void set(const std::string& key, const std::string& value) {
    std::string record;
    put(record, static_cast<uint32_t>(key.size()));
    put(record, static_cast<uint32_t>(value.size()));
    record += key;
    record += value;
    write_at(file_.descriptor(), store_.known, record, store_.path);
    store_.known += static_cast<off_t>(record.size());
    store_.values.set(key, value);
  }

 private:
  /// By the last user of an earlier run, meanwhile.
  bool was_removed() const {
    struct stat facts {};
    return fstat(file_.descriptor(), &facts) == 0 && facts.st_nlink == 0;
  }

  /// Not forever: who holds the lock may have been stopped.
  void lock() const {
    const Clock::time_point deadline = deadline_in(kLockTime);
    while (flock(file_.descriptor(), LOCK_EX | LOCK_NB) != 0) {
      NW_CHECK(errno == EINTR || errno == EWOULDBLOCK, "[FileStore] cannot lock ", store_.path,
               ": ", std::strerror(errno));
      NW_CHECK(Clock::now() < deadline, "[FileStore] a process has held the lock of ", store_.path,
               " for ", to_text(kLockTime), ": is one of the ranks stopped?");
      std::this_thread::sleep_for(kLockPause);
    }
  }

  Impl& store_;
  std::lock_guard<std::mutex> lock_;
  Socket file_;  // closing it lets go of the lock
};

void FileStore::Impl::catch_up(int file) {
  struct stat facts {};
  NW_CHECK(fstat(file, &facts) == 0 && S_ISREG(facts.st_mode), "[FileStore] expects ", path,
           " to be a file");
  if (facts.st_size == 0) {
    write_at(file, 0, kFileWord, path);
    facts.st_size = kFileWord.size();
  }
  NW_CHECK(facts.st_size >= known, "[FileStore] ", path, " was cut or replaced while in use");
  std::string text(static_cast<size_t>(facts.st_size - known), '\0');
  read_at(file, known, text.data(), text.size(), path);

  std::string_view rest = text;
  if (known == 0) {
    NW_CHECK(rest.starts_with(kFileWord), "[FileStore] ", path,
             " holds something else; choose a file that does not exist yet");
    rest.remove_prefix(kFileWord.size());
  }
  while (rest.size() >= kHead) {
    const size_t key = get_number<uint32_t>(rest);
    const size_t value = get_number<uint32_t>(rest.substr(sizeof(uint32_t)));
    if (rest.size() - kHead < key + value) break;
    values.set(std::string(rest.substr(kHead, key)), std::string(rest.substr(kHead + key, value)));
    rest.remove_prefix(kHead + key + value);
  }
  // A rest is what a process left that was killed while it wrote: the next record goes over it.
  known = facts.st_size - static_cast<off_t>(rest.size());
  if (!rest.empty()) {
    NW_CHECK(ftruncate(file, known) == 0, "[FileStore] cannot write ", path, ": ",
             std::strerror(errno));
  }
}

int64_t FileStore::Impl::add(Locked& file, const std::string& key, int64_t amount) {
  const std::optional<int64_t> sum = values.sum(key, amount);
  NW_CHECK(sum, "[FileStore] cannot add to '", key,
           "': its value is no counter, or the sum is too large");
  file.set(key, std::to_string(*sum));
  return *sum;
}

/// The last one removes the file.
void FileStore::Impl::leave() {
  if (users == 0) return;
  try {
    Locked file(*this);
    const int64_t left = add(file, kOpen, -1), gone = add(file, kClosed, 1);
    if (left == 0 && gone >= users) unlink(path.c_str());
  } catch (const Error&) {
    return;  // it is gone, or was closed on purpose
  }
}

FileStore::FileStore(std::string path, int users) : impl_(std::make_unique<Impl>()) {
  impl_->path = std::move(path);
  impl_->users = users;
  Impl::Locked file(*impl_);
  if (users > 0) impl_->add(file, kOpen, 1);
}

FileStore::~FileStore() {
  impl_->leave();
  close();
}

void FileStore::close() {
  const std::lock_guard lock(impl_->mutex);
  impl_->closed = true;
  impl_->closing.notify_all();
}

void FileStore::set(const std::string& key, std::string value) {
  NW_CHECK(key.size() <= kMaxKeyBytes && value.size() <= kMaxValueBytes, "[FileStore] expects a ",
           "key of at most ", kMaxKeyBytes, " bytes and a value of at most 64 MiB");
  Impl::Locked(*impl_).set(key, value);
}

std::optional<std::string> FileStore::look(const std::string& key) {
  const Impl::Locked file(*impl_);
  const std::string* found = impl_->values.find(key);
  if (found == nullptr) return {};
  return *found;
}

std::string FileStore::get(const std::string& key, milliseconds timeout) {
  const Clock::time_point deadline = deadline_in(timeout);
  for (milliseconds pause = kShortPause;; pause = std::min(2 * pause, kLongPause)) {
    if (std::optional<std::string> found = look(key)) return *found;
    NW_CHECK(Clock::now() < deadline, "[FileStore] nobody has set '", key, "' in ", impl_->path,
             " within ", to_text(timeout));
    std::unique_lock lock(impl_->mutex);
    impl_->closing.wait_until(lock, std::min(deadline, deadline_in(pause)),
                              [&] { return impl_->closed; });
  }
}

int64_t FileStore::add(const std::string& key, int64_t amount) {
  Impl::Locked file(*impl_);
  return impl_->add(file, key, amount);
}

std::string FileStore::set_if_absent(const std::string& key, const std::string& value) {
  Impl::Locked file(*impl_);
  const std::string* found = impl_->values.find(key);
  if (found != nullptr) return *found;
  file.set(key, value);
  return value;
}

}  // namespace nw::dist
