#include "core/nn/module.h"

namespace nw::nn {
namespace {

/// Python's str.split('\n') of a text that is not empty.
std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  size_t start = 0;
  for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', start)) {
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  lines.push_back(text.substr(start));
  return lines;
}

std::string indented(const std::string& text) {
  std::string out;
  for (char c : text) {
    out += c;
    if (c == '\n') out += "  ";
  }
  return out;
}

}  // namespace

std::string to_text(const Module& module) {
  const std::string extra = module.extra_repr();
  if (module.children_.empty() && extra.find('\n') == std::string::npos) {
    return module.kind() + "(" + extra + ")";
  }
  std::string out = module.kind() + "(";
  if (!extra.empty()) {
    for (const std::string& line : lines_of(extra)) out += "\n  " + line;
  }
  for (const auto& [name, child] : module.children_) {
    const std::string text = child == nullptr ? "None" : to_text(*child);
    out += "\n  (" + name + "): " + indented(text);
  }
  return out + "\n)";
}

}  // namespace nw::nn
