#include "core/nn/python_values.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/nn/python_numbers.h"
#include "core/nn/value.h"

namespace nw::nn {
namespace {

using Kind = Syntax::Kind;
using Items = std::vector<Syntax>;

constexpr int64_t kMostItems = 100'000;

[[noreturn]] void fail_unknown(const Syntax& value) {
  fail_at(value.place, concat("expected a value that this text tells, found ", value.shown()));
}

double number(const Syntax& value) {
  if (value.kind == Kind::Bool) return value.boolean ? 1 : 0;
  return value.kind == Kind::Int ? static_cast<double>(value.integer) : value.real;
}

bool is_numeric(const Syntax& value) {
  return value.is_number() || value.kind == Kind::Bool;
}

Syntax real_value(double value, Place place) {
  Syntax out;
  out.kind = Kind::Real;
  out.real = value;
  out.place = place;
  return out;
}

Syntax sequence(Kind kind, Items items, Place place) {
  Syntax out;
  out.kind = kind;
  out.items = std::move(items);
  out.place = place;
  return out;
}

/// How many values one is, those in it among them.
int64_t count_of(const Syntax& value) {
  int64_t count = 1;
  for (const Syntax& item : value.items) count += count_of(item);
  return count;
}

bool is_less(const Syntax& a, const Syntax& b) {
  if (a.kind == Kind::Text && b.kind == Kind::Text) return a.text < b.text;
  for (const Syntax* value : {&a, &b}) {
    if (!is_numeric(*value)) {
      fail_at(value->place, concat("expected a number to compare, found ", value->shown()));
    }
  }
  return number(a) < number(b);
}

bool contains(const Syntax& all, const Syntax& one) {
  if (all.kind == Kind::Text && one.kind == Kind::Text) {
    return all.text.find(one.text) != std::string::npos;
  }
  const Items items = items_of(all);
  return std::any_of(items.begin(), items.end(),
                     [&](const Syntax& item) { return equal(item, one); });
}

// --- functions; each is called with the call's items, which are plain values by place ---

std::optional<Syntax> range(const Items& given, Place place) {
  const bool fits = !given.empty() && given.size() <= 3 &&
                    std::all_of(given.begin(), given.end(),
                                [](const Syntax& item) { return item.kind == Kind::Int; });
  if (!fits) return std::nullopt;
  const int64_t first = given.size() > 1 ? given[0].integer : 0;
  const int64_t end = given[given.size() > 1 ? 1 : 0].integer;
  const int64_t step = given.size() > 2 ? given[2].integer : 1;
  if (step == 0) fail_at(given[2].place, "expected a step that is not 0");
  const double count = std::ceil((static_cast<double>(end) - static_cast<double>(first)) /
                                 static_cast<double>(step));
  if (count > static_cast<double>(kMostItems)) {
    fail_at(place, concat("expected a range of at most ", kMostItems, " numbers"));
  }
  Items items;
  for (int64_t i = 0; i < static_cast<int64_t>(count); ++i) {
    items.push_back(whole(first + i * step, place));
  }
  return sequence(Kind::List, std::move(items), place);
}

std::optional<Syntax> length(const Items& given, Place place) {
  if (given.size() != 1) return std::nullopt;
  if (given[0].kind == Kind::Text) {
    return whole(static_cast<int64_t>(given[0].text.size()), place);
  }
  return whole(static_cast<int64_t>(items_of(given[0]).size()), place);
}

std::optional<Syntax> to_whole(const Items& given, Place place) {
  if (given.size() != 1) return std::nullopt;
  double value = 0;
  if (given[0].kind == Kind::Int) return whole(given[0].integer, place);
  if (is_numeric(given[0])) {
    value = std::trunc(number(given[0]));
  } else if (given[0].kind == Kind::Text) {
    Syntax call;
    call.items = given;
    call.place = place;
    value = real_of_text(call).real;
    if (value != std::trunc(value)) fail_at(place, "expected a whole number in int(…)");
  } else {
    return std::nullopt;
  }
  if (!(std::abs(value) < 0x1p63)) fail_at(place, "expected a number that a computer can hold");
  return whole(static_cast<int64_t>(value), place);
}

/// Python rounds halves to the even number.
std::optional<Syntax> rounded(const Items& given, Place place) {
  if (given.size() != 1 || !is_numeric(given[0])) return std::nullopt;
  return to_whole({real_value(std::nearbyint(number(given[0])), place)}, place);
}

std::optional<Syntax> absolute(const Items& given, Place place) {
  if (given.size() != 1 || !given[0].is_number()) return std::nullopt;
  if (given[0].kind == Kind::Real) return real_value(std::abs(given[0].real), place);
  return whole(given[0].integer < 0 ? -given[0].integer : given[0].integer, place);
}

/// The arguments, or the items of the only one.
Items all_of(const Items& given) {
  return given.size() == 1 ? items_of(given[0]) : given;
}

template <bool Greatest>
std::optional<Syntax> extreme(const Items& given, Place) {
  const Items items = all_of(given);
  if (items.empty()) return std::nullopt;
  const auto less = [](const Syntax& a, const Syntax& b) { return is_less(a, b); };
  return Greatest ? *std::max_element(items.begin(), items.end(), less)
                  : *std::min_element(items.begin(), items.end(), less);
}

/// The items one after the other, put together by `sign`.
std::optional<Syntax> folded(const Items& given, std::string_view sign, int64_t start,
                             Place place) {
  if (given.size() != 1) return std::nullopt;
  const Token token{.kind = Token::Kind::Symbol, .text = sign, .place = place};
  Syntax out = whole(start, place);
  for (const Syntax& item : items_of(given[0])) out = combined(token, out, item);
  return out;
}

std::optional<Syntax> sum(const Items& given, Place place) {
  return folded(given, "+", 0, place);
}

std::optional<Syntax> product(const Items& given, Place place) {
  return folded(given, "*", 1, place);
}

std::optional<Syntax> zip(const Items& given, Place place) {
  std::vector<Items> columns;
  size_t rows = given.empty() ? 0 : static_cast<size_t>(kMostItems);
  for (const Syntax& column : given) {
    columns.push_back(items_of(column));
    rows = std::min(rows, columns.back().size());
  }
  Items out;
  for (size_t i = 0; i < rows; ++i) {
    Items row;
    for (const Items& column : columns) row.push_back(column[i]);
    out.push_back(sequence(Kind::Tuple, std::move(row), place));
  }
  return sequence(Kind::List, std::move(out), place);
}

std::optional<Syntax> enumerate(const Items& given, Place place) {
  const bool fits = given.size() == 1 || (given.size() == 2 && given[1].kind == Kind::Int);
  if (!fits) return std::nullopt;
  int64_t index = given.size() == 2 ? given[1].integer : 0;
  Items out;
  for (Syntax& item : items_of(given[0])) {
    out.push_back(sequence(Kind::Tuple, {whole(index++, place), std::move(item)}, place));
  }
  return sequence(Kind::List, std::move(out), place);
}

std::optional<Syntax> reversed(const Items& given, Place place) {
  if (given.size() != 1) return std::nullopt;
  Items items = items_of(given[0]);
  std::reverse(items.begin(), items.end());
  return sequence(Kind::List, std::move(items), place);
}

template <Kind Made>
std::optional<Syntax> to_sequence(const Items& given, Place place) {
  if (given.size() > 1) return std::nullopt;
  return sequence(Made, given.empty() ? Items() : items_of(given[0]), place);
}

std::optional<Syntax> to_text(const Items& given, Place place) {
  if (given.size() != 1) return std::nullopt;
  return text_value(text_of(given[0]), place);
}

std::optional<Syntax> to_bool(const Items& given, Place place) {
  if (given.size() != 1) return std::nullopt;
  return truth_value(truth(given[0]), place);
}

template <double (*Function)(double), bool Whole>
std::optional<Syntax> of_real(const Items& given, Place place) {
  if (given.size() != 1 || !is_numeric(given[0])) return std::nullopt;
  const double value = Function(number(given[0]));
  return Whole ? to_whole({real_value(value, place)}, place) : real_value(value, place);
}

/// The device is chosen for a run, not by the text.
std::optional<Syntax> device(const Items& given, Place) {
  const bool fits = given.size() == 1 && given[0].kind == Kind::Text;
  return fits ? std::optional(given[0]) : std::nullopt;
}

/// torch.ones(3) as torch.tensor([1.0, 1.0, 1.0]).
std::optional<Syntax> ones(const Items& given, Place place) {
  const bool fits = given.size() == 1 && given[0].kind == Kind::Int && given[0].integer >= 0 &&
                    given[0].integer <= kMostItems;
  if (!fits) return std::nullopt;
  Syntax call;
  call.kind = Kind::Call;
  call.text = "torch.tensor";
  call.place = place;
  const Items numbers(static_cast<size_t>(given[0].integer), real_value(1, place));
  call.items.push_back(sequence(Kind::List, numbers, place));
  return call;
}

std::optional<Syntax> no_device(const Items&, Place place) {
  return truth_value(false, place);
}

struct Function {
  std::string_view name;
  std::optional<Syntax> (*run)(const Items& given, Place place);
};

constexpr Function kFunctions[] = {
    {"range", range},
    {"len", length},
    {"int", to_whole},
    {"str", to_text},
    {"bool", to_bool},
    {"round", rounded},
    {"abs", absolute},
    {"max", extreme<true>},
    {"min", extreme<false>},
    {"sum", sum},
    {"zip", zip},
    {"enumerate", enumerate},
    {"reversed", reversed},
    {"list", to_sequence<Kind::List>},
    {"tuple", to_sequence<Kind::Tuple>},
    {"math.prod", product},
    {"np.prod", product},
    {"numpy.prod", product},
    {"math.sqrt", of_real<std::sqrt, false>},
    {"math.floor", of_real<std::floor, true>},
    {"math.ceil", of_real<std::ceil, true>},
    {"torch.device", device},
    {"torch.ones", ones},
    {"torch.cuda.is_available", no_device},
    {"torch.backends.mps.is_available", no_device},
};

/// dict(kernel_size=3)
Syntax dictionary(const Syntax& call) {
  Syntax out = sequence(Kind::Dict, {}, call.place);
  for (const Syntax& item : call.items) {
    if (item.label == Syntax::Label::Keyword) {
      Syntax value = item;
      value.label = Syntax::Label::None;
      out.items.push_back(
          sequence(Kind::Tuple, {text_value(item.key, item.key_place), value}, item.key_place));
    } else if (item.kind == Kind::Dict) {
      out.items.insert(out.items.end(), item.items.begin(), item.items.end());
    } else {
      for (const Syntax& pair : items_of(item)) {
        if (!is_sequence(pair) || pair.items.size() != 2) {
          fail_at(pair.place, concat("expected a key and a value, found ", pair.shown()));
        }
        out.items.push_back(pair);
      }
    }
  }
  return out;
}

}  // namespace

bool is_sequence(const Syntax& value) {
  return value.kind == Kind::Tuple || value.kind == Kind::List;
}

Syntax whole(int64_t value, Place place) {
  Syntax out;
  out.kind = Kind::Int;
  out.integer = value;
  out.place = place;
  return out;
}

Syntax truth_value(bool value, Place place) {
  Syntax out;
  out.kind = Kind::Bool;
  out.boolean = value;
  out.place = place;
  return out;
}

Syntax text_value(std::string text, Place place) {
  Syntax out;
  out.kind = Kind::Text;
  out.text = std::move(text);
  out.place = place;
  return out;
}

bool truth(const Syntax& value) {
  switch (value.kind) {
    case Kind::None:
      return false;
    case Kind::Bool:
    case Kind::Int:
    case Kind::Real:
      return number(value) != 0;
    case Kind::Text:
      return !value.text.empty();
    case Kind::Tuple:
    case Kind::List:
    case Kind::Dict:
      return !value.items.empty();
    case Kind::Name:
    case Kind::Call:
    case Kind::Function:
      break;
  }
  fail_unknown(value);
}

bool equal(const Syntax& a, const Syntax& b) {
  if (is_numeric(a) && is_numeric(b)) return number(a) == number(b);
  for (const Syntax* value : {&a, &b}) {
    if (value->kind == Kind::Name || value->kind == Kind::Call) fail_unknown(*value);
  }
  if (a.kind != b.kind) return false;
  if (a.kind == Kind::Text) return a.text == b.text;
  return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), equal);
}

bool compared(std::string_view sign, const Syntax& a, const Syntax& b) {
  if (sign == "in") return contains(b, a);
  if (sign == "==") return equal(a, b);
  if (sign == "!=") return !equal(a, b);
  if (sign == "<") return is_less(a, b);
  if (sign == ">") return is_less(b, a);
  return sign == "<=" ? !is_less(b, a) : !is_less(a, b);
}

std::vector<Syntax> items_of(const Syntax& value) {
  if (is_sequence(value)) return value.items;
  Items out;
  if (value.kind == Kind::Dict) {
    for (const Syntax& pair : value.items) out.push_back(pair.items[0]);
    return out;
  }
  if (value.kind == Kind::Text) {
    for (const char letter : value.text) out.push_back(text_value({letter}, value.place));
    return out;
  }
  const std::string_view name = std::string_view(value.text).substr(value.text.rfind('.') + 1);
  const bool plain = std::all_of(value.items.begin(), value.items.end(), [](const Syntax& item) {
    return item.label == Syntax::Label::None;
  });
  if (value.kind == Kind::Call && plain) {
    if (name == "Sequential") return value.items;
    if (name == "ModuleList" && value.items.empty()) return {};
    if (name == "ModuleList" && value.items.size() == 1) return items_of(value.items[0]);
  }
  fail_at(value.place, concat("expected a list, found ", value.shown()));
}

std::optional<Syntax> joined(const Syntax& a, const Syntax& b) {
  if (a.kind != b.kind) return std::nullopt;
  if (a.kind == Kind::Text) {
    if (a.text.size() + b.text.size() > kMostItems) {
      fail_at(b.place, concat("expected a text of at most ", kMostItems, " bytes"));
    }
    return text_value(a.text + b.text, a.place);
  }
  if (!is_sequence(a)) return std::nullopt;
  Items items = a.items;
  items.insert(items.end(), b.items.begin(), b.items.end());
  return sequence(a.kind, std::move(items), a.place);
}

std::optional<Syntax> repeated(const Syntax& a, const Syntax& b) {
  if (a.kind == Kind::Int && (is_sequence(b) || b.kind == Kind::Text)) return repeated(b, a);
  if (b.kind != Kind::Int || !(is_sequence(a) || a.kind == Kind::Text)) return std::nullopt;
  const int64_t size = a.kind == Kind::Text ? static_cast<int64_t>(a.text.size()) : count_of(a) - 1;
  const int64_t times = std::max<int64_t>(b.integer, 0);
  if (size > 0 && times > kMostItems / size) {
    fail_at(b.place, concat("expected at most ", kMostItems, " items"));
  }
  Syntax out = a;
  out.made = 0;
  out.items.clear();
  out.text.clear();
  for (int64_t i = 0; i < (size > 0 ? times : 0); ++i) {
    out.text += a.text;
    out.items.insert(out.items.end(), a.items.begin(), a.items.end());
  }
  return out;
}

std::string text_of(const Syntax& value) {
  if (value.kind == Kind::Text) return value.text;
  const bool plain = is_numeric(value) || value.kind == Kind::None;
  if (!plain) fail_at(value.place, concat("expected a text or a number, found ", value.shown()));
  return value.shown();
}

std::optional<Syntax> builtin(const Syntax& call) {
  if (call.text == "dict") return dictionary(call);
  for (const Function& function : kFunctions) {
    if (function.name != call.text) continue;
    const bool plain = std::all_of(call.items.begin(), call.items.end(), [](const Syntax& item) {
      return item.label == Syntax::Label::None;
    });
    return plain ? function.run(call.items, call.place) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace nw::nn
