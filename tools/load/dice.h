// Dice: what a load draws by chance, the same for the same seed. For choosing among operations and
// people, never for keys, nonces or salts (base/crypto.h). SplitMix64 (Steele, Lea, Flood 2014);
// fits the standard library's distributions. Not thread-safe.
#pragma once

#include <cstdint>
#include <limits>

namespace paygate::load {

class Dice {
 public:
  using result_type = uint64_t;
  explicit Dice(uint64_t seed = 0) : state_(seed) {}
  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return std::numeric_limits<uint64_t>::max(); }
  uint64_t operator()() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

}  // namespace paygate::load
