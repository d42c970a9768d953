#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// What TcpStore's two sides say to each other. Numbers are little-endian.
//
// Greeting, client: kClientWord, u32 bytes of the job, the job. Server: kServerWord, a Greeting.
// Then frames, each a u32 count of the bytes that follow. Request: u8 Request, u32 bytes of the
// key, key, value. Answer: u8 Answer, value.
namespace nw::dist {

inline constexpr std::string_view kClientWord = "NWstore?";
inline constexpr std::string_view kServerWord = "NWstore!";
inline constexpr size_t kMaxJobBytes = 4096;
inline constexpr size_t kMaxValueBytes = size_t{64} << 20;
inline constexpr size_t kMaxKeyBytes = 4096;
inline constexpr size_t kRequestHead = 1 + sizeof(uint32_t);
inline constexpr size_t kMaxFrameBytes = kRequestHead + kMaxKeyBytes + kMaxValueBytes;

enum class Greeting : uint8_t { Welcome, OtherJob };

/// The values are: of Set and SetIfAbsent the value, of Get the milliseconds to wait and of Add the
/// amount as i64, of Look none, of Will what is set if absent when the connection ends (the last
/// one counts; an empty key: nothing).
enum class Request : uint8_t { Set, Get, Look, Add, SetIfAbsent, Will };
inline constexpr uint8_t kRequestCount = 6;

/// The values are: of Value the value, of Refused why; Nothing: the key is not there, or not in
/// time.
enum class Answer : uint8_t { Value, Nothing, Refused };

template <typename Number>
void put(std::string& out, Number number) {
  for (size_t i = 0; i < sizeof(Number); ++i) {
    out += static_cast<char>(static_cast<uint64_t>(number) >> (8 * i));
  }
}

/// `bytes` has sizeof(Number) of them.
template <typename Number>
Number get_number(std::string_view bytes) {
  uint64_t out = 0;
  for (size_t i = 0; i < sizeof(Number); ++i) {
    out |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  }
  return static_cast<Number>(out);
}

}  // namespace nw::dist
