// Market: a whole gateway, on a bank in a box or on the simulated financial network, whose
// processes can be made to die at any step, with honest participants who send the identical message
// again until they have their answer, as a wallet does.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "tests/banksim/scratch_network.h"
#include "tests/crash/points.h"
#include "tests/integration/raw_participant.h"

namespace paygate::crash {

class Market {
 public:
  enum class Banks : uint8_t { kInABox, kNetwork };
  explicit Market(size_t pairs, Banks banks = Banks::kInABox);  // of a seller and a buyer each
  ~Market();
  Market(const Market&) = delete;

  // `role` dies at this step from now on, once.
  void DieAfter(int role, int64_t steps);
  void LetLive();
  uint64_t deaths() const { return points_->deaths; }

  // The pair's seller sells, the buyer pays, and the seller gives a part back; returns when who
  // authorised has its receipt and the other its confirmation, of both. Empty, or what was wrong.
  // One thread for each pair.
  std::string Deal(size_t pair);
  // What holds whenever nothing is under way: the bank's ledger is right, no money came or went,
  // each balance is what the receipts say, and the gateway finds no difference between its store
  // and the banks' statement. Empty, or what is wrong.
  std::string Wrong();
  // Of every debit in the bank's journal: the gateway has an authorisation of it, recorded no later
  // than the debit, and the evidence of it is valid under the root. And each receipt has its debit.
  // Empty, or what is wrong.
  std::string Unproven();
  // The last look, at the whole statement, when it reaches beyond all that was done.
  std::string Unreconciled();
  std::string Log() const { return gateway_->Log(); }

 private:
  struct Pair {
    std::unique_ptr<integration::RawParticipant> seller, buyer;
    int64_t seller_read = 0, buyer_read = 0;  // of the mailboxes
    int64_t sold = 0;  // minor units, less what was given back
  };
  protocol::SdJwt Sell(Pair& pair);
  std::string Pay(Pair& pair, const protocol::SdJwt& csblk);
  std::string Confirmed(Pair& pair, const protocol::PaymentResultPayload& receipt);
  std::string GiveBack(Pair& pair, const std::string& payment_id);
  // The next such message in a mailbox, opened and verified.
  std::string Next(integration::RawParticipant& who, int64_t& read, std::string_view member,
                   std::string_view typ);
  void OpenInABox(integration::ScratchGateway::Options options);
  void OpenOnNetwork(integration::ScratchGateway::Options options);
  int64_t BalanceOf(const std::string& iban) const;
  int64_t Money() const;

  struct Debit {
    std::string payment_id, at;  // "2027-01-31T12:00:00Z"
  };
  std::vector<Debit> Debits() const;
  std::string Unproven(const Debit& debit);

  std::string file_;
  Points* points_;
  const size_t wanted_pairs_;
  std::unique_ptr<banksim::testing::ScratchNetwork> network_;  // null: a bank in a box
  std::unique_ptr<integration::ScratchGateway> gateway_;
  std::vector<Pair> pairs_;
  int64_t money_ = 0;
  std::atomic<size_t> receipts_ = 0;  // of completed payments
};

}  // namespace paygate::crash
