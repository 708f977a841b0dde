// The engine on a clock that a test turns: the whole program but for main(). The offset from the
// real time, in seconds, is the 8 bytes of the file "clock-offset" beside the configuration.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <iostream>
#include <string>

#include "base/clock.h"
#include "gateway/engine/app.h"

namespace {

class FileClock final : public paygate::base::Clock {
 public:
  explicit FileClock(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    void* page = ::mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    ::close(fd);
    if (page != MAP_FAILED) offset_ = static_cast<const std::atomic<int64_t>*>(page);
  }
  bool ok() const { return offset_ != nullptr; }
  paygate::base::UnixTime Now() const override { return real_.Now() + Offset(); }
  paygate::base::MonotonicTime Monotonic() const override { return real_.Monotonic() + Offset(); }

 private:
  std::chrono::seconds Offset() const { return std::chrono::seconds(offset_->load()); }
  const paygate::base::SystemClock real_;
  const std::atomic<int64_t>* offset_ = nullptr;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string config = argc == 3 && argv[1] == std::string("--config") ? argv[2] : "";
  const FileClock clock(std::filesystem::path(config).parent_path() / "clock-offset");
  if (!clock.ok()) return 2;
  if (auto done = paygate::gateway::engine::RunEngine(config, clock); !done) {
    std::cerr << "engine_with_clock: " << done.error().ToString() << "\n";
    return 3;
  }
  return 0;
}
