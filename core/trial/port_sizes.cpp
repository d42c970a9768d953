#include "core/trial/port_sizes.h"

#include <algorithm>
#include <sstream>

namespace nw::trial {
namespace {

/// How many classes the class weights among the arguments speak of; 0: there are none.
int64_t weighted_classes(const nn::Block& block, const nn::Args& args) {
  for (const nn::Param& param : block.params) {
    const nn::Value* value = args.find(param.name);
    const auto* text = param.real_list && value ? std::get_if<std::string>(value) : nullptr;
    if (text != nullptr) return static_cast<int64_t>(nn::real_list(*text).size());
  }
  return 0;
}

bool is_number(const std::string& word) {
  return !word.empty() &&
         std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> out;
  for (std::string word; stream >> word;) out.push_back(word);
  return out;
}

std::string layout_of(const nn::Port& port, const nn::Args& args) {
  return port.layout_of != nullptr ? port.layout_of(args) : port.layout;
}

SizeDraw::SizeDraw(Draw& draw, const nn::Block& block, const nn::Args& args)
    : draw_(draw), block_(block), args_(args) {}

int64_t SizeDraw::named(const std::string& name) const {
  const auto it = known_.find(name);
  return it == known_.end() ? -1 : it->second;
}

Dims SizeDraw::sizes(const nn::Port& port, const Dims& first) {
  const std::string layout = layout_of(port, args_);
  Dims sizes;
  for (const std::string& word : words(layout)) {
    if (word == "=") {
      for (int64_t size : first) sizes.push_back(size);
    } else if (word != "N" || !unbatched_) {
      append(word, layout, sizes);
    }
  }
  return sizes;
}

void SizeDraw::append(const std::string& word, const std::string& layout, Dims& sizes) {
  const nn::Value* value = args_.find(word);
  if (word == "*") {
    const int64_t count = draw_.integer(0, 3);
    for (int64_t i = 0; i < count; ++i) sizes.push_back(draw_.integer(1, 5));
    return;
  }
  if (value != nullptr) {
    if (const auto* items = std::get_if<std::vector<int64_t>>(value)) {
      for (int64_t item : *items) sizes.push_back(std::max<int64_t>(item, 0));
    } else {
      sizes.push_back(std::max<int64_t>(std::get<int64_t>(*value), 0));
    }
    return;
  }
  if (is_number(word)) {
    sizes.push_back(std::stoll(word));
    return;
  }
  const bool deep = layout.find('D') != std::string::npos;
  int64_t& size = known_.try_emplace(word, 0).first->second;
  if (size == 0) {
    const bool spatial = word == "H" || word == "W" || word == "L" || word == "D";
    size = draw_.integer(1, spatial ? (deep ? 8 : 14) : 5);
    if (word == "C" && weighted_classes(block_, args_) > 0) size = weighted_classes(block_, args_);
    if (word == "C" && args_.has("blank") && draw_.chance(0.8)) {  // a class of its own
      size = std::max(size, args_.integer("blank") + 1);
    }
  }
  sizes.push_back(size);
}

}  // namespace nw::trial
