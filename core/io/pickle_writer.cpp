#include <bit>

#include "core/io/little_endian.h"
#include "core/io/pickle.h"
#include "core/io/pickle_opcodes.h"

namespace nw::io::pickle {
namespace {

void put(std::string& out, Op op) {
  out += static_cast<char>(op);
}

}  // namespace

Writer::Writer() {
  put(out_, Op::Proto);
  append_le(out_, uint8_t{2});
}

void Writer::global(std::string_view module, std::string_view name) {
  put(out_, Op::Global);
  out_.append(module).append("\n").append(name).append("\n");
}

void Writer::text(std::string_view text) {
  put(out_, Op::BinUnicode);
  append_le(out_, static_cast<uint32_t>(text.size()));
  out_ += text;
}

void Writer::integer(int64_t value) {
  if (value == static_cast<uint8_t>(value)) {
    put(out_, Op::BinInt1);
    append_le(out_, static_cast<uint8_t>(value));
  } else if (value == static_cast<uint16_t>(value)) {
    put(out_, Op::BinInt2);
    append_le(out_, static_cast<uint16_t>(value));
  } else if (value == static_cast<int32_t>(value)) {
    put(out_, Op::BinInt);
    append_le(out_, static_cast<int32_t>(value));
  } else {
    put(out_, Op::Long1);
    append_le(out_, static_cast<uint8_t>(sizeof(value)));
    append_le(out_, value);
  }
}

void Writer::boolean(bool value) {
  put(out_, value ? Op::NewTrue : Op::NewFalse);
}

void Writer::real(double value) {
  put(out_, Op::BinFloat);
  const auto bits = std::bit_cast<uint64_t>(value);
  for (int shift = 56; shift >= 0; shift -= 8) out_ += static_cast<char>(bits >> shift);
}

void Writer::none() {
  put(out_, Op::None);
}

void Writer::mark() {
  put(out_, Op::Mark);
}

void Writer::tuple() {
  put(out_, Op::Tuple);
}

void Writer::tuple(const std::vector<int64_t>& integers) {
  if (integers.empty()) return empty_tuple();
  mark();
  for (int64_t value : integers) integer(value);
  tuple();
}

void Writer::empty_tuple() {
  put(out_, Op::EmptyTuple);
}

void Writer::empty_list() {
  put(out_, Op::EmptyList);
}

void Writer::append_items() {
  put(out_, Op::Appends);
}

void Writer::empty_dict() {
  put(out_, Op::EmptyDict);
}

void Writer::reduce() {
  put(out_, Op::Reduce);
}

void Writer::set_items() {
  put(out_, Op::SetItems);
}

void Writer::build() {
  put(out_, Op::Build);
}

void Writer::persistent_id() {
  put(out_, Op::BinPersId);
}

void Writer::empty_ordered_dict() {
  global("collections", "OrderedDict");
  empty_tuple();
  reduce();
}

std::string Writer::finish() {
  put(out_, Op::Stop);
  return std::move(out_);
}

}  // namespace nw::io::pickle
