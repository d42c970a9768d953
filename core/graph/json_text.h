#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nw::graph {

/// Members of a JSON object as they stand in the text, in its order. Keys are still escaped and
/// without quotes.
using RawMembers = std::vector<std::pair<std::string_view, std::string_view>>;

/// Cuts the text of a JSON object into its members. The text must be valid JSON (it was parsed
/// before) and outlive the result.
RawMembers raw_members(std::string_view object);

/// Cuts the text of a JSON array into its items; as raw_members.
std::vector<std::string_view> raw_items(std::string_view array);

/// The deepest nesting of brackets in a text that may not be valid JSON.
int nesting_depth(std::string_view text);

/// Where the byte is, as an editor counts: "line 3, column 14".
std::string line_and_column(std::string_view text, size_t byte);

}  // namespace nw::graph
