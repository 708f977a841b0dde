#include "gateway/engine/operator_commands.h"

#include "base/meter.h"
#include "base/outside_text.h"
#include "protocol/certificate.h"
#include "protocol/json.h"
#include "protocol/values.h"

namespace paygate::gateway::engine {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using protocol::JsonWriter;
using storage::RevocationReason;
using Arguments = Control::Arguments;

constexpr std::pair<RevocationReason, const char*> kReasons[] = {
    {RevocationReason::kKeyCompromise, "keyCompromise"},
    {RevocationReason::kCessationOfOperation, "cessationOfOperation"},
    {RevocationReason::kSuperseded, "superseded"}};

std::string NameOf(RevocationReason reason) {
  for (const auto& [each, name] : kReasons) {
    if (each == reason) return name;
  }
  return "";
}

int64_t Seconds(base::UnixTime time) { return base::ToNumericDate(time); }

std::string StatusOf(const storage::RegisteredCertificates& pair) {
  if (pair.revoked != RevocationReason::kNone) return "revoked";
  return pair.held ? "held" : "good";
}

Result<std::string> PrintCertificate(const std::string& der, const char* use) {
  ASSIGN_OR_RETURN(const auto certificate, protocol::Certificate::Parse(der));
  return JsonWriter()
      .String("use", use)
      .String("fingerprint", certificate.fingerprint())
      .String("serial", certificate.serial_hex())
      .Integer("not_before", Seconds(certificate.not_before()))
      .Integer("not_after", Seconds(certificate.not_after()))
      .Take();
}

Result<std::string> PrintPair(const storage::RegisteredCertificates& pair) {
  ASSIGN_OR_RETURN(std::string v, PrintCertificate(pair.signature_certificate, "signature"));
  ASSIGN_OR_RETURN(std::string p, PrintCertificate(pair.encryption_certificate, "encryption"));
  JsonWriter json;
  json.String("status", StatusOf(pair));
  if (pair.revoked != RevocationReason::kNone) {
    json.String("reason", NameOf(pair.revoked)).Integer("revoked_at", Seconds(pair.revoked_at));
  }
  return json.RawArray("certificates", {v, p}).Take();
}

// Since the engine started: {"queue":{"count","operations","micros"},…}
std::string PrintMeters() {
  JsonWriter json;
  for (size_t i = 0; i < base::kMeters; ++i) {
    const auto meter = static_cast<base::Meter>(i);
    const base::MeterSum sum = base::Read(meter);
    json.Raw(base::Name(meter), JsonWriter()
                                    .Integer("count", static_cast<int64_t>(sum.count))
                                    .Integer("operations", static_cast<int64_t>(sum.operations))
                                    .Integer("micros", static_cast<int64_t>(sum.micros))
                                    .Take());
  }
  return json.Take();
}

Result<std::string> Status(const OperatorParts& p) {
  const auto bank = p.bank.GetCapabilities();
  JsonWriter json;
  json.String("gateway", p.gateway_id)
      .Integer("now", Seconds(p.clock.Now()))
      .Raw("store_healthy", p.store.Healthy() ? "true" : "false")
      .Raw("bank_connected", bank ? "true" : "false")
      .Raw("bank_healthy", p.bank.Healthy() ? "true" : "false")
      .Integer("open_intents", static_cast<int64_t>(p.store.payments().OpenCount()));
  if (bank) {
    ASSIGN_OR_RETURN(const std::string cursor, p.store.bank_notices().Cursor(bank->adapter));
    json.String("bank_adapter", base::PrintableText(bank->adapter))
        .String("bank_notices", base::PrintableText(cursor));
  }
  return json.Raw("meters", PrintMeters()).Take();
}

Result<std::string> ListParticipants(const storage::CertificateRegister& certificates,
                                     const Arguments& arguments) {
  ASSIGN_OR_RETURN(const uint64_t limit,
                   WholeNumber(arguments, "limit", kDefaultPage, 1, kLargestPage));
  ASSIGN_OR_RETURN(const auto ids, certificates.ListParticipants(arguments.at("after"), limit));
  std::vector<std::string> rows;
  for (const std::string& id : ids) {
    ASSIGN_OR_RETURN(const auto pairs, certificates.FindByParticipant(id));
    if (pairs.empty()) continue;
    ASSIGN_OR_RETURN(const auto newest,
                     protocol::Certificate::Parse(pairs.front().signature_certificate));
    rows.push_back(JsonWriter()
                       .String("id", id)
                       .String("status", StatusOf(pairs.front()))
                       .Integer("not_after", Seconds(newest.not_after()))
                       .Integer("pairs", static_cast<int64_t>(pairs.size()))
                       .Take());
  }
  return JsonWriter()
      .RawArray("participants", rows)
      .String("next", ids.size() == limit ? ids.back() : "")
      .Take();
}

Result<std::string> ShowParticipant(const storage::CertificateRegister& certificates,
                                    const std::string& id) {
  ASSIGN_OR_RETURN(const auto pairs, certificates.FindByParticipant(id));
  if (pairs.empty()) return Fail(ErrorCode::kNotFound, "no participant has the ID " + id);
  ASSIGN_OR_RETURN(const auto held, certificates.FindHold(id));
  std::vector<std::string> rows;
  for (const auto& pair : pairs) {
    ASSIGN_OR_RETURN(std::string row, PrintPair(pair));
    rows.push_back(std::move(row));
  }
  JsonWriter json;
  json.String("id", id).String("status", StatusOf(pairs.front()));
  if (held) json.Integer("held_since", Seconds(held->since)).String("note", held->note);
  return json.RawArray("pairs", rows).Take();
}

Result<std::string> ShowCertificate(const storage::CertificateRegister& certificates,
                                    const std::string& fingerprint) {
  ASSIGN_OR_RETURN(const auto pair, certificates.FindByFingerprint(fingerprint));
  if (!pair) return Fail(ErrorCode::kNotFound, "no certificate has the x5t#S256 " + fingerprint);
  for (const std::string* der : {&pair->signature_certificate, &pair->encryption_certificate}) {
    ASSIGN_OR_RETURN(const auto certificate, protocol::Certificate::Parse(*der));
    if (certificate.fingerprint() != fingerprint) continue;
    const bool signs = der == &pair->signature_certificate;
    ASSIGN_OR_RETURN(std::string shown, PrintCertificate(*der, signs ? "signature" : "encryption"));
    JsonWriter json;
    json.String("participant", pair->participant_id).String("status", StatusOf(*pair));
    if (pair->revoked != RevocationReason::kNone) {
      json.String("reason", NameOf(pair->revoked)).Integer("revoked_at", Seconds(pair->revoked_at));
    }
    return json.Raw("certificate", shown).String("pem", certificate.ToPem()).Take();
  }
  return Fail(ErrorCode::kInternal, "the register and its certificates do not fit");
}

std::string PrintPayment(const storage::Payment& payment) {
  const storage::IntentRecord& intent = payment.intent.record();
  JsonWriter json;
  json.String("payment_id", intent.payment_id)
      .String("state", !payment.settlement                           ? "open"
                       : !payment.settlement->outcome().completed    ? "failed"
                                                                     : "completed")
      .String("csblk_id", intent.csblk_id)
      .String("buyer", intent.buyer_id)
      .String("seller", intent.seller_id)
      .String("amount", intent.amount.ToString())
      .Integer("recorded_at", Seconds(intent.recorded_at))
      .Integer("deadline", Seconds(intent.deadline))
      .Raw("results_signed", payment.results.receipt.empty() ? "false" : "true");
  if (intent.is_refund()) json.String("refund_of", intent.refund_of);
  if (payment.settlement) {
    const auto& outcome = payment.settlement->outcome();
    json.Integer("settled_at", Seconds(payment.settlement->settled_at()));
    if (!outcome.reason.empty()) json.String("reason", base::PrintableText(outcome.reason));
    if (!outcome.bank_reference.empty()) {
      json.String("bank_reference", base::PrintableText(outcome.bank_reference));
    }
  }
  return json.Take();
}

Result<std::string> ShowPayment(const storage::AuthorisationReader& payments,
                                const std::string& id) {
  ASSIGN_OR_RETURN(const auto payment, payments.Find(id));
  if (!payment) return Fail(ErrorCode::kNotFound, "no payment has the ID " + id);
  return PrintPayment(*payment);
}

Result<std::string> ListIntents(const storage::AuthorisationReader& payments,
                                const Arguments& arguments) {
  ASSIGN_OR_RETURN(const uint64_t limit,
                   WholeNumber(arguments, "limit", kDefaultPage, 1, kLargestPage));
  std::vector<std::string> rows;
  for (const std::string& id : payments.OldestOpen(limit)) {
    const auto payment = payments.Find(id);
    if (!payment) {  // one that is damaged hides no other
      rows.push_back(JsonWriter()
                         .String("payment_id", id)
                         .String("damaged", payment.error().message)
                         .Take());
    } else if (*payment && (*payment)->results.receipt.empty()) {
      rows.push_back(PrintPayment(**payment));
    }
  }
  return JsonWriter()
      .RawArray("intents", rows)
      .Integer("open", static_cast<int64_t>(payments.OpenCount()))
      .Take();
}

Result<std::string> Revoke(const OperatorParts& p, const Arguments& arguments) {
  for (const auto& [reason, name] : kReasons) {
    if (arguments.at("reason") != name) continue;
    RETURN_IF_ERROR(p.store.certificates().Revoke(arguments.at("id"), reason, p.clock.Now(), {}));
    return ShowParticipant(p.store.certificates(), arguments.at("id"));
  }
  return Fail(ErrorCode::kInvalidArgument,
              "reason is keyCompromise, cessationOfOperation or superseded");
}

Result<std::string> Hold(const OperatorParts& p, const Arguments& arguments) {
  const std::string& note = arguments.at("note");
  if (!note.empty() && !protocol::CheckGoods(note)) {
    return Fail(ErrorCode::kInvalidArgument, "note is one line of at most 1024 bytes");
  }
  RETURN_IF_ERROR(p.store.certificates().Hold(arguments.at("id"), note, p.clock.Now()));
  return ShowParticipant(p.store.certificates(), arguments.at("id"));
}

Result<std::string> Release(const OperatorParts& p, const Arguments& arguments) {
  RETURN_IF_ERROR(p.store.certificates().Release(arguments.at("id"), p.clock.Now()));
  return ShowParticipant(p.store.certificates(), arguments.at("id"));
}

}  // namespace

void AddOperatorCommands(const OperatorParts& p, Control& control) {
  using enum Control::Effect;
  control.Add("status", {kReads, {}, {}, [p](const Arguments&) { return Status(p); }});
  control.Add("participants.list", {kReads, {}, {"after", "limit"}, [p](const Arguments& a) {
                return ListParticipants(p.store.certificates(), a);
              }});
  control.Add("participants.show", {kReads, {"id"}, {}, [p](const Arguments& a) {
                return ShowParticipant(p.store.certificates(), a.at("id"));
              }});
  control.Add("certificates.show", {kReads, {"fingerprint"}, {}, [p](const Arguments& a) {
                return ShowCertificate(p.store.certificates(), a.at("fingerprint"));
              }});
  control.Add("payments.show", {kReads, {"payment_id"}, {}, [p](const Arguments& a) {
                return ShowPayment(p.store.payments(), a.at("payment_id"));
              }});
  control.Add("intents.list", {kReads, {}, {"limit"}, [p](const Arguments& a) {
                return ListIntents(p.store.payments(), a);
              }});
  control.Add("participants.revoke",
              {kActs, {"id", "reason"}, {}, [p](const Arguments& a) { return Revoke(p, a); }});
  control.Add("participants.hold",
              {kActs, {"id"}, {"note"}, [p](const Arguments& a) { return Hold(p, a); }});
  control.Add("participants.release",
              {kActs, {"id"}, {}, [p](const Arguments& a) { return Release(p, a); }});
}

}  // namespace paygate::gateway::engine
