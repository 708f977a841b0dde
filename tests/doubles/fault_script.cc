#include "tests/doubles/fault_script.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "tests/doubles/fault_state.h"
#include "tests/doubles/places.h"

namespace paygate::doubles {

std::string FaultyModule() { return Library("libpaygate_faulty_module.so"); }

FaultScript::FaultScript(const std::string& path) : path_(path) {
  const int fd = open((path + ".state").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, sizeof(FaultState)) != 0) {
    std::perror("fault script");
    std::abort();
  }
  void* page = mmap(nullptr, sizeof(FaultState), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (page == MAP_FAILED) std::abort();
  state_ = static_cast<FaultState*>(page);
}

FaultScript::~FaultScript() { munmap(state_, sizeof *state_); }

void FaultScript::Set(const std::string& script) {
  const std::string fresh = path_ + ".new";
  std::ofstream(fresh) << script;
  for (auto& count : state_->seen) count = 0;
  for (auto& count : state_->hits) count = 0;
  if (std::rename(fresh.c_str(), path_.c_str()) != 0) std::abort();
}

uint64_t FaultScript::Calls(std::string_view function) const {
  const auto at = std::ranges::find(kFunctionNames, function);
  if (at == kFunctionNames.end()) std::abort();
  return state_->calls[at - kFunctionNames.begin()];
}

uint64_t FaultScript::Hits(size_t rule) const { return state_->hits[rule]; }

}  // namespace paygate::doubles
