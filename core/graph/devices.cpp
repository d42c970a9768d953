#include "core/graph/devices.h"

#include <algorithm>
#include <charconv>

#include "core/base/error.h"

namespace nw::graph {
namespace {

constexpr int kMostProcesses = 1024;

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

int count_of(std::string_view text) {
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  NW_CHECK(error == std::errc() && end == text.data() + text.size() && count >= 1 &&
               count <= kMostProcesses,
           "[run] device expects a number of processes from 1 to ", kMostProcesses,
           " after *, as in cpu*4, gets \"", text, "\"");
  return count;
}

}  // namespace

std::vector<Device> devices_of(std::string_view setting) {
  std::vector<Device> devices;
  size_t begin = 0;
  while (begin <= setting.size()) {
    const size_t end = std::min(setting.find(',', begin), setting.size());
    const std::string_view item = setting.substr(begin, end - begin);
    const size_t star = item.find('*');
    const Device device = device_from_string(trimmed(item.substr(0, star)));
    const int count = star == std::string_view::npos ? 1 : count_of(trimmed(item.substr(star + 1)));
    devices.insert(devices.end(), static_cast<size_t>(count), device);
    begin = end + 1;
  }
  NW_CHECK(devices.size() <= size_t{kMostProcesses}, "[run] device expects at most ",
           kMostProcesses, " processes, gets ", devices.size());
  for (size_t i = 0; i < devices.size(); ++i) {
    NW_CHECK(devices[i].type != DeviceType::Meta,
             "[run] device expects one with numbers, such as cpu, gets meta");
    NW_CHECK(devices[i].type == devices[0].type,
             "[run] device expects processes on devices of one kind, gets \"", setting, "\"");
    const bool twice = std::count(devices.begin(), devices.end(), devices[i]) > 1;
    NW_CHECK(!twice || devices[i].type == DeviceType::Cpu,
             "[run] device expects a graphics card for each process, gets ", to_string(devices[i]),
             " twice");
  }
  return devices;
}

std::string setting_of(const std::vector<Device>& devices) {
  std::string out;
  for (size_t i = 0; i < devices.size();) {
    size_t same = i;
    while (same < devices.size() && devices[same] == devices[i]) ++same;
    if (!out.empty()) out += ", ";
    out += to_string(devices[i]);
    if (same - i > 1) out += "*" + std::to_string(same - i);
    i = same;
  }
  return out;
}

}  // namespace nw::graph
