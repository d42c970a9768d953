#include "core/io/file_kind.h"

#include <algorithm>
#include <array>
#include <utility>

namespace nw::io {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kKinds = {{
    {"\x93NUMPY", "a NumPy array"},
    {"PK\x03\x04", "a zip archive"},
    {"\x1f\x8b", "a gzip archive"},
    {"\x89PNG", "a PNG image"},
    {"\xff\xd8\xff", "a JPEG image"},
    {"\x89HDF", "an HDF5 file"},
    {"%PDF", "a PDF document"},
    {"\x7f"
     "ELF",
     "a program"},
    {"{", "a JSON text"},
}};

}  // namespace

std::string_view kind_of_file(std::string_view head) {
  if (head.empty()) return "empty";
  for (const auto& [begin, kind] : kKinds) {
    if (head.starts_with(begin)) return kind;
  }
  const bool text = std::none_of(head.begin(), head.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < ' ' && c != '\t' && c != '\n' && c != '\r';
  });
  return text ? "a text" : "of a format that is not known here";
}

}  // namespace nw::io
