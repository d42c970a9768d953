#pragma once

#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace nw::dist {

/// The keys and values of a store. Not thread-safe.
class StoreValues {
 public:
  const std::string* find(const std::string& key) const {
    const auto found = values_.find(key);
    return found == values_.end() ? nullptr : &found->second;
  }
  void set(const std::string& key, std::string value) { values_[key] = std::move(value); }
  /// What a counter would hold after adding; nothing when the key holds no number, or too large a
  /// one.
  std::optional<int64_t> sum(const std::string& key, int64_t amount) const {
    int64_t number = 0;
    if (const std::string* old = find(key)) {
      const char* end = old->data() + old->size();
      const auto [at, problem] = std::from_chars(old->data(), end, number);
      if (problem != std::errc() || at != end) return {};
    }
    if (__builtin_add_overflow(number, amount, &number)) return {};
    return number;
  }

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace nw::dist
