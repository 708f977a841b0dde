// Market: a whole gateway whose processes can be made to die at any step, with honest participants
// who send the identical message again until they have their answer, as a wallet does.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "tests/crash/points.h"
#include "tests/integration/raw_participant.h"

namespace paygate::crash {

class Market {
 public:
  explicit Market(size_t pairs);  // of a seller and a buyer each
  ~Market();
  Market(const Market&) = delete;

  // `role` dies at this step from now on, once.
  void DieAfter(int role, int64_t steps);
  void LetLive();
  uint64_t deaths() const { return points_->deaths; }

  // The pair's seller sells, the buyer pays; returns when the buyer has its receipt and the seller
  // its confirmation. Empty, or what was wrong. One thread for each pair.
  std::string Deal(size_t pair);
  // What holds whenever nothing is under way: the bank's ledger is right, no money came or went,
  // each balance is what the receipts say. Empty, or what is wrong.
  std::string Wrong();
  // Of every debit in the bank's journal: the gateway has an authorisation of it, recorded no later
  // than the debit, and the evidence of it is valid under the root. And each receipt has its debit.
  // Empty, or what is wrong.
  std::string Unproven();
  std::string Log() const { return gateway_->Log(); }

 private:
  struct Pair {
    std::unique_ptr<integration::RawParticipant> seller, buyer;
    int64_t mailbox_read = 0, sold = 0;  // minor units
  };
  protocol::SdJwt Sell(Pair& pair);
  std::string Pay(Pair& pair, const protocol::SdJwt& csblk);
  std::string Confirmed(Pair& pair, const protocol::PaymentResultPayload& receipt);

  std::string Unproven(const std::string& payment_id, const std::string& debited_at);

  std::string file_;
  Points* points_;
  std::unique_ptr<integration::ScratchGateway> gateway_;
  std::vector<Pair> pairs_;
  int64_t money_ = 0;
  std::atomic<size_t> receipts_ = 0;  // of completed payments
};

}  // namespace paygate::crash
