#include "app/document/signature_cache.h"

namespace nw::app {

graph::DataStatus SignatureCache::find(const graph::Choice& choice) {
  if (known_ && known_->choice == choice) return {known_->signature, {}};
  graph::DataStatus status = graph::data_status(choice);
  if (status.problem.empty()) known_ = Known{choice, status.signature};
  return status;
}

}  // namespace nw::app
