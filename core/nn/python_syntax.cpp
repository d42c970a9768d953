#include "core/nn/python_syntax.h"

#include "core/base/error.h"
#include "core/nn/python_reader.h"
#include "core/nn/value.h"

namespace nw::nn {
namespace {

constexpr size_t kLargestBytes = size_t{1} << 20;

}  // namespace

std::string Syntax::shown_items(std::string_view open, std::string_view close) const {
  constexpr size_t kMost = 6;
  std::string out(open);
  for (size_t i = 0; i < items.size() && i <= kMost; ++i) {
    out += concat(i > 0 ? ", " : "", i < kMost ? items[i].shown() : "…");
  }
  return concat(out, close);
}

std::string Syntax::shown() const {
  switch (kind) {
    case Kind::None:
      return "None";
    case Kind::Bool:
      return boolean ? "True" : "False";
    case Kind::Int:
      return std::to_string(integer);
    case Kind::Real:
      return to_python(Value(real));
    case Kind::Text:
      return concat("'", text, "'");
    case Kind::Name:
      return concat("'", text, "'");
    case Kind::Tuple:
      return shown_items("(", items.size() == 1 ? ",)" : ")");
    case Kind::List:
      return shown_items("[", "]");
    case Kind::Dict:
      return "a dictionary";
    case Kind::Call:
      return concat(text, items.empty() ? "()" : "(…)");
    case Kind::Function:
      return concat("the function '", text, "'");
  }
  return {};
}

PythonText run_python(std::string_view text) {
  if (text.size() > kLargestBytes) {
    fail_at({}, concat("expected a model of at most 1 MiB of text, found ", text.size(), " bytes"));
  }
  const std::string plain = without_prompts(text);
  const std::vector<Token> tokens = tokens_of(plain);
  return PythonReader(tokens).run();
}

Syntax parse_python(std::string_view text) {
  return run_python(text).values.back();
}

}  // namespace nw::nn
