// A network of a test's own and the adapter's correspondent, which talks to it.
#pragma once

#include <future>

#include "bank/adapters/iso20022/correspondent.h"
#include "bank/adapters/iso20022/order.h"
#include "base/crypto.h"
#include "gtest/gtest.h"
#include "tests/banksim/scratch_network.h"
#include "tests/doubles/eventually.h"

namespace paygate::banksim::testing {

namespace iso = bank::iso20022;
using doubles::Eventually;
using iso::Outcome;

inline int64_t Now() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class BanksimNetwork : public ::testing::Test {
 protected:
  explicit BanksimNetwork(std::function<void(const std::string&)> prepare = {})
      : network_(std::move(prepare)),
        buyer_(network_.Ibans(kBuyerBank)[0]),
        seller_(network_.Ibans(kSellerBank)[0]) {
    Connect();
  }

  void Connect() {
    banks_ = Opened(network_.AdapterConfig());
    ASSERT_TRUE(banks_);
  }

  std::unique_ptr<iso::Correspondent> Opened(const std::string& text) {
    auto config = iso::ParseConfig(text);
    EXPECT_TRUE(config.has_value()) << config.error().message;
    if (!config) return nullptr;
    auto opened = iso::Correspondent::Open(
        std::move(*config), {.unix_time = Now, .log = [this](auto, const std::string& sentence) {
                               base::MutexLock lock(log_mutex_);
                               log_ += sentence + "\n";
                             }});
    EXPECT_TRUE(opened.has_value()) << opened.error().message;
    if (!opened) return nullptr;
    // Healthy means that the inboxes' ends are known.
    EXPECT_TRUE(Eventually([&] { return (*opened)->Healthy(); }));
    return std::move(*opened);
  }

  std::string Log() {
    base::MutexLock lock(log_mutex_);
    return log_;
  }

  static std::string PaymentId(const std::string& name) {
    return base::Sha256Base64Url("payment " + name);
  }

  iso::Prepared PreparedFor(const std::string& name, int64_t amount = 250,
                            int64_t deadline_in = 120) {
    return PreparedBetween(name, buyer_, seller_, amount, Now() - 1, Now() + deadline_in);
  }

  iso::Prepared PreparedBetween(const std::string& name, const std::string& from,
                                const std::string& to, int64_t amount, int64_t created,
                                int64_t deadline) {
    auto bytes = iso::PrepareTransfer(banks_->config(), {.payment_id = PaymentId(name),
                                                         .debtor = from,
                                                         .creditor = to,
                                                         .amount = amount,
                                                         .currency = "GBP",
                                                         .fraction_digits = 2,
                                                         .remittance = "a book",
                                                         .deadline = deadline,
                                                         .created = created});
    EXPECT_TRUE(bytes.has_value()) << bytes.error().message;
    return *iso::ParsePrepared(*bytes);
  }

  iso::TransferEnd Submit(const iso::Prepared& prepared) { return SubmitBy(*banks_, prepared); }
  static iso::TransferEnd SubmitBy(iso::Correspondent& banks, const iso::Prepared& prepared) {
    std::promise<iso::TransferEnd> end;
    EXPECT_TRUE(banks.Submit(prepared, [&](iso::TransferEnd e) { end.set_value(std::move(e)); }));
    return end.get_future().get();
  }
  iso::TransferEnd Ask(const iso::Prepared& prepared) {
    std::promise<iso::TransferEnd> end;
    EXPECT_TRUE(banks_->Status(prepared, [&](iso::TransferEnd e) { end.set_value(std::move(e)); }));
    return end.get_future().get();
  }
  // As a gateway does: until the bank's word is final; resends what is not found.
  iso::TransferEnd Settle(const iso::Prepared& prepared) {
    iso::TransferEnd end = Submit(prepared);
    EXPECT_TRUE(Eventually([&] {
      if (end.judgement.final()) return true;
      const bool again =
          end.judgement.outcome == Outcome::kNotFound || end.judgement.outcome == Outcome::kNotSent;
      end = again ? Submit(prepared) : Ask(prepared);
      return end.judgement.final();
    }));
    return end;
  }
  iso::VerificationEnd Verify(iso::VerificationRequest request) {
    std::promise<iso::VerificationEnd> end;
    const iso::BankRoute* route = banks_->config().ForIban(request.account);
    EXPECT_TRUE(banks_->Verify(*route, std::move(request),
                               [&](iso::VerificationEnd e) { end.set_value(std::move(e)); }));
    return end.get_future().get();
  }

  ScratchNetwork network_;
  const std::string buyer_, seller_;
  base::Mutex log_mutex_;
  std::string log_;
  std::unique_ptr<iso::Correspondent> banks_;
};

}  // namespace paygate::banksim::testing
