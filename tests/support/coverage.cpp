#include <cstdlib>
#include <fstream>

#include "tests/support/block_oracle.h"

namespace nw::test {
namespace {

bool differs(const nn::Param& param, const nn::Args& args) {
  const nn::Value* value = args.find(param.name);
  return value != nullptr && nn::normalized(param, *value) != nn::normalized(param, param.fallback);
}

}  // namespace

void Coverage::count(const BlockCase& drawn, const Verdict& verdict) {
  if (!verdict.accepted || !verdict.problem.empty()) return;
  std::vector<std::string> options = {""};
  for (const nn::Param& param : drawn.block->params) {
    if (differs(param, drawn.args)) options.push_back(param.name);
  }
  for (const std::string& option : options) {
    Counts& counts = counts_[{option, drawn.dtype}];
    ++counts.forward;
    ++counts.state;
    ++counts.init;
    if (verdict.backward) ++counts.backward;
  }
}

std::vector<std::string> Coverage::undrawn(const nn::Block& block) const {
  std::vector<std::string> out;
  for (const nn::Param& param : block.params) {
    if (param.choices.size() == 1 && param.type == nn::ParamType::Choice) continue;
    // Seldom does a block that is drawn into another fit its sizes.
    if (param.optional && param.type == nn::ParamType::Module) continue;
    bool drawn = false;
    for (const auto& [key, counts] : counts_) drawn = drawn || key.first == param.name;
    if (!drawn) out.push_back(param.name);
  }
  return out;
}

void Coverage::write(const nn::Block& block) const {
  const char* path = std::getenv("NW_COVERAGE");
  if (path == nullptr) return;
  std::ofstream file(path, std::ios::app);
  for (const auto& [key, counts] : counts_) {
    file << R"({"block": ")" << block.id << R"(", "option": ")" << key.first << R"(", "dtype": ")"
         << name(key.second) << R"(", "forward": )" << counts.forward << R"(, "backward": )"
         << counts.backward << R"(, "state": )" << counts.state << R"(, "init": )" << counts.init
         << "}\n";
  }
}

}  // namespace nw::test
