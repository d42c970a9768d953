#include "plugins/cuda/diagnosis.h"

#include <cublasLt.h>
#include <cudnn.h>
#include <dlfcn.h>
#include <nccl.h>

#include <fstream>

#include "core/base/error.h"
#include "plugins/cuda/cuda_backend.h"
#include "plugins/cuda/libraries.h"
#include "plugins/cuda/stream.h"

namespace nw::cuda {
namespace {

/// 13000 is CUDA 13.0.
std::string cuda_version(int number) {
  return concat(number / 1000, ".", number % 1000 / 10);
}

/// The kernel module's own version, "580.65.06"; empty when there is none.
std::string module_version() {
  std::ifstream file("/sys/module/nvidia/version");
  std::string version;
  std::getline(file, version);
  return version;
}

plugin::Piece driver() {
  plugin::Piece piece{.name = "driver"};
  int supported = 0;
  const cudaError_t status = cudaDriverGetVersion(&supported);
  void* library = dlopen("libcuda.so.1", RTLD_LAZY);
  char origin[4096] = "";
  if (library != nullptr && dlinfo(library, RTLD_DI_ORIGIN, origin) == 0) {
    piece.path = std::string(origin) + "/libcuda.so.1";
  }
  piece.found = library != nullptr && status == cudaSuccess && supported > 0;
  if (piece.found) {
    const std::string module = module_version();
    piece.version = concat(module.empty() ? "" : module + ", ", "CUDA ", cuda_version(supported));
  } else {
    piece.text = no_devices();
  }
  if (library != nullptr) dlclose(library);
  return piece;
}

plugin::Piece runtime() {
  plugin::Piece piece{.name = "runtime", .found = true};
  int version = 0;
  cudaRuntimeGetVersion(&version);
  piece.version = cuda_version(version);
  piece.text = "part of the plugin";
  return piece;
}

plugin::Piece piece_of(Library& library, std::string (*version)(), const char* without) {
  plugin::Piece piece{.name = library.name(), .found = library.found(), .required = false};
  piece.searched = library.folders();
  if (!piece.found) {
    piece.text = concat(without, "; ", library.problem());
    return piece;
  }
  piece.path = library.path();
  try {
    piece.version = version();
  } catch (const Error& error) {
    piece.found = false;
    piece.text = error.text();
  }
  return piece;
}

std::string cublas_version() {
  const size_t number = NW_SYMBOL(cublas_lt(), cublasLtGetVersion)();
  return concat(number / 10000, ".", number / 100 % 100, ".", number % 100);
}

std::string cudnn_version() {
  const size_t number = NW_SYMBOL(cudnn(), cudnnGetVersion)();
  return concat(number / 10000, ".", number / 100 % 100, ".", number % 100);
}

std::string nccl_version() {
  int number = 0;
  NW_SYMBOL(nccl(), ncclGetVersion)(&number);
  return concat(number / 10000, ".", number / 100 % 100, ".", number % 100);
}

plugin::Piece gpu(int index) {
  const Device device{DeviceType::Cuda, index};
  plugin::Piece piece{.name = to_string(device)};
  try {
    const Backend& backend = cuda_backend();
    const DeviceFacts facts = backend.facts(device);
    const MemoryUse memory = backend.memory(device);
    constexpr double kGiB = 1 << 30;
    char text[160];
    std::snprintf(text, sizeof(text), "%s, %.1f GiB of memory, %.1f GiB free", facts.name.c_str(),
                  static_cast<double>(memory.total) / kGiB,
                  static_cast<double>(memory.free) / kGiB);
    piece.found = true;
    piece.version = concat("sm_", facts.major, facts.minor);
    piece.text = text;
  } catch (const Error& error) {
    piece.text = error.text();
  }
  return piece;
}

}  // namespace

std::vector<plugin::Piece> diagnose() {
  std::vector<plugin::Piece> pieces{driver(), runtime()};
  pieces.push_back(
      piece_of(cublas_lt(), cublas_version, "matrix products are computed on the CPU"));
  pieces.push_back(piece_of(cudnn(), cudnn_version, "convolutions are computed on the CPU"));
  pieces.push_back(piece_of(nccl(), nccl_version, "training on several GPUs is not possible"));
  for (int i = 0; i < device_count(); ++i) pieces.push_back(gpu(i));
  if (device_count() == 0) {
    pieces.push_back({.name = "GPU", .text = no_devices()});
  }
  return pieces;
}

}  // namespace nw::cuda
