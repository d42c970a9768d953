#include "plugins/cuda/libraries.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "core/base/error.h"

namespace nw::cuda {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

std::vector<std::string> parts(const std::string& text) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(':', begin), text.size());
    if (end > begin) out.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

/// The folders in which a Python of any version under `prefix` has its packages.
void add_packages(const fs::path& prefix, std::vector<fs::path>& out) {
  for (const char* lib : {"lib", "lib64", "local/lib"}) {
    std::error_code failure;
    std::vector<fs::path> pythons;
    for (const auto& entry : fs::directory_iterator(prefix / lib, failure)) {
      if (entry.path().filename().string().starts_with("python3")) pythons.push_back(entry.path());
    }
    std::sort(pythons.rbegin(), pythons.rend());
    for (const fs::path& python : pythons) {
      out.push_back(python / "site-packages");
      out.push_back(python / "dist-packages");
    }
  }
}

std::vector<fs::path> package_folders() {
  std::vector<fs::path> out;
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    const std::string prefix = environment(name);
    if (!prefix.empty()) add_packages(prefix, out);
  }
  for (const std::string& folder : parts(environment("PATH"))) {
    const fs::path python = fs::path(folder) / "python3";
    std::error_code failure;
    if (!fs::exists(python, failure)) continue;
    add_packages(fs::path(folder).parent_path(), out);
    const fs::path real = fs::canonical(python, failure);
    if (!failure) add_packages(real.parent_path().parent_path(), out);
  }
  const std::string home = environment("HOME");
  if (!home.empty()) add_packages(fs::path(home) / ".local", out);
  return out;
}

}  // namespace

Library::Library(std::string name, std::string file, std::vector<std::string> wheels)
    : name_(std::move(name)), file_(std::move(file)), wheels_(std::move(wheels)) {}

std::vector<std::string> Library::folders() const {
  std::vector<std::string> out;
  const auto add = [&](const fs::path& folder) {
    std::error_code failure;
    const std::string text = folder.string();
    if (fs::is_directory(folder, failure) && std::find(out.begin(), out.end(), text) == out.end()) {
      out.push_back(text);
    }
  };
  for (const std::string& root :
       {environment("CUDA_HOME"), environment("CUDA_PATH"), std::string("/usr/local/cuda")}) {
    if (root.empty()) continue;
    add(fs::path(root) / "lib64");
    add(fs::path(root) / "lib");
  }
  for (const fs::path& packages : package_folders()) {
    for (const std::string& wheel : wheels_) add(packages / "nvidia" / wheel / "lib");
  }
  return out;
}

void Library::load() {
  std::string reasons;
  const auto attempt = [&](const std::string& path) {
    handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) reasons += concat("\n  ", dlerror());
    return handle_ != nullptr;
  };
  if (!attempt(file_)) {
    for (const std::string& folder : folders()) {
      const std::string path = (fs::path(folder) / file_).string();
      std::error_code failure;
      if (fs::exists(path, failure) && attempt(path)) break;
    }
  }
  if (handle_ == nullptr) {
    problem_ = concat(file_, " is not found or cannot be loaded:", reasons, "\n  install ", name_,
                      ", set LD_LIBRARY_PATH to its folder, or pip install NVIDIA's wheel");
    return;
  }
  // Where it came from: the file of any of its functions would do; the loader knows the library's.
  char origin[4096] = "";
  if (dlinfo(handle_, RTLD_DI_ORIGIN, origin) == 0) path_ = (fs::path(origin) / file_).string();
}

bool Library::found() {
  std::call_once(tried_, [this] { load(); });
  return handle_ != nullptr;
}

std::string Library::path() {
  found();
  return path_;
}

std::string Library::problem() {
  found();
  return problem_;
}

void* Library::address_of(const char* function) {
  NW_CHECK(found(), "[cuda] needs ", name_, ": ", problem_);
  void* address = dlsym(handle_, function);
  NW_CHECK(address != nullptr, "[cuda] ", path_, " has no ", function, "; install a newer ", name_);
  return address;
}

Library& cublas_lt() {
  static auto& library = *new Library("cuBLAS", "libcublasLt.so.13", {"cu13", "cublas"});
  return library;
}

Library& cudnn() {
  static auto& library = *new Library("cuDNN 9", "libcudnn.so.9", {"cudnn"});
  return library;
}

Library& nccl() {
  static auto& library = *new Library("NCCL 2", "libnccl.so.2", {"nccl"});
  return library;
}

}  // namespace nw::cuda
