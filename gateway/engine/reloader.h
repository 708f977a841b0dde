// What the engine does at SIGHUP: reads the configuration again, has every token process offer the
// new keys (hsm/token/client.h), loads and checks keys and certificates as at a start, and puts
// them in force in one step. What is wrong is refused and changes nothing. The outcome is one line
// in Config::ReloadOutcomeFile() and in the log. Start is for one thread.
#pragma once

#include <atomic>
#include <string>
#include <thread>

#include "base/clock.h"
#include "gateway/config.h"
#include "gateway/engine/keys.h"

namespace paygate::hsm::token {
class TokenClient;
}

namespace paygate::gateway::engine {

class Reloader {
 public:
  // All borrowed but the configuration, which is what the engine runs with.
  Reloader(std::string config_path, Config running, hsm::token::TokenClient& token,
           KeysInForce& keys, const base::Clock& clock);
  ~Reloader();  // waits for the one under way

  // Returns at once; ignored while one is under way.
  void Start();

 private:
  void Run();
  base::Status TakeUp();

  const std::string config_path_;
  Config running_;  // of the thread
  hsm::token::TokenClient& token_;
  KeysInForce& keys_;
  const base::Clock& clock_;
  std::atomic<bool> busy_ = false;
  std::thread thread_;
};

}  // namespace paygate::gateway::engine
