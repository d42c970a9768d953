#include "app/document/signature_cache.h"

namespace nw::app {

std::variant<data::Signature, std::string> SignatureCache::find(const graph::Choice& choice) {
  if (known_ && known_->choice == choice) return known_->signature;
  const data::DatasetSpec* spec = data::datasets().find(choice.id);
  if (!spec) {
    return concat("[data] the data set “", choice.id,
                  "” is not known to this program. Choose another one in Training.");
  }
  if (const auto problems = spec->problems(choice.args); !problems.empty()) return problems[0];
  try {
    known_ = Known{choice, spec->signature(spec->complete(choice.args))};
    return known_->signature;
  } catch (const std::exception& error) {
    return std::string(error.what());
  }
}

}  // namespace nw::app
