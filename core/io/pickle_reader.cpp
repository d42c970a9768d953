#include <bit>
#include <unordered_map>

#include "core/base/error.h"
#include "core/io/little_endian.h"
#include "core/io/pickle.h"
#include "core/io/pickle_opcodes.h"

namespace nw::io::pickle {
namespace {

/// One byte of a pickle can make an object of 50; a state_dict has some 20 for each tensor.
constexpr size_t kMostObjects = 4'000'000;

/// The stack machine that a pickle is a program for.
class Machine {
 public:
  Machine(std::string_view bytes, const Types& types, std::string_view place, Arena& arena)
      : bytes_(bytes), types_(types), place_(place), arena_(arena) {}

  Value* run();
  size_t position() const { return position_; }

 private:
  // Each group returns false when the opcode is not one of its own.
  bool constant(Op op);
  bool container(Op op);
  bool item(Op op);
  bool memo(Op op);
  bool object(Op op);
  void skip_head(Op op);

  std::string_view take(uint64_t count) {
    if (count > bytes_.size() - position_) {
      broken(concat("needs ", count, " bytes more than there are"));
    }
    const std::string_view taken = bytes_.substr(position_, count);
    position_ += count;
    return taken;
  }
  template <typename T>
  T number() {
    return load_le<T>(take(sizeof(T)).data());
  }
  template <typename Size>
  std::string_view counted() {
    return take(number<Size>());
  }
  std::string_view line();

  void push(Value* value) { stack_.push_back(value); }
  template <typename T>
  void push_new(T data) {
    push(arena_.make(std::move(data)));
  }
  Value* pop();
  Value* top();
  /// The arena keeps what was popped.
  template <typename T>
  const T& pop_as(std::string_view expected);
  std::vector<Value*> pop_to_mark();
  std::vector<Value*> pop_some(size_t count);

  void set_items(const std::vector<Value*>& pairs);
  void append(const std::vector<Value*>& items);
  void find_global(std::string name);
  void reduce();
  void build();
  void integer_of_any_size(std::string_view digits);
  void memoize(uint32_t key) { memo_[key] = top(); }
  void recall(uint32_t key);

  [[noreturn]] void broken(std::string_view what) const {
    throw Error(concat("[", place_, "] is damaged: its pickle ", what, " at byte ", position_,
                       ". Copy, download or export it again"));
  }

  std::string_view bytes_;
  const Types& types_;
  std::string_view place_;
  Arena& arena_;
  size_t position_ = 0;
  std::vector<Value*> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, Value*> memo_;
};

Value* Machine::run() {
  while (true) {
    if (arena_.size() > kMostObjects) broken("has more objects than any state_dict");
    const auto op = static_cast<Op>(number<uint8_t>());
    if (op == Op::Stop) return pop();
    if (op == Op::Proto || op == Op::Frame) {
      skip_head(op);
      continue;
    }
    if (constant(op) || container(op) || item(op) || memo(op) || object(op)) continue;
    broken(concat("has opcode ", static_cast<int>(op), ", which a state_dict does not need,"));
  }
}

void Machine::skip_head(Op op) {
  if (op == Op::Frame) {
    number<uint64_t>();  // only tells readers how much to fetch at once
    return;
  }
  const int protocol = number<uint8_t>();
  if (protocol < 2 || protocol > 5) broken(concat("has protocol ", protocol, ", expects 2 … 5,"));
}

bool Machine::constant(Op op) {
  switch (op) {
    case Op::None:
      push_new(None{});
      return true;
    case Op::NewTrue:
    case Op::NewFalse:
      push_new(op == Op::NewTrue);
      return true;
    case Op::BinInt1:
      push_new(int64_t{number<uint8_t>()});
      return true;
    case Op::BinInt2:
      push_new(int64_t{number<uint16_t>()});
      return true;
    case Op::BinInt:
      push_new(int64_t{number<int32_t>()});
      return true;
    case Op::Long1:
      integer_of_any_size(counted<uint8_t>());
      return true;
    case Op::BinFloat:  // the only number with its high byte first
      push_new(std::bit_cast<double>(__builtin_bswap64(number<uint64_t>())));
      return true;
    case Op::BinUnicode:
    case Op::BinString:
      push_new(std::string(counted<uint32_t>()));
      return true;
    case Op::ShortBinUnicode:
    case Op::ShortBinString:
      push_new(std::string(counted<uint8_t>()));
      return true;
    case Op::BinUnicode8:
      push_new(std::string(counted<uint64_t>()));
      return true;
    case Op::BinBytes:
      push_new(Bytes{std::string(counted<uint32_t>())});
      return true;
    case Op::ShortBinBytes:
      push_new(Bytes{std::string(counted<uint8_t>())});
      return true;
    case Op::BinBytes8:
    case Op::ByteArray8:
      push_new(Bytes{std::string(counted<uint64_t>())});
      return true;
    default:
      return false;
  }
}

bool Machine::container(Op op) {
  switch (op) {
    case Op::Mark:
      marks_.push_back(stack_.size());
      return true;
    case Op::EmptyTuple:
      push_new(Tuple{});
      return true;
    case Op::EmptyList:
    case Op::EmptySet:  // its order and doubles do not matter here
      push_new(List{});
      return true;
    case Op::EmptyDict:
      push_new(Dict{});
      return true;
    case Op::Tuple:
      push_new(Tuple{pop_to_mark()});
      return true;
    case Op::Tuple1:
      push_new(Tuple{pop_some(1)});
      return true;
    case Op::Tuple2:
      push_new(Tuple{pop_some(2)});
      return true;
    case Op::Tuple3:
      push_new(Tuple{pop_some(3)});
      return true;
    case Op::List:
    case Op::FrozenSet:
      push_new(List{pop_to_mark()});
      return true;
    case Op::Dict: {
      const auto pairs = pop_to_mark();
      push_new(Dict{});
      set_items(pairs);
      return true;
    }
    default:
      return false;
  }
}

bool Machine::item(Op op) {
  switch (op) {
    case Op::Append:
      append(pop_some(1));
      return true;
    case Op::Appends:
    case Op::AddItems:
      append(pop_to_mark());
      return true;
    case Op::SetItem:
      set_items(pop_some(2));
      return true;
    case Op::SetItems:
      set_items(pop_to_mark());
      return true;
    case Op::Pop:
      // Python drops a mark that is on top.
      if (!marks_.empty() && marks_.back() == stack_.size()) {
        marks_.pop_back();
      } else {
        pop();
      }
      return true;
    case Op::PopMark:
      pop_to_mark();
      return true;
    default:
      return false;
  }
}

bool Machine::memo(Op op) {
  switch (op) {
    case Op::BinPut:
      memoize(number<uint8_t>());
      return true;
    case Op::LongBinPut:
      memoize(number<uint32_t>());
      return true;
    case Op::Memoize:
      memoize(static_cast<uint32_t>(memo_.size()));
      return true;
    case Op::BinGet:
      recall(number<uint8_t>());
      return true;
    case Op::LongBinGet:
      recall(number<uint32_t>());
      return true;
    default:
      return false;
  }
}

bool Machine::object(Op op) {
  switch (op) {
    case Op::Global: {
      const std::string module(line());
      find_global(module + "." + std::string(line()));
      return true;
    }
    case Op::StackGlobal: {
      const auto& name = pop_as<std::string>("a name");
      const auto& module = pop_as<std::string>("the name of a module");
      find_global(module + "." + name);
      return true;
    }
    case Op::Reduce:
    case Op::NewObj:
      reduce();
      return true;
    case Op::Build:
      build();
      return true;
    case Op::BinPersId:
      push(types_.persistent(*pop(), arena_));
      return true;
    default:
      return false;
  }
}

std::string_view Machine::line() {
  const size_t end = bytes_.find('\n', position_);
  if (end == std::string_view::npos) broken("ends within a name");
  const std::string_view text = take(end - position_);
  ++position_;
  return text;
}

Value* Machine::pop() {
  Value* value = top();
  stack_.pop_back();
  return value;
}

Value* Machine::top() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) broken("takes from an empty stack");
  return stack_.back();
}

template <typename T>
const T& Machine::pop_as(std::string_view expected) {
  const Value* value = pop();
  const T* data = value->as<T>();
  if (data == nullptr) broken(concat("has ", kind_of(*value), " where it expects ", expected, ","));
  return *data;
}

std::vector<Value*> Machine::pop_to_mark() {
  if (marks_.empty()) broken("lacks a mark");
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<Value*> items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return items;
}

std::vector<Value*> Machine::pop_some(size_t count) {
  std::vector<Value*> items(count);
  for (size_t i = count; i-- > 0;) items[i] = pop();
  return items;
}

void Machine::set_items(const std::vector<Value*>& pairs) {
  Dict* dict = top()->as<Dict>();
  if (dict == nullptr || pairs.size() % 2 != 0) broken("sets items of what is not a dict");
  for (size_t i = 0; i < pairs.size(); i += 2) dict->items.emplace_back(pairs[i], pairs[i + 1]);
}

void Machine::append(const std::vector<Value*>& items) {
  List* list = top()->as<List>();
  if (list == nullptr) broken("appends to what is not a list");
  list->items.insert(list->items.end(), items.begin(), items.end());
}

void Machine::find_global(std::string name) {
  NW_CHECK(types_.allows(name), "[", place_, "] holds '", name,
           "', which is not on the list of safe types. Save the state_dict, not the whole model: "
           "torch.save(model.state_dict(), file)");
  push_new(Global{std::move(name)});
}

void Machine::reduce() {
  const auto& arguments = pop_as<Tuple>("the arguments of a call");
  const auto& global = pop_as<Global>("what to call");
  push(types_.call(global, arguments, arena_));
}

void Machine::build() {
  const Value* state = pop();
  Dict* object = top()->as<Dict>();
  if (object == nullptr || state->as<Dict>() == nullptr) {
    broken("gives attributes to what is not a dict");
  }
  object->attributes = state;
}

void Machine::integer_of_any_size(std::string_view digits) {
  if (digits.size() > sizeof(int64_t)) return push_new(Long{std::string(digits)});
  uint64_t value = !digits.empty() && (digits.back() & 0x80) != 0 ? ~uint64_t{0} : 0;
  for (size_t i = digits.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(digits[i]);
  push_new(static_cast<int64_t>(value));
}

void Machine::recall(uint32_t key) {
  const auto it = memo_.find(key);
  if (it == memo_.end()) broken("recalls what it never noted");
  push(it->second);
}

}  // namespace

std::string_view kind_of(const Value& value) {
  constexpr std::string_view kNames[] = {
      "None",    "a bool",  "an integer", "a number", "a string",  "bytes",   "an integer",
      "a class", "a tuple", "a list",     "a dict",   "a storage", "a tensor"};
  static_assert(std::size(kNames) + 1 == std::variant_size_v<decltype(Value::data)>);
  if (const Other* other = value.as<Other>()) return other->kind;
  return kNames[value.data.index()];
}

Value* read(std::string_view bytes, const Types& types, std::string_view place, Arena& arena,
            size_t& end) {
  Machine machine(bytes, types, place, arena);
  Value* value = machine.run();
  end = machine.position();
  return value;
}

}  // namespace nw::io::pickle
