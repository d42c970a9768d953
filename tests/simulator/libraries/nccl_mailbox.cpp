#include "tests/simulator/libraries/nccl_mailbox.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace nw::simulated::comm {
namespace {

namespace fs = std::filesystem;

constexpr char kPrefix[] = "netwright-simulated-nccl-";

fs::path place() {
  std::error_code failure;
  const fs::path memory = "/dev/shm";
  return fs::is_directory(memory, failure) ? memory : fs::temp_directory_path();
}

void remove_left_over() {
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(place(), failure)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    const int maker = std::atoi(name.c_str() + sizeof(kPrefix) - 1);
    if (maker > 0 && kill(maker, 0) != 0 && errno == ESRCH) {
      fs::remove_all(entry.path(), failure);
    }
  }
}

}  // namespace

std::string Mailbox::make_folder() {
  remove_left_over();
  std::string path = (place() / (kPrefix + std::to_string(getpid()) + "-XXXXXX")).string();
  return mkdtemp(path.data()) == nullptr ? std::string() : path;
}

Mailbox::Mailbox(std::string folder, int rank, int size)
    : folder_(std::move(folder)), rank_(rank), size_(size) {}

void Mailbox::put(const std::string& name, const std::vector<char>& bytes) const {
  const std::string written = path(name + ".part");
  std::ofstream(written, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  std::error_code failure;
  fs::rename(written, path(name), failure);
}

bool Mailbox::is_there(const std::string& name) const {
  return access(path(name).c_str(), F_OK) == 0;
}

std::vector<char> Mailbox::take(const std::string& name) const {
  std::ifstream file(path(name), std::ios::binary | std::ios::ate);
  if (!file) return {};
  std::vector<char> bytes(static_cast<size_t>(file.tellg()));
  file.seekg(0);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

void Mailbox::remove(const std::string& name) const {
  unlink(path(name).c_str());
}

void Mailbox::leave() const {
  put("gone." + std::to_string(rank_), {});
  for (int rank = 0; rank < size_; ++rank) {
    if (!is_there("gone." + std::to_string(rank))) return;
  }
  std::error_code failure;
  fs::remove_all(folder_, failure);
}

}  // namespace nw::simulated::comm
