#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nw::cli {

/// "61 706".
std::string grouped(int64_t number);
/// A share as "88.12 %".
std::string percent(double share);
/// A number with `digits` behind the point: "0.3120".
std::string fixed(double number, int digits);
/// A duration as "0:42" or "1:02:03", rounded.
std::string clock_text(double seconds);
/// Columns that UTF-8 text takes on a terminal, for the alphabets that we print.
size_t display_width(std::string_view text);

enum class Align : uint8_t { Left, Right };

/// Rows as lines with the columns aligned, two spaces between them. A row of one empty cell becomes
/// a rule.
std::string table(const std::vector<std::vector<std::string>>& rows,
                  const std::vector<Align>& alignment);

}  // namespace nw::cli
