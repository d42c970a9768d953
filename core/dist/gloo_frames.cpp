#include "core/dist/gloo_frames.h"

#include <algorithm>
#include <type_traits>

#include "core/base/error.h"

namespace nw::dist {
namespace {

static_assert(std::has_unique_object_representations_v<GlooCall>);

std::string_view name(Reduction reduction) {
  switch (reduction) {
    case Reduction::Sum:
      return "sum";
    case Reduction::Average:
      return "average";
    case Reduction::Product:
      return "product";
    case Reduction::Min:
      return "minimum";
    case Reduction::Max:
      return "maximum";
  }
  return "unknown";
}

bool reduces(CallKind kind) {
  return kind == CallKind::AllReduce || kind == CallKind::ReduceScatter;
}

/// " (3, 4)"
std::string sizes_text(const GlooCall& call) {
  std::string out;
  for (size_t i = 0; i < std::min<size_t>(static_cast<size_t>(call.dims), call.kSizes); ++i) {
    out += concat(i == 0 ? " (" : ", ", call.sizes[i]);
  }
  return out.empty() ? out : out + ")";
}

}  // namespace

GlooCall call_of(CallKind kind, const Tensor& tensor) {
  GlooCall out;
  out.kind = kind;
  out.dtype = tensor.dtype();
  out.numel = tensor.numel();
  if (kind == CallKind::Send) return out;  // who receives may see the numbers otherwise
  out.dims = static_cast<int8_t>(tensor.dim());
  for (size_t i = 0; i < tensor.sizes().size(); ++i) {
    if (i < GlooCall::kSizes) {
      out.sizes[i] = tensor.sizes()[i];
    } else {
      out.sizes.back() = 31 * out.sizes.back() + tensor.sizes()[i];
    }
  }
  return out;
}

std::string_view name(CallKind kind) {
  switch (kind) {
    case CallKind::AllReduce:
      return "all_reduce";
    case CallKind::Broadcast:
      return "broadcast";
    case CallKind::AllGather:
      return "all_gather";
    case CallKind::ReduceScatter:
      return "reduce_scatter";
    case CallKind::Barrier:
      return "barrier";
    case CallKind::Send:
      return "send and recv";
  }
  return "unknown call";
}

std::string describe(const GlooCall& call) {
  std::string out(name(call.kind));
  if (call.kind == CallKind::Barrier) return out;
  if (reduces(call.kind)) out += concat(" (", name(call.reduction), ")");
  if (call.kind == CallKind::Broadcast) out += concat(" from rank ", call.root);
  return out + concat(" of ", call.numel, " ", nw::name(call.dtype), " elements",
                      call.dims > 1 ? sizes_text(call) : "");
}

void check_same(const GlooCall& ours, int rank, const GlooCall& theirs, int their_rank) {
  NW_CHECK(ours == theirs, "the ranks disagree: rank ", rank, " is at ", describe(ours),
           " (operation ", ours.count, "), rank ", their_rank, " at ", describe(theirs),
           " (operation ", theirs.count, ")");
}

GlooFrames::GlooFrames(GlooMesh& mesh)
    : mesh_(mesh),
      own_buffer_(mesh.buffer(&own_, sizeof(own_))),
      peers_(static_cast<size_t>(mesh.size())) {
  for (int rank = 0; rank < mesh.size(); ++rank) {
    if (rank == mesh.rank()) continue;
    Peer& peer = peers_[static_cast<size_t>(rank)];
    for (size_t place = 0; place < kReady; ++place) {
      peer.buffers[place] = mesh.buffer(&peer.frames[place], sizeof(GlooFrame));
      make_ready(rank, place);
    }
  }
}

/// A rank that leaves after this operation may have gone already, and its frame be here.
void GlooFrames::make_ready(int rank, size_t place) {
  Peer& peer = peers_[static_cast<size_t>(rank)];
  try {
    peer.buffers[place]->recv(rank, slot(Channel::Frame));
  } catch (const std::exception&) {
    peer.problems[place] = std::current_exception();
  }
}

void GlooFrames::send(const GlooCall& call, std::span<const std::byte> numbers,
                      std::span<const int> to) {
  NW_ASSERT(under_way_ == 0 && numbers.size() <= own_.numbers.size());
  own_.call = call;
  std::copy(numbers.begin(), numbers.end(), own_.numbers.begin());
  for (const int peer : to) {
    own_buffer_->send(peer, slot(Channel::Frame));
    ++under_way_;
    mesh_.bytes_sent += sizeof(GlooFrame);
  }
}

void GlooFrames::finish_sending() {
  for (; under_way_ > 0; --under_way_) mesh_.wait_send(*own_buffer_);
}

const GlooFrame& GlooFrames::receive(const GlooCall& ours, int from) {
  Peer& peer = peers_[static_cast<size_t>(from)];
  const size_t place = peer.received % kReady;
  if (peer.received > 0) make_ready(from, (place + kReady - 1) % kReady);
  ++peer.received;
  if (peer.problems[place]) std::rethrow_exception(peer.problems[place]);
  mesh_.awaited = from;
  mesh_.wait_recv(*peer.buffers[place]);
  mesh_.awaited = -1;
  const GlooFrame& frame = peer.frames[place];
  check_same(ours, mesh_.rank(), frame.call, from);
  return frame;
}

}  // namespace nw::dist
