#include "tools/wallet/words.h"

#include <ctime>
#include <map>

#include "protocol/json.h"

namespace paygate::wallet {
namespace {

using participant::EvidenceKind;
using protocol::PaymentResult;

}  // namespace

std::string Line(std::string_view name, std::string_view value) {
  std::string line = "  " + std::string(name);
  line.resize(14, ' ');
  return line + std::string(value) + "\n";
}

std::string Paragraph(std::string_view name, std::string_view text) {
  std::string indented;
  for (const char c : text) {
    indented.push_back(c);
    if (c == '\n') indented.append(14, ' ');
  }
  return Line(name, indented);
}

std::string FormatTime(int64_t numeric_date) {
  const std::time_t time = numeric_date;
  std::tm parts{};
  if (gmtime_r(&time, &parts) == nullptr) return std::to_string(numeric_date);
  char text[64];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text;
}

std::string OutcomeInWords(PaymentResult result, std::string_view completed) {
  switch (result) {
    case PaymentResult::kCompleted:
      return "COMPLETED: " + std::string(completed) + "\n";
    case PaymentResult::kFailed:
      return "FAILED: no money has moved\n";
    case PaymentResult::kPending:
      return "PENDING: the bank has not answered yet; see `inbox` or `resume`\n";
  }
  return "\n";
}

std::string OfferInWords(const participant::CsblkView& view, int64_t now) {
  std::string text =
      "An offer, certified by the gateway and verified up to your root certificate:\n";
  text += Line("Goods", view.sblk.goods);
  text += Line("Price", view.sblk.price.ToString());
  text += Line("Seller", view.seller_id);
  text += Line("Account", view.account + " (will be credited)");
  text += Line("Buyer", view.sblk.buyer.empty() ? "anyone may pay" : "only " + view.sblk.buyer);
  text += Line("Issued", FormatTime(view.issued));
  text += Line("Expires", FormatTime(view.expires) +
                              (view.expires <= now ? ": EXPIRED, cannot be paid any more" : ""));
  if (view.undertaking) {
    const auto& promise = *view.undertaking;
    text += Line("Promise", "the seller signed to repay you on a claim, if this does not hold:");
    text += Paragraph("", promise.terms);
    text += Line("Claims", "from " + FormatTime(promise.deliver_by) + " to " +
                               FormatTime(promise.claim_until));
  }
  text += Line("Gateway", view.gateway_id);
  text += Line("CSBLK", view.csblk_id);
  return text;
}

std::string OfferAsJson(const participant::CsblkView& view, int64_t now) {
  protocol::JsonWriter json;
  json.String("status", "verified")
      .String("csblk_id", view.csblk_id)
      .String("goods", view.sblk.goods)
      .Raw("price", protocol::PrintPrice(view.sblk.price))
      .String("seller", view.seller_id)
      .String("account", view.account);
  if (!view.sblk.buyer.empty()) json.String("buyer", view.sblk.buyer);
  if (view.undertaking) {
    json.String("undertaking", view.undertaking->terms)
        .Integer("deliver_by", view.undertaking->deliver_by)
        .Integer("claim_until", view.undertaking->claim_until);
  }
  return json.Integer("issued", view.issued)
      .Integer("expires", view.expires)
      .Raw("expired", view.expires <= now ? "true" : "false")
      .String("gateway", view.gateway_id)
      .Take();
}

std::string ResultInWords(const participant::PaymentRecord& record) {
  const auto& p = record.payload;
  const bool buyer = record.kind == EvidenceKind::kReceipt;
  std::string text = buyer ? "Receipt, " : "Payment confirmation, ";
  text += OutcomeInWords(p.result, buyer ? "the money is irrevocably at the seller's bank"
                                         : "the money is irrevocably at your bank");
  text += Line("Goods", p.bblk.goods);
  text += Line("Price", p.bblk.price.ToString());
  if (buyer) text += Line("Seller", record.seller_id);
  if (!p.reason.empty()) text += Line("Reason", p.reason);
  text += Line("Authorised", FormatTime(p.authorised_at));
  text += Line("Signed", FormatTime(p.iat) + " by gateway " + p.iss);
  text += Line("Payment", p.payment_id);
  text += Line("CSBLK", record.csblk_id);
  if (!p.bank_reference.empty()) text += Line("Bank ref", p.bank_reference);
  return text;
}

std::string ResultAsJson(const participant::PaymentRecord& record) {
  const auto& p = record.payload;
  protocol::JsonWriter json;
  json.String("status", protocol::Name(p.result))
      .String("kind", record.kind == EvidenceKind::kReceipt ? "receipt" : "confirmation")
      .String("payment_id", p.payment_id)
      .String("csblk_id", record.csblk_id)
      .String("goods", p.bblk.goods)
      .Raw("price", protocol::PrintPrice(p.bblk.price))
      .String("seller", record.seller_id)
      .Integer("authorised_at", p.authorised_at)
      .Integer("signed_at", p.iat);
  if (!p.reason.empty()) json.String("reason", p.reason);
  if (!p.bank_reference.empty()) json.String("bank_reference", p.bank_reference);
  return json.Take();
}

std::string RefusalInWords(const participant::Refusal& refusal) {
  static const std::map<std::string, std::string> kMeaning = {
      {"enrolment-refused", "the bank does not accept this account and enrolment code; check both"},
      {"account-refused", "the bank says that the account cannot be used for this"},
      {"already-paid", "this CSBLK has been paid"},
      {"in-flight", "a payment of this CSBLK is being decided; try again in a minute"},
      {"csblk-expired", "the offer has expired; ask the seller for a new CSBLK"},
      {"csblk-cancelled", "the seller has withdrawn the offer"},
      {"csblk-unknown", "the gateway never issued this CSBLK"},
      {"certificate-revoked", "your certificate has been revoked; ask your bank"},
      {"certificate-invalid",
       "your certificate does not serve for this: it has expired, or it was renewed already, or it "
       "is too early to renew it (90 days before it expires)"},
      {"account-mismatch", "the account is not the one that your certificate is bound to"},
      {"refund-exceeds-payment", "more than is left of what was paid, refunds under way included"},
      {"claim-closed",
       "no claim can be made or answered: the seller gave no undertaking, it is too early or too "
       "late for it, or it was claimed, answered or decided before"},
      {"not-yours", "it belongs to somebody else"},
      {"not-found", "the gateway knows nothing of the kind that could be used for this"},
      {"same-account", "buyer and seller have the same account"},
      {"duplicate-sale", "this sale was certified before"},
      {"clock-skew", "the clock of this machine is wrong; set it and try again"},
      {"handshake-expired", "it took too long; start anew"},
      {"unsupported-currency", "the gateway does not handle this currency"},
  };
  std::string text = "Refused: " + refusal.code;
  if (const auto it = kMeaning.find(refusal.code); it != kMeaning.end()) text += ", " + it->second;
  if (!refusal.payment_id.empty()) text += " (payment " + refusal.payment_id + ")";
  text += refusal.is_signed
              ? "\nThe gateway signed this refusal: nothing was and nothing will be debited.\n"
              : "\nNothing that binds you was decided.\n";
  return text;
}

std::string RefusalAsJson(const participant::Refusal& refusal) {
  protocol::JsonWriter json;
  json.String("status", "refused").String("code", refusal.code);
  if (!refusal.payment_id.empty()) json.String("payment_id", refusal.payment_id);
  return json.Raw("signed", refusal.is_signed ? "true" : "false").Take();
}

}  // namespace paygate::wallet
