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
    const std::string refuge =
        (fs::temp_directory_path() / concat(stem_, "-", getpid(), ".pt")).string();
    io::save_state(state, refuge, io::StateFormat::Pt);
    files_.push_back(refuge);
    throw Error(concat(error.text(), "\nThe weights are kept in ", refuge, " instead."));
  }
}

void OutputFolder::save_curves(const std::string& csv) {
  const std::string file = path("curves.csv");
  write_file_atomically(file, csv);
  files_.push_back(file);
}

}  // namespace nw::cli
