#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace nw {

/// The 32-bit Mersenne Twister with PyTorch's ways of drawing from it: the same seed gives the same
/// bits as PyTorch's CPU generator (1.13, x86). GPUs count on from the same seed on their own
/// (philox). Not thread-safe; one generator belongs to one
/// thread. Source: Matsumoto & Nishimura 1998;
/// https://pytorch.org/docs/stable/generated/torch.Generator.html
class Generator {
 public:
  static constexpr uint64_t kDefaultSeed = 67280421310721u;  // torch's default_rng_seed_val

  explicit Generator(uint64_t seed = kDefaultSeed) { manual_seed(seed); }

  /// Only the low 32 bits of the seed count, as in PyTorch.
  void manual_seed(uint64_t seed);
  uint64_t initial_seed() const { return seed_; }

  uint32_t random32();
  /// Two 32-bit draws, the first one high.
  uint64_t random64();
  /// [0, 1) with 24 bits.
  float uniform_float();
  /// [0, 1) with 53 bits.
  double uniform_double();
  /// One draw of N(0, 1) by Box–Muller in double; every second value comes from a cache.
  double normal_double();

  /// A uniformly drawn permutation of 0 … n−1, as torch.randperm.
  std::vector<int64_t> randperm(int64_t n);
  /// The same into memory that is there already, whose size is n.
  void randperm(std::span<int64_t> order);
  /// [0, 2⁶³): `torch.empty((), dtype=torch.int64).random_()`; the seeds a DataLoader draws.
  int64_t random_int63();

  /// Where a GPU draws `numbers` 32-bit numbers for each of its threads: Philox4x32-10 counts on
  /// from the seed, in steps of 4, as torch.cuda's generator does.
  struct Philox {
    uint64_t seed = 0;
    uint64_t offset = 0;
    /// In the device's memory; null: nothing. Of the two numbers that stand there, the first is
    /// added to the offset, and the second is the seed.
    const uint64_t* base = nullptr;
    friend bool operator==(const Philox&, const Philox&) = default;
  };
  Philox philox(uint64_t numbers);
  /// How far the GPU has come; not part of state().
  uint64_t philox_offset() const { return philox_offset_; }
  /// Throws Error for one that is no multiple of 4.
  void set_philox_offset(uint64_t offset);
  /// For work that is recorded: from now on philox() counts from 0 beside what will stand at
  /// `base` in the device's memory, until end_philox_base(), which tells how far it came.
  void begin_philox_base(const uint64_t* base);
  uint64_t end_philox_base();

  /// The state as the bytes of torch.get_rng_state(), which either side continues alike.
  static constexpr size_t kStateBytes = 5056;
  std::array<uint8_t, kStateBytes> state() const;
  /// Throws Error for bytes that are no such state.
  void set_state(std::span<const uint8_t> bytes);

  friend bool operator==(const Generator&, const Generator&) = default;

 private:
  void refill();

  static constexpr int kWords = 624;
  std::array<uint32_t, kWords> words_{};
  int next_ = kWords;
  uint64_t seed_ = 0;
  uint64_t philox_offset_ = 0;
  const uint64_t* philox_base_ = nullptr;
  uint64_t beside_base_ = 0;
  std::optional<double> cached_normal_;
};

/// The generator of the calling thread from which initial weights and dropout masks are drawn.
Generator& default_generator();
/// `torch.manual_seed`: seeds default_generator().
void manual_seed(uint64_t seed);

}  // namespace nw
