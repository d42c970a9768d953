#include "app/cli/output_folder.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/io/state_file.h"

namespace nw::cli {
namespace fs = std::filesystem;

OutputFolder::OutputFolder(std::string folder, std::string stem)
    : folder_(std::move(folder)), stem_(std::move(stem)) {
  std::error_code error;
  fs::create_directories(folder_, error);
  std::string reason = error ? error.message() : "";
  if (reason.empty()) {
    std::string probe = path(".netwright-XXXXXX");
    const int file = mkstemp(probe.data());
    if (file < 0) {
      reason = std::strerror(errno);
    } else {
      close(file);
      unlink(probe.c_str());
    }
  }
  NW_CHECK(reason.empty(), folder_, ": cannot be written to: ", reason,
           ". Choose another folder with --out.");
}

std::string OutputFolder::path(const std::string& name) const {
  return (fs::path(folder_) / name).string();
}

void OutputFolder::save_weights(const nn::StateDict& state) {
  try {
    for (const auto& [ending, format] :
         {std::pair{".pt", io::StateFormat::Pt}, {".safetensors", io::StateFormat::Safetensors}}) {
      const std::string file = path(stem_ + ending);
      io::save_state(state, file, format);
      files_.push_back(file);
    }
  } catch (const Error& error) {
    if (!files_.empty()) throw;  // one of the two holds the weights
    throw Error(error.text() + "\n" + keep_elsewhere(state));
  }
}

std::string OutputFolder::keep_elsewhere(const nn::StateDict& state) {
  try {
    const fs::path file = fs::temp_directory_path() / concat(stem_, "-", getpid(), ".pt");
    io::save_state(state, file.string(), io::StateFormat::Pt);
    files_.push_back(file.string());
    return concat("The weights are kept in ", file.string(), " instead.");
  } catch (const std::exception& error) {
    return concat("The weights could not be kept elsewhere either: ", error.what());
  }
}

void OutputFolder::save_trained(const nn::StateDict& state) {
  const std::string file = path(stem_ + "-trained.pt");
  io::save_state(state, file, io::StateFormat::Pt);
  files_.push_back(file);
}

void OutputFolder::save_curves(const std::string& csv) {
  const std::string file = path("curves.csv");
  write_file_atomically(file, csv);
  files_.push_back(file);
}

}  // namespace nw::cli
