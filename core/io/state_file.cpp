#include "core/io/state_file.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <new>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/io/file_kind.h"
#include "core/io/safetensors.h"
#include "core/io/torch_file.h"

namespace nw::io {
namespace {

constexpr std::array<std::string_view, 4> kTorchExtensions = {".pt", ".pth", ".bin", ".ckpt"};
constexpr std::string_view kZipHead{"PK\x03\x04", 4};
constexpr std::string_view kEmptyZipHead{"PK\x05\x06", 4};

/// Old tar files of torch (before 0.1.10): reading them safely is not possible.
bool is_tar(std::string_view head) {
  constexpr size_t kMagicOffset = 257;
  return head.size() > kMagicOffset && head.substr(kMagicOffset).starts_with("ustar");
}

std::string read_head(const InputFile& file) {
  constexpr uint64_t kHeadBytes = 512;
  std::string head(std::min(file.size(), kHeadBytes), '\0');
  file.read_at(0, head.data(), head.size());
  return head;
}

bool is_torch(std::string_view head) {
  return head.starts_with(kZipHead) || head.starts_with(kEmptyZipHead) || is_torch_legacy(head);
}

TorchContent read_torch(const InputFile& file, std::string_view head) {
  return is_torch_legacy(head) ? read_torch_legacy(file) : read_torch_zip(file);
}

nn::StateDict read_any(const InputFile& file) {
  const std::string head = read_head(file);
  const std::string name = file_name(file.path());
  NW_CHECK(!head.empty(), "[", name, "] is empty. Copy, download or export it again");
  if (is_torch(head)) {
    const TorchContent content = read_torch(file, head);
    return state_from_pickle(*content.top, name, content.fetch);
  }
  if (is_safetensors(head, file.size())) return read_safetensors(file);
  NW_CHECK(!is_tar(head), "[", name,
           "] is a tar file of a very old torch, which cannot be read safely. Load it there and "
           "save its state_dict again");
  throw Error(concat("[", name, "] is ", kind_of_file(head),
                     ", neither a .pt nor a .safetensors file. Choose a file with a state_dict"));
}

}  // namespace

StateFormat format_of(const std::string& path) {
  std::string extension = std::filesystem::path(path).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  if (extension == ".safetensors") return StateFormat::Safetensors;
  NW_CHECK(std::find(kTorchExtensions.begin(), kTorchExtensions.end(), extension) !=
               kTorchExtensions.end(),
           "[", file_name(path),
           "] has an extension that tells no format. Name it .pt or .safetensors");
  return StateFormat::Pt;
}

void save_state(const nn::StateDict& state, const std::string& path, StateFormat format) {
  write_file_atomically(path, [&](const Append& append) {
    if (format == StateFormat::Pt) {
      write_torch_zip(to_saved(state), append);
    } else {
      write_safetensors(state, append);
    }
  });
}

void save_value(const SavedValue& value, const std::string& path) {
  write_file_atomically(path, [&](const Append& append) { write_torch_zip(value, append); });
}

namespace {

/// Reads a file by `read`, and names the file when memory runs out.
template <typename Read>
auto load_file(const std::string& path, const Read& read) {
  const InputFile file(path);
  try {
    return read(file);
  } catch (const std::bad_alloc&) {
    throw Error(concat("[", file_name(path), "] needs more memory than there is (the file has ",
                       file.size() >> 20, " MiB). Close other programs, or choose a smaller file"));
  }
}

}  // namespace

bool is_state_file(const InputFile& file) {
  const std::string head = read_head(file);
  return is_torch(head) || is_safetensors(head, file.size()) || is_tar(head);
}

nn::StateDict load_state(const std::string& path) {
  return load_file(path, read_any);
}

nn::StateDict load_state_for(const nn::Module& module, const std::string& path) {
  constexpr std::string_view kWrapper = "module.";
  const auto wrapped = [&](const nn::StateDict& state) {
    return !state.entries.empty() &&
           std::all_of(state.entries.begin(), state.entries.end(),
                       [&](const auto& entry) { return entry.key.starts_with(kWrapper); });
  };
  nn::StateDict state = load_state(path);
  if (!wrapped(state) || wrapped(module.state_dict())) return state;
  for (auto& entry : state.entries) entry.key.erase(0, kWrapper.size());
  std::erase_if(state.versions, [](const auto& version) { return version.first.empty(); });
  for (auto& [place, version] : state.versions) place.erase(0, kWrapper.size());  // "module" -> ""
  return state;
}

SavedValue load_value(const std::string& path) {
  return load_file(path, [](const InputFile& file) {
    const std::string head = read_head(file);
    const std::string name = file_name(file.path());
    NW_CHECK(is_torch(head), "[", name, "] is no file of torch.save. Choose a .pt file");
    const TorchContent content = read_torch(file, head);
    return value_from_pickle(*content.top, name, content.fetch);
  });
}

}  // namespace nw::io
