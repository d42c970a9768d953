#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/tensor/dtype.h"

/// What a pickle of a state_dict may hold. Python's pickles are programs; these types are all that
/// we let such a program make, and none of them does anything.
namespace nw::io::pickle {

struct Value;

struct None {};
struct Bytes {
  std::string bytes;
};
/// An integer beyond 64 bits, low byte first.
struct Long {
  std::string bytes;
};
/// A name in a Python module: "collections.OrderedDict".
struct Global {
  std::string name;
};
/// Something harmless that means nothing outside Python: "a complex number", for messages.
struct Other {
  std::string_view kind;
};
struct Tuple {
  std::vector<Value*> items;
};
struct List {
  std::vector<Value*> items;
};
struct Dict {
  std::vector<std::pair<Value*, Value*>> items;
  const Value* attributes = nullptr;  // a Dict: the object's own __dict__
};
/// The memory of tensors; its numbers lie elsewhere in the file, under `key`.
struct Storage {
  const Value* key;  // a string
  int64_t numel;
  DType dtype;
};
/// A view of a Storage, not checked yet.
struct TensorView {
  const Value* storage;
  int64_t offset;
  const Value* sizes;    // a Tuple of integers
  const Value* strides;  // another
};

struct Value {
  std::variant<None, bool, int64_t, double, std::string, Bytes, Long, Global, Tuple, List, Dict,
               Storage, TensorView, Other>
      data;

  template <typename T>
  const T* as() const {
    return std::get_if<T>(&data);
  }
  template <typename T>
  T* as() {
    return std::get_if<T>(&data);
  }
};

/// "a dict", "an integer", "a tensor", for messages.
std::string_view kind_of(const Value& value);

/// Owns all values of one pickle, which point to each other freely.
class Arena {
 public:
  template <typename T>
  Value* make(T data) {
    return &values_.emplace_back(Value{std::move(data)});
  }
  size_t size() const { return values_.size(); }

 private:
  std::deque<Value> values_;
};

/// Decides what the names in a pickle stand for.
class Types {
 public:
  virtual ~Types() = default;
  /// Whether a pickle may mention this name at all.
  virtual bool allows(std::string_view global) const = 0;
  /// The result of calling it; throws Error when it cannot be called so.
  virtual Value* call(const Global& global, const Tuple& arguments, Arena& arena) const = 0;
  /// The object that a persistent id stands for.
  virtual Value* persistent(const Value& id, Arena& arena) const = 0;
};

/// Runs the pickle at the start of `bytes`, protocols 2 to 5, and returns what it made; `end` gets
/// the number of bytes that it took. Throws Error (its text starts with `[place]`) for anything
/// that is not allowed or not whole. Depth of nesting costs no stack.
Value* read(std::string_view bytes, const Types& types, std::string_view place, Arena& arena,
            size_t& end);

/// Writes a pickle of protocol 2, opcode by opcode.
class Writer {
 public:
  Writer();

  void global(std::string_view module, std::string_view name);
  void text(std::string_view text);
  void integer(int64_t value);
  void real(double value);
  void boolean(bool value);
  void none();
  void mark();
  /// Of what came since the mark.
  void tuple();
  void tuple(const std::vector<int64_t>& integers);
  void empty_tuple();
  void empty_list();
  /// Puts what came since the mark at the end of the list under it.
  void append_items();
  void empty_dict();
  /// Calls what lies under the topmost tuple with it.
  void reduce();
  /// Puts the pairs since the mark into the dict under it.
  void set_items();
  /// Gives the object under the topmost dict its attributes.
  void build();
  void persistent_id();
  void empty_ordered_dict();
  /// Ends the pickle and returns it.
  std::string finish();

 private:
  std::string out_;
};

}  // namespace nw::io::pickle
