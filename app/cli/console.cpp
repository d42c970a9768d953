#include "app/cli/console.h"

#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

namespace nw::cli {
namespace {

int first_output_error = 0;  // errno; standard output is one for the whole process

void remember_failure() {
  if (first_output_error == 0) first_output_error = errno ? errno : EIO;
}

bool locale_is_utf8() {
  const locale_t locale = newlocale(LC_CTYPE_MASK, "", nullptr);
  if (!locale) return false;
  const bool utf8 = std::strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
  freelocale(locale);
  return utf8;
}

}  // namespace

void keep_standard_streams_open() {
  for (int stream = 0; stream <= 2; ++stream) {
    // The lowest free number is given out: the closed one. Reading mode keeps its writes failing.
    if (fcntl(stream, F_GETFD) < 0 && errno == EBADF) open("/dev/null", O_RDONLY);
  }
}

void print(std::string_view text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    remember_failure();
  }
}

void note(std::string_view text) {
  // Where even this fails there is nobody left to tell.
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
  (void)std::fflush(stderr);
}

Output finish_output() {
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) remember_failure();
  if (first_output_error == 0) return Output::Written;
  return first_output_error == EPIPE ? Output::ReaderGone : Output::Failed;
}

std::string output_error() {
  return std::strerror(first_output_error);
}

std::string json_text(const nlohmann::ordered_json& value) {
  return value.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Terminal terminal() {
  Terminal result;
  const char* kind = std::getenv("TERM");
  result.present = isatty(STDERR_FILENO) && kind && std::strcmp(kind, "dumb") != 0;
  if (!result.present) return result;
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    result.columns = size.ws_col;
  }
  result.unicode = locale_is_utf8();
  return result;
}

}  // namespace nw::cli
