#include <cstring>

#include "tests/simulator/libraries/nccl_numbers.h"
#include "tests/simulator/libraries/nccl_state.h"

// What is done in a stream for a collective or a message.
namespace nw::simulated::comm {
namespace {

/// What all ranks must agree on, before the numbers of each.
struct Header {
  int64_t kind, count, type, operation, root;
  friend bool operator==(const Header&, const Header&) = default;
};

/// One run of a collective. Copied fresh for each launch of a graph that it stands in.
class Run {
 public:
  Run(std::shared_ptr<State> state, const Collective& collective)
      : state_(std::move(state)), call_(collective) {}

  /// True: done, or given up.
  bool operator()() {
    if (state_->aborted) return give_up();
    if (state_->destroyed) misuse("nccl: work of a communicator that was destroyed is done");
    if (!begun_) {
      if (state_->busy) return false;  // behind another stream's
      begin();
    }
    while (found_ < state_->size && state_->mail.is_there(name(number_, found_))) ++found_;
    if (found_ < state_->size) return false;
    finish();
    state_->busy = false;
    if (number_ > 0) state_->mail.remove(name(number_ - 1, state_->rank));
    return true;
  }

 private:
  static std::string name(uint64_t number, int rank) {
    return "all." + std::to_string(number) + "." + std::to_string(rank);
  }
  Header header() const {
    return {static_cast<int64_t>(call_.kind), static_cast<int64_t>(call_.count), call_.type,
            call_.operation, call_.root};
  }
  size_t bytes() const { return call_.count * bytes_of(call_.type); }
  size_t bytes_given() const {
    if (call_.kind == Kind::Broadcast) return state_->rank == call_.root ? bytes() : 0;
    return call_.kind == Kind::ReduceScatter ? bytes() * static_cast<size_t>(state_->size)
                                             : bytes();
  }

  bool give_up() {
    if (begun_) state_->busy = false;
    return true;
  }

  void begin() {
    begun_ = true;
    state_->busy = true;
    number_ = state_->next++;
    const Header what = header();
    std::vector<char> message(sizeof(what) + bytes_given());
    std::memcpy(message.data(), &what, sizeof(what));
    if (bytes_given() > 0) std::memcpy(message.data() + sizeof(what), call_.from, bytes_given());
    state_->mail.put(name(number_, state_->rank), message);
  }

  void finish() {
    std::vector<std::vector<char>> messages;
    std::vector<const char*> numbers;
    for (int rank = 0; rank < state_->size; ++rank) {
      messages.push_back(state_->mail.take(name(number_, rank)));
      Header theirs{};
      if (messages.back().size() >= sizeof(theirs)) {
        std::memcpy(&theirs, messages.back().data(), sizeof(theirs));
      }
      if (theirs != header()) {
        misuse("nccl: the ranks " + std::to_string(state_->rank) + " and " + std::to_string(rank) +
               " call different collectives, or with different sizes");
      }
      numbers.push_back(messages.back().data() + sizeof(theirs));
    }
    put_result(numbers);
  }

  void put_result(std::vector<const char*> numbers) const {
    auto* to = static_cast<char*>(call_.to);
    switch (call_.kind) {
      case Kind::AllReduce:
        std::memcpy(to, reduced(call_.type, call_.operation, numbers, call_.count).data(), bytes());
        break;
      case Kind::Broadcast:
        std::memcpy(to, numbers[static_cast<size_t>(call_.root)], bytes());
        break;
      case Kind::AllGather:
        for (const char* from : numbers) {
          std::memcpy(to, from, bytes());
          to += bytes();
        }
        break;
      case Kind::ReduceScatter:
        for (const char*& from : numbers) from += bytes() * static_cast<size_t>(state_->rank);
        std::memcpy(to, reduced(call_.type, call_.operation, numbers, call_.count).data(), bytes());
        break;
    }
  }

  std::shared_ptr<State> state_;
  Collective call_;
  bool begun_ = false;
  uint64_t number_ = 0;
  int found_ = 0;  // ranks whose message is there
};

std::string pair_of(int from, int to) {
  return "from." + std::to_string(from) + ".to." + std::to_string(to) + ".";
}

/// Done when the other rank has taken it.
class Send {
 public:
  Send(std::shared_ptr<State> state, const void* from, size_t bytes, int to)
      : state_(std::move(state)), from_(from), bytes_(bytes), to_(to) {}

  bool operator()() {
    if (state_->aborted) return true;
    if (name_.empty()) {
      const std::string pair = pair_of(state_->rank, to_);
      name_ = pair + std::to_string(state_->next_of_pair[pair]++);
      const auto* begin = static_cast<const char*>(from_);
      state_->mail.put(name_, std::vector<char>(begin, begin + bytes_));
    }
    return !state_->mail.is_there(name_);
  }

 private:
  std::shared_ptr<State> state_;
  const void* from_;
  size_t bytes_;
  int to_;
  std::string name_;
};

class Receive {
 public:
  Receive(std::shared_ptr<State> state, void* to, size_t bytes, int from)
      : state_(std::move(state)), to_(to), bytes_(bytes), from_(from) {}

  bool operator()() {
    if (state_->aborted) return true;
    if (name_.empty()) {
      const std::string pair = pair_of(from_, state_->rank);
      name_ = pair + std::to_string(state_->next_of_pair[pair]++);
    }
    if (!state_->mail.is_there(name_)) return false;
    const std::vector<char> message = state_->mail.take(name_);
    if (message.size() != bytes_) {
      misuse("nccl: rank " + std::to_string(from_) + " sends " + std::to_string(message.size()) +
             " bytes and rank " + std::to_string(state_->rank) + " expects " +
             std::to_string(bytes_));
    }
    std::memcpy(to_, message.data(), bytes_);
    state_->mail.remove(name_);
    return true;
  }

 private:
  std::shared_ptr<State> state_;
  void* to_;
  size_t bytes_;
  int from_;
  std::string name_;
};

template <typename Work>
void queue_work(const std::shared_ptr<State>& state, Work work, cudaStream_t stream) {
  if (is_capturing(stream)) {
    enqueue_until(stream, std::move(work));
    return;
  }
  ++state->under_way;
  enqueue_until(stream, [state, work = std::move(work)]() mutable {
    if (!work()) return false;
    --state->under_way;
    return true;
  });
}

}  // namespace

void queue(const std::shared_ptr<State>& state, const Collective& collective, cudaStream_t stream) {
  queue_work(state, Run(state, collective), stream);
}

void queue_send(const std::shared_ptr<State>& state, const void* from, size_t bytes, int to,
                cudaStream_t stream) {
  queue_work(state, Send(state, from, bytes, to), stream);
}

void queue_receive(const std::shared_ptr<State>& state, void* to, size_t bytes, int from,
                   cudaStream_t stream) {
  queue_work(state, Receive(state, to, bytes, from), stream);
}

}  // namespace nw::simulated::comm
