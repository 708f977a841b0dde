#include "tests/crash/market.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "protocol/messages.h"
#include "tests/doubles/places.h"

namespace paygate::crash {
namespace {

using integration::Eventually;
using integration::Must;
using integration::RawParticipant;
using integration::Said;
using integration::ScratchGateway;
using protocol::PaymentResult;
using protocol::PaymentResultPayload;

constexpr std::chrono::seconds kPatience{60};  // of a participant, for one answer
constexpr int64_t kPrice = 100;

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

Market::Market(size_t pairs) : points_(Map(file_)) {
  ScratchGateway::Options options;
  const char* programs[] = {"engine_with_clock", "paygate-bank", "paygate-front", "paygate-token"};
  options.engine_program = Wrapped(file_, 0, programs[0]);
  for (int role = 1; role < kRoleCount; ++role) {
    options.arguments.insert(options.arguments.end(),
                             {"--program", std::string(kRoles[role]) + " = \"" +
                                               Wrapped(file_, role, programs[role]) + "\""});
  }
  options.arguments.insert(options.arguments.end(),
                           {"--program", "longest_restart_delay_ms = 100", "--customers",
                            std::to_string(2 * pairs)});
  gateway_ = std::make_unique<ScratchGateway>(std::move(options));
  const auto customers = gateway_->Customers();
  for (size_t i = 0; i < pairs; ++i) {
    pairs_.push_back({std::make_unique<RawParticipant>(*gateway_, customers[2 * i]),
                      std::make_unique<RawParticipant>(*gateway_, customers[2 * i + 1])});
    pairs_.back().seller->Register();
    pairs_.back().buyer->Register();
  }
  money_ = gateway_->TotalMoney();
}

Market::~Market() {
  LetLive();
  gateway_.reset();
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
  return Confirmed(pair, *receipt);
}

std::string Market::Confirmed(Pair& pair, const PaymentResultPayload& receipt) {
  RawParticipant& seller = *pair.seller;
  const auto confirmation = *Insist([&]() -> std::optional<PaymentResultPayload> {
    const Said said = seller.SendMailbox(pair.mailbox_read, 1);
    if (said.status != 200) return std::nullopt;
    for (const auto& message : Must(protocol::MailboxBody::Parse(said.payload)).messages) {
      pair.mailbox_read = message.cursor;
      const auto single = Must(protocol::ParseSingle(seller.Open(message.jwe)));
      if (single.member != "confirmation") continue;
      return Must(PaymentResultPayload::Parse(
          seller.Verified(single.jws, protocol::kTypPaymentConfirmation)));
    }
    return std::nullopt;
  });
  if (confirmation.payment_id != receipt.payment_id) return "two confirmations, or another's";
  if (confirmation.bank_reference != receipt.bank_reference) return "two references of the bank";
  return "";
}

std::string Market::Deal(size_t pair) {
  try {
    return Pay(pairs_[pair], Sell(pairs_[pair]));
  } catch (const std::exception& e) {
    return e.what();
  }
}

std::string Market::Wrong() {
  try {
    gateway_->LedgerIsRight();
    if (gateway_->TotalMoney() != money_) return "money came or went";
    for (const Pair& pair : pairs_) {
      const auto& seller = pair.seller->customer;
      const auto& buyer = pair.buyer->customer;
      if (gateway_->BalanceOf(seller.iban) != seller.balance + pair.sold) {
        return "a seller has not what the receipts say";
      }
      if (gateway_->BalanceOf(buyer.iban) != buyer.balance - pair.sold) {
        return "a buyer has not what the receipts say";
      }
    }
    return "";
  } catch (const std::exception& e) {
    return e.what();
  }
}

}  // namespace paygate::crash
