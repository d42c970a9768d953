#include "tests/simulator/settings.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace nw::simulated {
namespace {

[[noreturn]] void refuse(const std::string& word) {
  std::fprintf(stderr, "simulated GPU: NETWRIGHT_SIMULATED_GPU has no \"%s\"\n", word.c_str());
  std::exit(2);
}

uint64_t number(const std::string& text) {
  char* end = nullptr;
  const uint64_t value = std::strtoull(text.c_str(), &end, 10);
  const std::string unit = end;
  if (end == text.c_str()) refuse(text);
  if (unit == "K") return value << 10;
  if (unit == "M") return value << 20;
  if (unit == "G") return value << 30;
  if (!unit.empty()) refuse(text);
  return value;
}

void take(Settings& settings, const std::string& word) {
  const size_t equals = word.find('=');
  const std::string name = word.substr(0, equals);
  const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
  if (word == "quiet") {
    settings.quiet = true;
  } else if (word == "tight") {
    settings.tight = true;
  } else if (word == "driver=old") {
    settings.old_driver = true;
  } else if (name == "devices") {
    settings.devices = static_cast<int>(number(value));
  } else if (name == "memory") {
    settings.memory = number(value);
  } else if (name == "sm") {
    settings.major = static_cast<int>(number(value) / 10);
    settings.minor = static_cast<int>(number(value) % 10);
  } else if (name == "processors") {
    settings.processors = static_cast<int>(number(value));
  } else if (name == "seed") {
    settings.seed = number(value);
  } else if (name == "fail_launch") {
    settings.fail_launch = static_cast<int64_t>(number(value));
  } else if (name == "illegal_address") {
    settings.illegal_address = static_cast<int64_t>(number(value));
  } else {
    refuse(word);
  }
}

Settings read() {
  Settings settings;
  settings.seed = std::random_device()();
  const char* given = std::getenv("NETWRIGHT_SIMULATED_GPU");
  const std::string text = given == nullptr ? "" : given;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    if (end > begin) take(settings, text.substr(begin, end - begin));
    begin = end + 1;
  }
  if (!settings.quiet) {
    std::fprintf(stderr, "simulated GPU: %d devices, seed %llu\n", settings.devices,
                 static_cast<unsigned long long>(settings.seed));
  }
  return settings;
}

}  // namespace

const Settings& settings() {
  static const Settings& all = *new Settings(read());
  return all;
}

}  // namespace nw::simulated
