#include "app/cli/bench_torch.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/base/error.h"
#include "core/base/resources.h"

extern char** environ;  // NOLINT: POSIX's name

namespace nw::cli {
namespace {

constexpr const char* kNoTorch = "no Python with torch found (Debian: python3-torch)";

/// The environment with every library's thread count set alike.
std::vector<std::string> environment_with(int threads) {
  std::vector<std::string> out;
  for (char** item = environ; *item != nullptr; ++item) out.emplace_back(*item);
  for (const char* name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"}) {
    std::erase_if(out,
                  [&](const std::string& item) { return item.starts_with(concat(name, "=")); });
    out.push_back(concat(name, "=", threads));
  }
  return out;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

TorchSteps::TorchSteps(int threads, const std::string& device)
    : device_(device),
      why_not_(device == "cpu" ? kNoTorch : "no Python with torch for CUDA found on the PATH") {
  const std::string script = resource_path("bench/torch_steps.py");
  for (const char* python : {"/usr/bin/python3", "python3"}) {
    if (start(python, script, threads)) {
      why_not_.clear();
      return;
    }
    stop();
  }
}

TorchSteps::~TorchSteps() {
  stop();
}

bool TorchSteps::start(const std::string& python, const std::string& script, int threads) {
  int input[2];
  int output[2];
  if (pipe2(input, O_CLOEXEC) != 0) return false;
  if (pipe2(output, O_CLOEXEC) != 0) {
    close(input[0]);
    close(input[1]);
    return false;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<std::string> words{python, script, std::to_string(threads), device_};
  std::vector<std::string> variables = environment_with(threads);
  const int failure = posix_spawnp(&pid_, python.c_str(), &actions, nullptr,
                                   pointers_to(words).data(), pointers_to(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  close(input[0]);
  close(output[1]);
  to_child_ = fdopen(input[1], "w");
  from_child_ = fdopen(output[0], "r");
  if (failure != 0) pid_ = -1;
  std::string answer;
  if (pid_ < 0 || !read_line(answer) || !answer.starts_with("ready ")) return false;
  version_ = answer.substr(answer.find(' ') + 1);
  return true;
}

void TorchSteps::stop() {
  if (to_child_ != nullptr) std::fclose(to_child_);  // the child's input ends, and so does it
  if (from_child_ != nullptr) std::fclose(from_child_);
  to_child_ = nullptr;
  from_child_ = nullptr;
  if (pid_ > 0) waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

bool TorchSteps::read_line(std::string& line) {
  line.clear();
  for (int character = std::fgetc(from_child_); character != '\n';
       character = std::fgetc(from_child_)) {
    if (character == EOF) return false;
    line.push_back(static_cast<char>(character));
  }
  return true;
}

std::optional<TorchSteps::Timing> TorchSteps::time(const std::string& code, int64_t count) {
  const auto answer = ask(nlohmann::json{{"code", code}, {"steps", count}}.dump());
  if (!answer) return {};
  char* rest = nullptr;
  const double step_us = std::strtod(answer->c_str(), &rest);
  return Timing{step_us, std::strtoll(rest, nullptr, 10)};
}

std::optional<double> TorchSteps::graph_time(const std::string& code, int64_t count) {
  if (device_ == "cpu") return {};
  const auto answer = ask(nlohmann::json{{"code", code}, {"steps", count}, {"graph", true}}.dump());
  if (!answer || answer->starts_with("no")) return {};
  return std::strtod(answer->c_str(), nullptr);
}

/// The child's line of answer; nothing when it is gone.
std::optional<std::string> TorchSteps::ask(const std::string& request) {
  if (!found()) return {};
  std::string answer;
  const std::string line = request + "\n";
  const bool asked = std::fputs(line.c_str(), to_child_) >= 0 && std::fflush(to_child_) == 0;
  if (asked && read_line(answer)) return answer;
  stop();
  why_not_ = "PyTorch's process ended unexpectedly";
  return {};
}

}  // namespace nw::cli
