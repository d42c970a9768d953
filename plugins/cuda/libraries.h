#pragma once

#include <mutex>
#include <string>
#include <vector>

namespace nw::cuda {

/// A library of NVIDIA's that is not linked but looked for when it is wanted first: by its name
/// alone (the system's folders, LD_LIBRARY_PATH), under CUDA_HOME, CUDA_PATH and /usr/local/cuda,
/// and where NVIDIA's Python wheels put it, for each python3 on the PATH, for VIRTUAL_ENV and
/// CONDA_PREFIX, and for this user. Thread-safe.
class Library {
 public:
  /// "cuDNN", "libcudnn.so.9"; `wheels`: the folders under site-packages/nvidia/.
  Library(std::string name, std::string file, std::vector<std::string> wheels);

  const std::string& name() const { return name_; }
  bool found();
  /// Where it was found, or the reasons why it was not.
  std::string path();
  std::string problem();
  /// The folders that are searched after the system's own.
  std::vector<std::string> folders() const;

  /// A function of it. Throws Error, with a remedy, when the library or the function is not there.
  template <typename Function>
  Function* symbol(const char* function) {
    return reinterpret_cast<Function*>(address_of(function));
  }

 private:
  void load();
  void* address_of(const char* function);

  std::string name_;
  std::string file_;
  std::vector<std::string> wheels_;
  std::once_flag tried_;
  void* handle_ = nullptr;
  std::string path_;
  std::string problem_;
};

Library& cublas_lt();
Library& cudnn();
Library& nccl();

}  // namespace nw::cuda

/// A function of a library by its name in the header: NW_SYMBOL(cudnn(), cudnnCreate)(&handle).
#define NW_SYMBOL(library, function) (library).symbol<decltype(::function)>(#function)
