#pragma once

#include <string>
#include <vector>

#include "core/nn/module.h"

namespace nw::cli {

/// The folder that receives what a run leaves: STEM.pt, STEM.safetensors, curves.csv, and
/// STEM-trained.pt where the first two hold an average. Files are written atomically.
class OutputFolder {
 public:
  /// Makes the folder, and a file in it to see that it can be written to, before hours are spent.
  /// Throws Error naming the folder and a remedy.
  OutputFolder(std::string folder, std::string stem);

  /// Writes the state in both formats. Where the folder does not take it (a full disk), keeps it in
  /// the system's folder for temporary files, and throws Error telling both places.
  void save_weights(const nn::StateDict& state);
  /// Writes the weights that the optimiser changed, where those of save_weights() are an average.
  void save_trained(const nn::StateDict& state);
  void save_curves(const std::string& csv);

  const std::string& folder() const { return folder_; }
  /// Paths written so far.
  const std::vector<std::string>& files() const { return files_; }

 private:
  std::string path(const std::string& name) const;
  /// Gives the sentence that tells what came of it.
  std::string keep_elsewhere(const nn::StateDict& state);

  std::string folder_;
  std::string stem_;
  std::vector<std::string> files_;
};

}  // namespace nw::cli
