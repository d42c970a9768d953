#include "app/cli/launch.h"

#include <filesystem>
#include <fstream>

#include "app/cli/console.h"
#include "core/base/error.h"

namespace nw::cli {

std::vector<std::string> own_command() {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(in, word, '\0');) words.push_back(word);
  NW_CHECK(!words.empty(), "/proc/self/cmdline cannot be read, which starting processes needs");
  words[0] = std::filesystem::read_symlink("/proc/self/exe").string();
  return words;
}

void show_line(int rank, bool is_error, std::string_view line) {
  const std::string text = concat("[", rank, "] ", line, "\n");
  is_error ? note(text) : print(text);
}

}  // namespace nw::cli
