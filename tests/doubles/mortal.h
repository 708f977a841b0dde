// A disk in memory and a transport that die together at a chosen step, as a killed process does:
// after the death nothing is written and nothing is sent any more. What was on the disk stays.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "participant/disk.h"
#include "participant/transport.h"

namespace paygate::doubles {

using Platter = std::map<std::string, std::string>;  // what survives

// One process's life: a step is a durable write or a request.
struct Life {
  int steps_left = -1;          // -1: immortal
  bool after_the_step = false;  // dies when the step has been done, before it is told so
  bool dead = false;

  // True if the step is to be done; it may be the last.
  bool Step() {
    if (dead) return false;
    if (steps_left < 0) return true;
    if (steps_left-- > 0) return true;
    dead = true;
    return after_the_step;
  }
};

class MortalDisk final : public participant::Disk {
 public:
  MortalDisk(Platter& platter, Life& life) : platter_(platter), life_(life) {}

  base::Result<std::optional<std::string>> Read(const std::string& name) override {
    if (life_.dead) return Death();
    const auto it = platter_.find(name);
    if (it == platter_.end()) return std::optional<std::string>();
    return std::optional<std::string>(it->second);
  }
  base::Status Create(const std::string& name, std::string_view bytes) override {
    if (platter_.contains(name)) {
      return base::Fail(base::ErrorCode::kAlreadyExists, name + " exists already");
    }
    return Replace(name, bytes);
  }
  base::Status Replace(const std::string& name, std::string_view bytes) override {
    if (life_.Step()) platter_[name] = std::string(bytes);
    if (life_.dead) return Death();
    return {};
  }
  base::Status Remove(const std::string& name) override {
    if (life_.Step()) platter_.erase(name);
    if (life_.dead) return Death();
    return {};
  }
  base::Result<std::vector<std::string>> List(const std::string& folder) override {
    if (life_.dead) return Death();
    std::vector<std::string> names;
    for (const auto& [name, bytes] : platter_) {
      if (name.starts_with(folder + "/")) names.push_back(name.substr(folder.size() + 1));
    }
    return names;
  }

 private:
  static std::unexpected<base::Error> Death() {
    return base::Fail(base::ErrorCode::kIo, "the process is dead");
  }
  Platter& platter_;
  Life& life_;
};

class MortalTransport final : public participant::Transport {
 public:
  MortalTransport(participant::Transport& real, Life& life) : real_(real), life_(life) {}
  base::Result<participant::HttpAnswer> Post(const std::string& path,
                                             const std::string& body) override {
    return Mortally([&] { return real_.Post(path, body); });
  }
  base::Result<participant::HttpAnswer> Get(const std::string& path) override {
    return Mortally([&] { return real_.Get(path); });
  }

 private:
  template <typename F>
  base::Result<participant::HttpAnswer> Mortally(F request) {
    if (!life_.Step()) return base::Fail(base::ErrorCode::kIo, "the process is dead");
    auto answer = request();
    if (life_.dead) return base::Fail(base::ErrorCode::kIo, "the process is dead");
    return answer;
  }
  participant::Transport& real_;
  Life& life_;
};

}  // namespace paygate::doubles
