#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

/// The rules of the source tree, checked by reading its files. Every function gives one sentence
/// for each offence, starting with the file and line.
namespace nw::rules {

namespace fs = std::filesystem;

inline constexpr size_t kMostLines = 600;
inline constexpr const char* kFolders[] = {"core", "widgets", "app", "plugins", "tests"};

struct Include {
  std::string file;  // from the root of the tree
  size_t line = 0;
  std::string target;
  bool quoted = false;
};

/// Level of core -> the levels that it may include, itself among them.
using Levels = std::map<std::string, std::set<std::string>>;

inline std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

inline std::vector<std::string> sources(const fs::path& root) {
  static const std::set<std::string> kEndings{".h", ".cpp", ".cu", ".cuh", ".inl"};
  std::vector<std::string> found;
  for (const char* folder : kFolders) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.is_regular_file() && kEndings.count(entry.path().extension().string())) {
        found.push_back(fs::relative(entry.path(), root).generic_string());
      }
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

inline std::vector<Include> includes_of(const fs::path& root, const std::string& file) {
  static const std::regex kInclude(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::vector<Include> found;
  const std::vector<std::string> lines = lines_of(root / file);
  for (size_t i = 0; i < lines.size(); ++i) {
    std::smatch match;
    if (std::regex_search(lines[i], match, kInclude)) {
      found.push_back({file, i + 1, match[2], match[1] == "\""});
    }
  }
  return found;
}

/// Reads `nw_core_level(name AFTER level… USES …)` from core/CMakeLists.txt, in its order.
inline Levels core_levels(const fs::path& root) {
  static const std::regex kCall(R"(^nw_core_level\(([^)]*)\))");
  Levels levels;
  for (const std::string& line : lines_of(root / "core/CMakeLists.txt")) {
    std::smatch match;
    if (!std::regex_search(line, match, kCall)) continue;
    std::istringstream words(match[1]);
    std::string name, word, section;
    words >> name;
    std::set<std::string>& below = levels[name];
    below.insert(name);
    while (words >> word) {
      if (word == "AFTER" || word == "USES") {
        section = word;
      } else if (section == "AFTER") {
        // A level must stand above those that use it: its own set is then complete.
        const auto known = levels.find(word);
        below.insert(word);
        if (known != levels.end()) below.insert(known->second.begin(), known->second.end());
      }
    }
  }
  return levels;
}

/// The folder of a path at `depth`: folder("core/ops/add.h", 1) is "ops"; empty where there is
/// none.
inline std::string folder(const std::string& path, int depth) {
  size_t start = 0;
  for (; depth > 0; --depth) {
    start = path.find('/', start);
    if (start == std::string::npos) return "";
    ++start;
  }
  const size_t end = path.find('/', start);
  return end == std::string::npos ? "" : path.substr(start, end - start);
}

inline bool starts(const std::string& text, const std::string& prefix) {
  return text.rfind(prefix, 0) == 0;
}

/// Whether a file may include another file of the tree.
inline bool may_include(const Levels& levels, const std::string& file, const std::string& target) {
  const std::string from = folder(file, 0);
  const std::string to = folder(target, 0);
  if (from == "tests") return true;
  if (from == "core") {
    const auto level = levels.find(folder(file, 1));
    return to == "core" && level != levels.end() && level->second.count(folder(target, 1)) > 0;
  }
  if (from == "plugins") {
    return to == "core" || to == "widgets" ||
           (to == "plugins" && folder(target, 1) == folder(file, 1));
  }
  if (starts(file, "app/cli/")) return to == "core" || starts(target, "app/cli/");
  if (from == "widgets") return to == "widgets" || to == "core";
  return from == "app" && (to == "app" || to == "widgets" || to == "core");
}

inline bool is_qt(const std::string& target) {
  static const std::regex kQt("^(Q[A-Z]|Qt|q[a-z]*\\.h$|qcustomplot)");
  return std::regex_search(target, kQt);
}

inline bool is_cuda(const std::string& target) {
  static const std::regex kCuda("^(cuda|cudnn|cublas|cufft|curand|nccl|nvrtc|thrust/|cub/)");
  return std::regex_search(target, kCuda);
}

inline std::string place(const Include& include) {
  return include.file + ":" + std::to_string(include.line) + ": ";
}

inline std::vector<std::string> include_offences(const fs::path& root) {
  const Levels levels = core_levels(root);
  std::vector<std::string> offences;
  for (const std::string& file : sources(root)) {
    const bool plain = starts(file, "core/") || starts(file, "app/cli/");
    for (const Include& include : includes_of(root, file)) {
      if (plain && is_qt(include.target)) {
        offences.push_back(place(include) + "includes Qt's " + include.target);
      } else if (starts(file, "core/") && is_cuda(include.target)) {
        offences.push_back(place(include) + "includes CUDA's " + include.target);
      } else if (!include.quoted || include.target.ends_with(".moc")) {
        continue;
      } else if (!fs::exists(root / include.target)) {
        offences.push_back(place(include) + include.target + " is no path from the root");
      } else if (!may_include(levels, file, include.target)) {
        offences.push_back(place(include) + "must not include " + include.target);
      }
    }
  }
  return offences;
}

/// Every folder of core that holds sources is a declared level.
inline std::vector<std::string> level_offences(const fs::path& root) {
  const Levels levels = core_levels(root);
  std::set<std::string> offences;
  for (const std::string& file : sources(root)) {
    if (!starts(file, "core/")) continue;
    const std::string level = folder(file, 1);
    if (!levels.count(level)) {
      offences.insert("core/" + level + ": is no nw_core_level of core/CMakeLists.txt");
    }
  }
  return {offences.begin(), offences.end()};
}

inline std::vector<std::string> form_offences(const fs::path& root) {
  std::vector<std::string> offences;
  for (const std::string& file : sources(root)) {
    const std::vector<std::string> lines = lines_of(root / file);
    if (lines.size() > kMostLines) {
      offences.push_back(file + ": has " + std::to_string(lines.size()) + " lines, more than " +
                         std::to_string(kMostLines) + ": two ideas in one file");
    }
    if (!file.ends_with(".h")) continue;
    // A header that is made to be included more than once says so.
    const bool guarded = std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
      return line == "#pragma once" || line.find("no include guard") != std::string::npos;
    });
    if (!guarded) {
      offences.push_back(file + ": has no #pragma once");
    }
    for (size_t i = 0; i < lines.size(); ++i) {
      if (starts(lines[i], "using namespace")) {
        offences.push_back(file + ":" + std::to_string(i + 1) + ": using namespace in a header");
      }
    }
  }
  return offences;
}

}  // namespace nw::rules
