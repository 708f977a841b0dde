#include "tests/crash/market.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "protocol/messages.h"
#include "tests/doubles/places.h"
#include "tests/integration/on_network.h"

namespace paygate::crash {
namespace {

using integration::Eventually;
using integration::Must;
using integration::RawParticipant;
using integration::Said;
using banksim::testing::ScratchNetwork;
using integration::ScratchGateway;
using protocol::PaymentResult;
using protocol::PaymentResultPayload;
using protocol::RefundResultPayload;

constexpr std::chrono::seconds kPatience{60};  // of a participant, for one answer
constexpr int64_t kPrice = 100, kGivenBack = 40;
constexpr const char* kGivenBackText = "0.40";

Points* Map(std::string& file) {
  file = (std::filesystem::temp_directory_path() / "paygate-crash-XXXXXX").string();
  const int fd = mkstemp(file.data());
  if (fd < 0 || ftruncate(fd, sizeof(Points)) != 0) throw std::runtime_error("crash file");
  void* page = mmap(nullptr, sizeof(Points), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (page == MAP_FAILED) throw std::runtime_error("crash file");
  auto* points = static_cast<Points*>(page);
  for (auto& left : points->left) left = -1;
  return points;
}

// A program of the gateway's with the crash points before it.
std::string Wrapped(const std::string& file, int role, const std::string& program) {
  const std::string wrapper = file + "-" + kRoles[role];
  std::ofstream(wrapper) << "#!/bin/sh\n"
                         << "export PAYGATE_CRASH_FILE='" << file << "' PAYGATE_CRASH_ROLE="
                         << kRoles[role] << "\n"
                         << "LD_PRELOAD='" << doubles::Library("libpaygate_crash_points.so")
                         << "' exec '" << doubles::Program(program) << "' \"$@\"\n";
  std::filesystem::permissions(wrapper, std::filesystem::perms::owner_all);
  return wrapper;
}

// Again until it has an answer; what a broken connection or a gateway that is away throws is none.
template <typename Ask>
auto Insist(Ask ask) -> decltype(ask()) {
  decltype(ask()) answer{};
  std::string why = "no answer";
  const bool had = Eventually(
      [&] {
        try {
          answer = ask();
          return answer.has_value();
        } catch (const std::exception& e) {
          why = e.what();
          return false;
        }
      },
      kPatience);
  if (!had) throw std::runtime_error("gave up: " + why);
  return answer;
}

// An answer that decides: a result, a signed refusal, or that the message cannot be taken any more
// and was not: a new challenge is wanted, since an engine opens no handshake of one before it.
bool TooLate(const Said& said) { return said.code == "handshake-expired"; }
std::optional<Said> Decided(Said said) {
  if (said.status == 201 || said.is_signed || TooLate(said)) return said;
  return std::nullopt;
}

}  // namespace

Market::Market(size_t pairs, Banks banks) : points_(Map(file_)), wanted_pairs_(pairs) {
  ScratchGateway::Options options;
  const char* programs[] = {"engine_with_clock", "paygate-bank", "paygate-front", "paygate-token"};
  options.engine_program = Wrapped(file_, 0, programs[0]);
  for (int role = 1; role < kGatewayRoles; ++role) {
    options.arguments.insert(options.arguments.end(),
                             {"--program", std::string(kRoles[role]) + " = \"" +
                                               Wrapped(file_, role, programs[role]) + "\""});
  }
  options.arguments.insert(options.arguments.end(),
                           {"--program", "longest_restart_delay_ms = 100", "--customers",
                            std::to_string(2 * pairs)});
  // So that the statement soon reaches what was done, and what is open is asked about soon.
  options.engine = {"clock_skew_s = 1", "inquiry_interval_s = 1"};
  if (banks == Banks::kNetwork)
    OpenOnNetwork(std::move(options));
  else
    OpenInABox(std::move(options));
  for (Pair& pair : pairs_) {
    pair.seller->Register();
    pair.buyer->Register();
  }
  money_ = Money();
}

void Market::OpenInABox(ScratchGateway::Options options) {
  gateway_ = std::make_unique<ScratchGateway>(std::move(options));
  const auto customers = gateway_->Customers();
  for (size_t i = 0; i < wanted_pairs_; ++i) {
    pairs_.push_back({std::make_unique<RawParticipant>(*gateway_, customers[2 * i]),
                      std::make_unique<RawParticipant>(*gateway_, customers[2 * i + 1])});
  }
}

void Market::OpenOnNetwork(ScratchGateway::Options options) {
  const int banksim = kGatewayRoles;
  network_ = std::make_unique<ScratchNetwork>(std::function<void(const std::string&)>(),
                                              Wrapped(file_, banksim, "paygate-banksim"),
                                              static_cast<int>(wanted_pairs_));
  options.prepare = integration::On(*network_).prepare;
  gateway_ = std::make_unique<ScratchGateway>(std::move(options));
  for (size_t i = 0; i < wanted_pairs_; ++i) {
    const auto customer = [&](const char* bank) {
      return std::make_unique<RawParticipant>(*gateway_,
                                              integration::CustomerOf(*network_, bank, i));
    };
    pairs_.push_back(
        {customer(banksim::testing::kSellerBank), customer(banksim::testing::kBuyerBank)});
  }
  network_->KeepAlive();
}

Market::~Market() {
  LetLive();
  gateway_.reset();
  network_.reset();
  munmap(points_, sizeof(Points));
  for (const char* role : kRoles) std::filesystem::remove(file_ + "-" + role);
  std::filesystem::remove(file_);
}

void Market::DieAfter(int role, int64_t steps) { points_->left[role] = steps; }

void Market::LetLive() {
  for (auto& left : points_->left) left = -1;
}

protocol::SdJwt Market::Sell(Pair& pair) {
  RawParticipant& seller = *pair.seller;
  const auto sblk = seller.NewSblk("A cup", "1.00");
  Said said;
  do {
    const auto challenge = *Insist([&] { return std::optional(seller.AskSeller(sblk)); });
    const std::string confirmation = seller.Confirmation(sblk, challenge);
    said = *Insist(
        [&] { return Decided(seller.SendConfirmation(confirmation, challenge.handshake)); });
  } while (TooLate(said));
  if (said.status != 201) throw std::runtime_error("the sale was refused: " + said.code);
  return Must(protocol::SdJwt::Parse(Must(protocol::CsblkBody::Parse(said.payload)).csblk));
}

std::string Market::Pay(Pair& pair, const protocol::SdJwt& csblk) {
  RawParticipant& buyer = *pair.buyer;
  const auto bblk = *Insist([&] { return std::optional(buyer.NewBblk(csblk)); });
  std::optional<PaymentResultPayload> receipt;
  RawParticipant::Challenge challenge;
  std::string authorisation;
  Said said;
  do {
    challenge = *Insist([&] { return std::optional(buyer.AskBuyer(bblk)); });
    authorisation = buyer.Authorisation(bblk, challenge, csblk.jws);
    said = *Insist([&]() -> std::optional<Said> {
      auto answer = Decided(
          buyer.SendAuthorisation(authorisation, challenge.handshake, csblk.disclosure));
      if (!answer || answer->status != 201) return answer;
      receipt = buyer.ReceiptIn(*answer);
      return receipt->result == PaymentResult::kPending ? std::nullopt : answer;
    });
  } while (TooLate(said));
  if (!receipt) return "the payment was refused: " + said.code;
  if (receipt->result != PaymentResult::kCompleted) return "the payment failed";
  pair.sold += kPrice;
  ++receipts_;
  // The same authorisation again is the same payment; another one is refused.
  const Said again = *Insist([&] {
    return Decided(buyer.SendAuthorisation(authorisation, challenge.handshake, csblk.disclosure));
  });
  if (again.payload != said.payload) return "asked again, the gateway gave another receipt";
  const Said second = *Insist([&]() -> std::optional<Said> {
    Said other = buyer.Pay(csblk);
    return other.is_signed || other.status == 201 ? std::optional(other) : std::nullopt;
  });
  if (second.code != "already-paid") return "a paid sale was paid again: " + second.code;
  if (const std::string wrong = Confirmed(pair, *receipt); !wrong.empty()) return wrong;
  return GiveBack(pair, receipt->payment_id);
}

std::string Market::Next(RawParticipant& who, int64_t& read, std::string_view member,
                         std::string_view typ) {
  return *Insist([&]() -> std::optional<std::string> {
    const Said said = who.SendMailbox(read, 1);
    if (said.status != 200) return std::nullopt;
    for (const auto& message : Must(protocol::MailboxBody::Parse(said.payload)).messages) {
      read = message.cursor;
      const auto single = Must(protocol::ParseSingle(who.Open(message.jwe)));
      // A payment's and a refund's receipt are called the same.
      if (single.member != member) continue;
      return who.Verified(single.jws, typ);
    }
    return std::nullopt;
  });
}

std::string Market::Confirmed(Pair& pair, const PaymentResultPayload& receipt) {
  const auto confirmation = Must(PaymentResultPayload::Parse(Next(
      *pair.seller, pair.seller_read, "confirmation", protocol::kTypPaymentConfirmation)));
  if (confirmation.payment_id != receipt.payment_id) return "two confirmations, or another's";
  if (confirmation.bank_reference != receipt.bank_reference) return "two references of the bank";
  return "";
}

std::string Market::GiveBack(Pair& pair, const std::string& payment_id) {
  RawParticipant& seller = *pair.seller;
  const auto refund = seller.NewRefund(payment_id, kGivenBackText);
  std::optional<RefundResultPayload> receipt;
  Said said;
  do {
    const auto challenge = *Insist([&] { return std::optional(seller.AskRefund(refund)); });
    const std::string authorisation = seller.RefundAuthorisation(refund, challenge);
    said = *Insist([&]() -> std::optional<Said> {
      auto answer = Decided(seller.SendRefund(authorisation, challenge.handshake));
      if (!answer || answer->status != 201) return answer;
      receipt = seller.RefundReceiptIn(*answer);
      return receipt->result == PaymentResult::kPending ? std::nullopt : answer;
    });
  } while (TooLate(said));
  if (!receipt) return "the refund was refused: " + said.code;
  if (receipt->result != PaymentResult::kCompleted) return "the refund failed";
  pair.sold -= kGivenBack;
  if (receipt->refunded_total->minor_units() != kGivenBack) return "more was given back than once";
  const auto confirmation = Must(RefundResultPayload::Parse(
      Next(*pair.buyer, pair.buyer_read, "refund_confirmation",
           protocol::kTypRefundConfirmation)));
  if (confirmation.refund_id != receipt->refund_id) return "two refunds, or another's";
  return "";
}

std::string Market::Deal(size_t pair) {
  try {
    return Pay(pairs_[pair], Sell(pairs_[pair]));
  } catch (const std::exception& e) {
    return e.what();
  }
}

int64_t Market::BalanceOf(const std::string& iban) const {
  if (!network_) return gateway_->BalanceOf(iban);
  const std::string text = network_->BalanceOf(iban);  // "1000.00"
  return std::stoll(text.substr(0, text.size() - 3) + text.substr(text.size() - 2));
}

int64_t Market::Money() const {
  if (!network_) return gateway_->TotalMoney();
  int64_t all = 0;
  for (const Pair& pair : pairs_)
    all += BalanceOf(pair.seller->customer.iban) + BalanceOf(pair.buyer->customer.iban);
  return all;
}

std::string Market::Wrong() {
  try {
    // The banks may just be being started again.
    const bool right = network_ ? *Insist([&] { return std::optional(network_->LedgerIsRight()); })
                                : gateway_->LedgerIsRight();
    if (!right) return "the bank's ledger is wrong";
    if (Money() != money_) return "money came or went";
    for (const Pair& pair : pairs_) {
      const auto& seller = pair.seller->customer;
      const auto& buyer = pair.buyer->customer;
      if (BalanceOf(seller.iban) != seller.balance + pair.sold) {
        return "a seller has not what the receipts say";
      }
      if (BalanceOf(buyer.iban) != buyer.balance - pair.sold) {
        return "a buyer has not what the receipts say";
      }
    }
    return gateway_->Differences();
  } catch (const std::exception& e) {
    return e.what();
  }
}

std::string Market::Unreconciled() {
  std::string last;
  const bool judged = Eventually(
      [&] {
        const auto found = gateway_->Reconcile("--since 2020-01-01");
        last = found.out;
        return found.code == 1 || (found.code == 0 && last.find("\"waiting\":0") != last.npos);
      },
      kPatience);
  if (!judged) return "the statement does not reach all that was done: " + last;
  return last.find("\"count\":0") == last.npos ? last : "";
}

}  // namespace paygate::crash
