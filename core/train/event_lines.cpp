#include "core/train/event_lines.h"

#include <array>
#include <cmath>
#include <concepts>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/error.h"

namespace nw::train {
namespace {

using Json = nlohmann::ordered_json;

/// T, const or not.
template <typename T, typename Wanted>
concept Is = std::is_same_v<std::remove_const_t<T>, Wanted>;

// The members of each event, once: `io` is a Writer or a Reader.

void members(auto& io, Is<Started> auto& event) {
  io("epochs", event.epochs);
  io("batches", event.batches);
  io("train_samples", event.train_samples);
  io("validation_samples", event.validation_samples);
  io("test_samples", event.test_samples);
  io("classifies", event.classifies);
  io("averages", event.averages);
  io("schedules", event.schedules);
}

void members(auto& io, Is<dist::StepTimes> auto& times) {
  io("compute", times.compute);
  io("wait", times.wait);
  io("reduce", times.reduce);
  io("bytes", times.bytes);
}

void members(auto& io, Is<StepDone> auto& event) {
  io("step", event.step);
  io("epoch", event.epoch);
  io("batch", event.batch);
  io("loss", event.loss);
  io("accuracy", event.accuracy);
  io("samples_per_second", event.samples_per_second);
  io("seconds_left", event.seconds_left);
  io("learning_rate", event.learning_rate);
  io("ranks", event.ranks);
}

void members(auto& io, Is<EpochDone> auto& event) {
  io("epoch", event.epoch);
  io("step", event.step);
  io("train_loss", event.train_loss);
  io("train_accuracy", event.train_accuracy);
  io("validation_loss", event.validation_loss);
  io("validation_accuracy", event.validation_accuracy);
  io("seconds", event.seconds);
  io("note", event.note);
}

void members(auto& io, Is<Paused> auto& event) {
  io("step", event.step);
}

void members(auto& io, Is<Resumed> auto& event) {
  io("step", event.step);
}

void members(auto& io, Is<Finished> auto& event) {
  io("outcome", event.outcome);
  io("text", event.text);
  io("step", event.step);
  io("seconds", event.seconds);
  io("test_loss", event.test_loss);
  io("test_accuracy", event.test_accuracy);
}

void members(auto& io, Is<RankPlace> auto& place) {
  io("rank", place.rank);
  io("host", place.host);
  io("device", place.device);
}

void members(auto& io, Is<Joined> auto& event) {
  io("backend", event.backend);
  io("ranks", event.ranks);
}

void members(auto& io, Is<RankLost> auto& event) {
  io("rank", event.fault.rank);
  io("host", event.fault.host);
  io("device", event.fault.device);
  io("cause", event.fault.cause);
}

void members(auto& io, Is<Restarting> auto& event) {
  io("attempt", event.attempt);
}

/// By the number of the alternative in RunEvent.
constexpr std::array kNames{"started",  "step",   "epoch",     "paused",    "resumed",
                            "finished", "joined", "rank_lost", "restarting"};
static_assert(kNames.size() == std::variant_size_v<RunEvent>);

constexpr std::array kOutcomes{"completed", "stopped", "diverged", "failed"};
constexpr std::array kCommands{"pause", "resume", "stop", "step"};
constexpr std::array<std::pair<const char*, double>, 3> kNoNumbers{
    {{"nan", NAN}, {"inf", INFINITY}, {"-inf", -INFINITY}}};

class Writer {
 public:
  explicit Writer(Json& out) : out_(out) {}

  template <typename T>
  void operator()(const char* name, const T& value) {
    out_[name] = written(value);
  }
  template <typename T>
  void operator()(const char* name, const std::optional<T>& value) {
    if (value) out_[name] = written(*value);
  }

 private:
  template <typename T>
  static Json written(const T& value) {
    if constexpr (std::is_class_v<T> && !std::is_same_v<T, std::string>) {
      Json out = Json::object();
      Writer writer(out);
      members(writer, value);
      return out;
    } else {
      return value;
    }
  }
  template <typename T>
  static Json written(const std::vector<T>& values) {
    Json out = Json::array();
    for (const T& value : values) out.push_back(written(value));
    return out;
  }
  static Json written(double value) {
    if (std::isfinite(value)) return value;
    return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  }
  static Json written(Outcome outcome) { return kOutcomes[static_cast<size_t>(outcome)]; }

  Json& out_;
};

class Reader {
 public:
  explicit Reader(const Json& in) : in_(in) {
    NW_CHECK(in.is_object(), "[event] expects an object, gets ", in.type_name());
  }

  template <typename T>
  void operator()(const char* name, T& value) {
    const auto found = in_.find(name);
    NW_CHECK(found != in_.end(), "[event] has no \"", name, "\"");
    ++known_;
    read(*found, name, value);
  }
  template <typename T>
  void operator()(const char* name, std::optional<T>& value) {
    if (in_.contains(name)) (*this)(name, value.emplace());
  }
  /// Throws Error when there was more than what was asked for.
  void finish(size_t others = 0) const {
    NW_CHECK(in_.size() == known_ + others, "[event] has ", in_.size() - others,
             " members, expects ", known_);
  }

 private:
  static void check(bool fits, const char* name, const Json& value) {
    NW_CHECK(fits, "[event] \"", name, "\" does not take ", value.dump().substr(0, 60));
  }
  template <typename T>
  static void read(const Json& value, const char* name, T& out) {
    if constexpr (std::is_same_v<T, bool>) {
      check(value.is_boolean(), name, value);
      out = value.get<bool>();
    } else if constexpr (std::is_integral_v<T>) {
      check(value.is_number_unsigned()  ? std::in_range<T>(value.get<uint64_t>())
            : value.is_number_integer() ? std::in_range<T>(value.get<int64_t>())
                                        : false,
            name, value);
      out = value.get<T>();
    } else if constexpr (std::is_same_v<T, std::string>) {
      check(value.is_string(), name, value);
      out = value.get<std::string>();
    } else {
      Reader reader(value);
      members(reader, out);
      reader.finish();
    }
  }
  template <typename T>
  static void read(const Json& value, const char* name, std::vector<T>& out) {
    check(value.is_array(), name, value);
    for (const Json& one : value) read(one, name, out.emplace_back());
  }
  static void read(const Json& value, const char* name, double& out) {
    for (const auto& [word, number] : kNoNumbers) {
      if (value == word) {
        out = number;
        return;
      }
    }
    check(value.is_number(), name, value);
    out = value.get<double>();
  }
  static void read(const Json& value, const char* name, Outcome& out) {
    for (size_t i = 0; i < kOutcomes.size(); ++i) {
      if (value == kOutcomes[i]) {
        out = static_cast<Outcome>(i);
        return;
      }
    }
    check(false, name, value);
  }

  const Json& in_;
  size_t known_ = 0;
};

/// Reads the alternative with that number.
template <size_t I = 0>
RunEvent read_event(size_t number, const Json& in) {
  if constexpr (I < std::variant_size_v<RunEvent>) {
    if (number != I) return read_event<I + 1>(number, in);
    std::variant_alternative_t<I, RunEvent> event;
    Reader reader(in);
    members(reader, event);
    reader.finish(1);
    return event;
  } else {
    throw Error("[event] expects the name of an event");
  }
}

size_t number_of(const Json& in) {
  NW_CHECK(in.is_object() && in.contains("event"), "[event] expects an object with \"event\"");
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (in["event"] == kNames[i]) return i;
  }
  throw Error(concat("[event] knows no event ", in["event"].dump()));
}

}  // namespace

std::string to_line(const RunEvent& event) {
  Json out{{"event", kNames[event.index()]}};
  Writer writer(out);
  std::visit([&](const auto& one) { members(writer, one); }, event);
  // What a failure tells may hold bytes of any file.
  return out.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

RunEvent event_from_line(std::string_view line) {
  const Json in = Json::parse(line, nullptr, false);
  NW_CHECK(!in.is_discarded(), "[event] expects a line of JSON, gets \"", line.substr(0, 60), "\"");
  return read_event(number_of(in), in);
}

std::string to_line(Command command) {
  return concat(kCommands[static_cast<size_t>(command)], "\n");
}

Command command_from_line(std::string_view line) {
  for (size_t i = 0; i < kCommands.size(); ++i) {
    if (line == kCommands[i]) return static_cast<Command>(i);
  }
  throw Error(
      concat("[command] expects pause, resume, stop or step, gets \"", line.substr(0, 60), "\""));
}

}  // namespace nw::train
