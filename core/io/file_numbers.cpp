#include "core/io/file_numbers.h"

#include "core/backend/creation.h"
#include "core/io/torch_file.h"

namespace nw::io {
namespace {

/// Shorter stretches are read: a mapping costs a system call and a page fault.
constexpr uint64_t kLeastMappedBytes = uint64_t{1} << 20;

/// Lends one piece of a mapping to one Storage and goes with it.
class MappedPiece final : public Allocator {
 public:
  static Tensor lend(std::shared_ptr<FileMapping> mapping, uint64_t offset, int64_t numel,
                     DType dtype) {
    auto* piece = new MappedPiece(std::move(mapping), offset);
    const size_t bytes = static_cast<size_t>(numel) * item_bytes(dtype);
    const auto storage = make_ref<Storage>(kCpu, bytes, *piece);
    return Tensor(storage, {numel}, {1}, 0, dtype);
  }

  void* allocate(size_t) override { return mapping_->data() + offset_; }
  void free(void*, size_t) noexcept override { delete this; }

 private:
  MappedPiece(std::shared_ptr<FileMapping> mapping, uint64_t offset)
      : mapping_(std::move(mapping)), offset_(offset) {}

  std::shared_ptr<FileMapping> mapping_;
  uint64_t offset_;
};

}  // namespace

Tensor FileNumbers::at(uint64_t offset, int64_t numel, DType dtype) {
  const uint64_t bytes = static_cast<uint64_t>(numel) * item_bytes(dtype);
  const bool fits = offset <= file_.size() && bytes <= file_.size() - offset;
  if (fits && bytes >= kLeastMappedBytes && offset % item_bytes(dtype) == 0 &&
      dtype != DType::Bool) {
    if (!tried_) mapping_ = file_.map();
    tried_ = true;
    if (mapping_) return MappedPiece::lend(mapping_, offset, numel, dtype);
  }
  const Tensor memory = empty({numel}, dtype, kCpu);
  fill_storage(memory, [&](void* out) { file_.read_at(offset, out, bytes); });
  return memory;
}

}  // namespace nw::io
