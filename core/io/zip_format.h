#pragma once

#include <cstddef>
#include <cstdint>

// Numbers of the zip format. Source: PKWARE's APPNOTE 6.3.10.
namespace nw::io::zip {

inline constexpr uint32_t kLocalSignature = 0x04034b50;
inline constexpr uint32_t kCentralSignature = 0x02014b50;
inline constexpr uint32_t kEndSignature = 0x06054b50;
inline constexpr uint32_t kEnd64Signature = 0x06064b50;
inline constexpr uint32_t kLocator64Signature = 0x07064b50;

inline constexpr size_t kLocalBytes = 30;
inline constexpr size_t kCentralBytes = 46;
inline constexpr size_t kEndBytes = 22;
inline constexpr size_t kEnd64Bytes = 56;
inline constexpr size_t kLocator64Bytes = 20;

inline constexpr uint16_t kStored = 0;
inline constexpr uint16_t kDeflated = 8;
inline constexpr uint16_t kEncryptedFlag = 1;
inline constexpr uint16_t kUtf8Flag = 0x0800;
inline constexpr uint16_t kZip64Extra = 0x0001;
inline constexpr uint16_t kPaddingExtra = 0x4246;  // 'F', 'B', as torch marks its padding

/// A field with this value has the true one in the zip64 record.
inline constexpr uint32_t kSee64 = 0xffffffff;
inline constexpr uint16_t kSee64Short = 0xffff;

}  // namespace nw::io::zip
