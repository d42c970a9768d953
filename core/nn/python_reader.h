#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/nn/python_names.h"
#include "core/nn/python_syntax.h"
#include "core/nn/python_tokens.h"

namespace nw::nn {

/// Runs a text while reading it: what stands in loops and functions is read again each time. For
/// one text; run_python() is the way in. Statements are in python_statements.cpp, expressions in
/// python_expressions.cpp.
class PythonReader {
 public:
  explicit PythonReader(const std::vector<Token>& tokens) : tokens_(&tokens) {}

  PythonText run();

 private:
  struct Parameter {
    std::string name;
    std::optional<Syntax> fallback;
  };
  struct Function {
    std::vector<Parameter> parameters;
    size_t body = 0;  // the token behind its ':'
    int column = 0;   // of its def; 0: a lambda
  };
  using Targets = std::vector<std::string>;

  // --- tokens ---
  const Token& peek(size_t ahead = 0) const {
    return (*tokens_)[std::min(at_ + ahead, tokens_->size() - 1)];
  }
  const Token& take();
  bool take(std::string_view symbol);
  /// Whether the statement that is read goes on with this symbol.
  bool goes_on(std::string_view symbol) const { return !peek().first && peek().is(symbol); }
  bool goes_on_with(std::string_view word) const { return !peek().first && peek().is_word(word); }
  bool at_end() const { return peek().kind == Token::Kind::End; }
  [[noreturn]] void fail(std::string_view what) const { fail_at(peek().place, what); }
  [[noreturn]] void fail_expecting(std::string_view what) const;
  /// Where an expression that begins here ends, or the first of `words` in it, outside of brackets.
  size_t end_of_expression(std::initializer_list<std::string_view> words = {}) const;
  /// Where that word stands in the expression that begins here; nothing: it does not.
  std::optional<size_t> find_in_expression(std::string_view word) const;
  std::string dotted(size_t ahead) const;

  // --- statements ---
  void statement();
  void skip_imports();
  void name_import(const std::string& from);
  void refuse_statement() const;
  bool is_passed_over() const;
  void skip_statement();
  void end_statement();
  void simple_statement();
  Targets assigned_names();
  bool assign_items();
  bool augment();
  Syntax values();
  void assign(const Targets& names, Syntax value);
  void note(const Syntax& value);
  void for_loop();
  Targets loop_targets();
  void branches();
  void define();
  void give_back();
  void block(int column);
  void skip_block(int column);
  void expect_colon(std::string_view behind);

  // --- expressions ---
  Syntax expression();
  Syntax conditional(size_t condition);
  Syntax disjunction();
  Syntax conjunction();
  Syntax inversion();
  Syntax comparison();
  std::string comparison_sign();
  Syntax sum();
  Syntax term();
  Syntax factor();
  Syntax power();
  Syntax postfix();
  Syntax atom();
  Syntax text();
  std::string formatted(const Token& token);
  Syntax lambda();
  std::vector<Parameter> parameters(std::string_view close);
  Syntax name();
  Syntax indexed(Syntax value);
  Syntax slice(const Syntax& value, std::optional<Syntax> first, Place place);
  static Syntax constant(Syntax name);
  std::optional<std::vector<Syntax>> comprehension(const std::function<Syntax()>& element);
  void clause(size_t start, const std::function<Syntax()>& element, std::vector<Syntax>& out);
  std::vector<Syntax> items(std::string_view close, Place open_place, bool& comma);
  [[noreturn]] void fail_open(std::string_view close, Place open_place) const;
  Syntax tuple();
  Syntax list();
  Syntax dictionary();
  Syntax pair();

  // --- calls ---
  size_t label_length() const;
  Syntax child();
  size_t bare_word_length() const;
  Syntax bare_word();
  Syntax argument();
  Syntax call(Syntax out);
  void arguments(Syntax& out);
  void unpack(Syntax& call);
  void unpack_names(Syntax& call);
  Syntax invoke(const Syntax& function, const Syntax& call);
  void bind(const Function& function, const Syntax& call);
  std::optional<Syntax> method(const std::string& name, Syntax& call);
  std::optional<Syntax> method_of(const Syntax& object, std::string_view method,
                                  const Syntax& call);
  void append(const Syntax& object, std::vector<Syntax> items);
  void change(const Syntax& object, const std::function<void(Syntax&)>& change);

  const std::vector<Token>* tokens_;
  size_t at_ = 0;
  int depth_ = 0;
  int64_t taken_ = 0;    // tokens, those in loops each time
  int64_t created_ = 0;  // values, by functions of Python's
  int64_t made_ = 0;
  int calls_deep_ = 0;               // functions that are running
  bool effect_ = false;              // what was read last was done for its effect
  std::optional<Syntax> returned_;   // by the function that is running
  std::vector<Function> functions_;  // a value of Kind::Function says which
  PythonNames names_;
  PythonText out_;
};

}  // namespace nw::nn
