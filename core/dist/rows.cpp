#include "core/dist/rows.h"

#include <vector>

#include "core/backend/creation.h"

namespace nw::dist {
namespace {

constexpr int64_t kPieceBytes = int64_t{250} << 20;

int64_t bytes_of(const Tensor& tensor) {
  return tensor.numel() * static_cast<int64_t>(item_bytes(tensor.dtype()));
}

/// Brings some tensors, whose bytes lie one behind the other on the way, to what they are on
/// `root`.
void broadcast_piece(ProcessGroup& group, std::span<const Tensor> tensors, int64_t bytes,
                     int root) {
  const Tensor piece = empty({bytes}, DType::UInt8, tensors[0].device());
  const auto each = [&](const auto& action) {
    int64_t at = 0;
    for (const Tensor& tensor : tensors) {
      action(tensor, piece.as_strided({bytes_of(tensor)}, {int64_t{1}}, at));
      at += bytes_of(tensor);
    }
  };
  if (group.rank() == root) {
    each([](const Tensor& tensor, const Tensor& part) {
      raw::copy_(part, as_bytes(raw::contiguous(tensor)));
    });
  }
  group.broadcast(piece, root)->wait();
  if (group.rank() == root) return;
  each([](const Tensor& tensor, const Tensor& part) {
    const Tensor arrived = empty(tensor.sizes(), tensor.dtype(), tensor.device());
    raw::copy_(as_bytes(arrived), part);
    raw::copy_(tensor, arrived);
  });
}

}  // namespace

Tensor as_row(const Tensor& tensor) {
  const DType real = real_of(tensor.dtype());
  const int64_t parts = real == tensor.dtype() ? 1 : 2;
  return Tensor(tensor.storage(), {tensor.numel() * parts}, {int64_t{1}}, tensor.offset() * parts,
                real);
}

Tensor as_bytes(const Tensor& tensor) {
  const auto size = static_cast<int64_t>(item_bytes(tensor.dtype()));
  return Tensor(tensor.storage(), {tensor.numel() * size}, {int64_t{1}}, tensor.offset() * size,
                DType::UInt8);
}

void broadcast_coalesced(ProcessGroup& group, std::span<const Tensor> tensors, int root) {
  size_t begin = 0;
  int64_t bytes = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    bytes += bytes_of(tensors[i]);
    const bool last = i + 1 == tensors.size() || tensors[i + 1].device() != tensors[i].device();
    if (bytes < kPieceBytes && !last) continue;
    if (bytes > 0) broadcast_piece(group, tensors.subspan(begin, i + 1 - begin), bytes, root);
    begin = i + 1;
    bytes = 0;
  }
}

Tensor all_reduced(ProcessGroup& group, const Tensor& on_cpu, Device device, Reduction reduction) {
  const Tensor moved = raw::to(on_cpu, device);
  group.all_reduce(moved, reduction)->wait();
  return raw::to(moved, kCpu);
}

Tensor broadcasted(ProcessGroup& group, const Tensor& on_cpu, Device device, int root) {
  const Tensor moved = raw::to(on_cpu, device);
  group.broadcast(moved, root)->wait();
  return raw::to(moved, kCpu);
}

}  // namespace nw::dist
