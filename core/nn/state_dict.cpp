#include "core/nn/state_dict.h"

#include "core/base/error.h"

namespace nw::nn {
namespace {

void append_lines(std::string& text, std::string_view what, const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    if (!text.empty()) text += "\n";
    text += concat(what, " ", key);
  }
}

}  // namespace

const Tensor* StateDict::find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry.tensor;
  }
  return nullptr;
}

std::string LoadReport::text() const {
  std::string text;
  append_lines(text, "missing:", missing);
  append_lines(text, "unexpected:", unexpected);
  append_lines(text, "another size:", mismatched);
  return text;
}

}  // namespace nw::nn
