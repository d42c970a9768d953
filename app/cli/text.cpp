#include "app/cli/text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace nw::cli {
namespace {

bool is_rule(const std::vector<std::string>& row) {
  return row.size() == 1 && row[0].empty();
}

std::string padded(const std::string& text, size_t width, Align align) {
  const std::string gap(width - display_width(text), ' ');
  return align == Align::Left ? text + gap : gap + text;
}

}  // namespace

std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  const size_t first = digits[0] == '-' ? 1 : 0;
  for (size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, " ");
  }
  return digits;
}

std::string percent(double share) {
  return fixed(share * 100, 2) + " %";
}

std::string fixed(double number, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, std::abs(number) < 1e15 ? "%.*f" : "%.*g", digits, number);
  return text;
}

std::string clock_text(double seconds) {
  constexpr double kLongest = 359999;  // 99:59:59
  const auto total = static_cast<int64_t>(std::clamp(std::round(seconds), 0.0, kLongest));
  char text[32];
  if (total < 3600) {
    std::snprintf(text, sizeof text, "%d:%02d", static_cast<int>(total / 60),
                  static_cast<int>(total % 60));
  } else {
    std::snprintf(text, sizeof text, "%d:%02d:%02d", static_cast<int>(total / 3600),
                  static_cast<int>(total / 60 % 60), static_cast<int>(total % 60));
  }
  return text;
}

size_t display_width(std::string_view text) {
  // Every code point we print takes one column; continuation bytes (10xxxxxx) take none.
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
  }));
}

std::string table(const std::vector<std::vector<std::string>>& rows,
                  const std::vector<Align>& alignment) {
  std::vector<size_t> widths(alignment.size(), 0);
  for (const auto& row : rows) {
    if (is_rule(row)) continue;
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  size_t line_width = 2 * (widths.size() - 1);
  for (const size_t width : widths) line_width += width;

  std::string text;
  for (const auto& row : rows) {
    std::string line;
    if (is_rule(row)) {
      line.assign(line_width, '-');
    } else {
      for (size_t i = 0; i < row.size(); ++i) {
        line += (i ? "  " : "") + padded(row[i], widths[i], alignment[i]);
      }
      line.erase(line.find_last_not_of(' ') + 1);
    }
    text += line + "\n";
  }
  return text;
}

}  // namespace nw::cli
