// Market: everything of one run that lives as long as it: the gateway, the participants, and the
// drivers, each with its share of them and a thread while it works.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "tools/load/driver.h"
#include "tools/load/options.h"

namespace paygate::load {

class Market {
 public:
  // kInvalidArgument: fewer than two participants for each thread.
  static base::Result<std::unique_ptr<Market>> Open(const RunOptions& options,
                                                    const std::atomic<bool>* stop);

  // Cursors of all mailboxes, so that what was there before is not read, and the stock of sales.
  base::Status Begin();
  // Blocks until the load is over; returns its length in seconds (shorter if it was stopped).
  // `meanwhile` is called about ten times a second with the seconds since the start.
  double Load(Plan plan, double settle_s, const std::function<void(double)>& meanwhile);
  // Asks for the end of what is open, then reads all sellers' mailboxes. False: not all in time.
  bool Settle(double limit_s);

  Second TakeRecent();
  Stats Merged() const;
  std::vector<const Ledger*> Ledgers() const;
  void ForgetStats();  // between the steps of a search; what was broken is kept
  const Gateway& gateway() const { return gateway_; }
  size_t participants() const;

 private:
  struct Lane {
    std::unique_ptr<Scene> scene;
    std::unique_ptr<Driver> driver;
  };
  explicit Market(Gateway gateway) : gateway_(std::move(gateway)) {}
  template <typename Job>
  void OnAll(Job job);

  const Gateway gateway_;
  RunOptions options_;
  std::unique_ptr<Roster> roster_;
  std::vector<Lane> lanes_;
};

}  // namespace paygate::load
