#include "tools/load/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace paygate::load {

size_t Histogram::BucketOf(uint64_t micros) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(micros)) - kExactBits);
  return kHalf * static_cast<size_t>(shift) + (micros >> shift);
}

uint64_t Histogram::TopOf(size_t bucket) {
  if (bucket < 2 * kHalf) return bucket;
  const size_t shift = bucket / kHalf - 1;
  const uint64_t lead = bucket - kHalf * shift;
  return ((lead + 1) << shift) - 1;
}

void Histogram::Record(uint64_t micros) {
  micros = std::min(micros, kLargest);
  ++buckets_[BucketOf(micros)];
  ++count_;
  sum_ += micros;
  max_ = std::max(max_, micros);
}

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

double Histogram::Mean() const {
  return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

uint64_t Histogram::Percentile(double percent) const {
  if (count_ == 0) return 0;
  const double wanted = std::ceil(percent / 100 * static_cast<double>(count_) - 1e-9);
  const auto rank = std::clamp<uint64_t>(static_cast<uint64_t>(std::max(wanted, 1.0)), 1, count_);
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::min(TopOf(i), max_);
  }
  return max_;
}

}  // namespace paygate::load
