// Histogram: how long things took, in microseconds, in little memory and with a known error.
//
// Buckets are log-linear, as HdrHistogram has them: values below 256 are exact, any other is known
// to 1/128 (0.8 %). Histograms of several threads are merged without loss. Values beyond kLargest
// (19 hours) count as kLargest. Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace paygate::load {

class Histogram {
 public:
  static constexpr uint64_t kLargest = (1ull << 36) - 1;

  void Record(uint64_t micros);
  void Merge(const Histogram& other);

  uint64_t count() const { return count_; }
  uint64_t max() const { return max_; }
  double Mean() const;  // of the values as they were recorded; 0 if there are none
  // The smallest value that at least `percent` of all are not above, as the top of its bucket and
  // never above max(). 0 if there are none.
  uint64_t Percentile(double percent) const;

 private:
  static constexpr int kExactBits = 8;                     // below 2^8: one bucket a value
  static constexpr size_t kHalf = 1u << (kExactBits - 1);  // buckets of each further octave
  static constexpr size_t kBuckets = kHalf * (36 - kExactBits + 2);
  static size_t BucketOf(uint64_t micros);
  static uint64_t TopOf(size_t bucket);

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0, max_ = 0, sum_ = 0;
};

}  // namespace paygate::load
