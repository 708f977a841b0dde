// acmt.023/024 (verification), camt.056/029 (recall), admi.002 (refusal), camt.053/054 (reports).
#include <cstdlib>

#include "bank/adapters/iso20022/internal/documents.h"
#include "bank/adapters/iso20022/rules.h"

namespace paygate::bank::iso20022 {
namespace {

constexpr const char* kParticipant = "PGID";
constexpr const char* kRegistration = "PGRG";
constexpr const char* kCode = "PGEC";
constexpr const char* kClosed = "AC04";
constexpr size_t kMaxChannels = 16;

void PutAssignment(pugi::xml_node root, const Header& header, const char* id) {
  Put(root, std::string("Assgnmt/") + id, header.id);
  // acmt has the time second, camt last.
  if (std::string_view(id) == "MsgId") Put(root, "Assgnmt/CreDtTm", FormatTime(header.created));
  PutAgent(root, "Assgnmt/Assgnr/Agt", header.from);
  PutAgent(root, "Assgnmt/Assgne/Agt", header.to);
  if (std::string_view(id) == "Id") Put(root, "Assgnmt/CreDtTm", FormatTime(header.created));
}

void CheckAssignment(Reader& r, const Header& header, const std::string& path) {
  r.Require(r.Text(path) == header.id, path + " is not the header's BizMsgIdr");
}

void PutChannel(pugi::xml_node contact, const char* channel, const std::string& id) {
  if (id.empty()) return;
  pugi::xml_node other = contact.append_child("Othr");
  Put(other, "ChanlTp", channel);
  Put(other, "Id", id);
}

std::string Amount(int64_t minor_units, const base::Currency& currency) {
  return base::FormatMinorUnits(std::llabs(minor_units), currency);
}

void PutSigned(pugi::xml_node parent, int64_t minor_units, const base::Currency& currency) {
  pugi::xml_node amount = parent.append_child("Amt");
  amount.append_attribute("Ccy").set_value(std::string(currency.code()).c_str());
  amount.text().set(Amount(minor_units, currency).c_str());
  Put(parent, "CdtDbtInd", minor_units < 0 ? "DBIT" : "CRDT");
}

void PutBalance(pugi::xml_node report, const char* code, int64_t minor_units,
                const base::Currency& currency, int64_t at) {
  pugi::xml_node balance = report.append_child("Bal");
  Put(balance, "Tp/CdOrPrtry/Cd", code);
  PutSigned(balance, minor_units, currency);
  Put(balance, "Dt/DtTm", FormatTime(at));
}

void PutEntry(pugi::xml_node report, const Entry& e, const base::Currency& currency) {
  pugi::xml_node entry = report.append_child("Ntry");
  PutSigned(entry, e.amount, currency);
  Put(entry, "Sts/Cd", "BOOK");
  Put(entry, "BookgDt/DtTm", FormatTime(e.booked));
  PutIf(entry, "AcctSvcrRef", e.reference);
  Put(entry, "BkTxCd/Domn/Cd", "PMNT");
  Put(entry, "BkTxCd/Domn/Fmly/Cd", e.amount < 0 ? "IRCT" : "RRCT");
  Put(entry, "BkTxCd/Domn/Fmly/SubFmlyCd", "OTHR");
  pugi::xml_node references = Add(entry, "NtryDtls/TxDtls/Refs");
  PutIf(references, "EndToEndId", e.transaction_id);
  PutIf(references, "UETR", e.uetr);
  PutIf(references, "TxId", e.transaction_id);
}

base::Result<Body> ReadParticipantNotice(Reader& rpt) {
  const std::string verified = rpt.Text("Vrfctn", 5);
  rpt.Require(verified == "false" || verified == "0", "a notice must say that nothing is verified");
  ParticipantNotice n{.id = rpt.Text("OrgnlId"),
                      .closed = rpt.OptionalText("Rsn/Cd", 4) == kClosed,
                      .reason = rpt.OptionalText("Rsn/Prtry")};
  for (pugi::xml_node node : rpt.All("OrgnlPtyAndAcctId/Pty/CtctDtls", "Othr", kMaxChannels)) {
    Reader other(node, rpt);
    if (other.Text("ChanlTp", 4) != kParticipant) continue;
    rpt.Require(n.participant_id.empty(), "a contact channel stands twice");
    n.participant_id = other.Text("Id", 64);
  }
  rpt.Require(!n.participant_id.empty(), "a notice names no participant (contact channel PGID)");
  RETURN_IF_ERROR(rpt.status());
  return Body(std::move(n));
}

}  // namespace

void Write(pugi::xml_node document, const Header& header, const VerificationRequest& v) {
  pugi::xml_node root = document.append_child("IdVrfctnReq");
  PutAssignment(root, header, "MsgId");
  Put(root, "Vrfctn/Id", v.id);
  pugi::xml_node contact = Add(root, "Vrfctn/PtyAndAcctId/Pty/CtctDtls");
  PutChannel(contact, kParticipant, v.participant_id);
  PutChannel(contact, kRegistration, v.registration_digest);
  PutChannel(contact, kCode, v.enrolment_code);
  Put(root, "Vrfctn/PtyAndAcctId/Acct/Id/IBAN", v.account);
}

base::Result<Body> ReadVerificationRequest(Reader& r, const Header& header) {
  CheckAssignment(r, header, "IdVrfctnReq/Assgnmt/MsgId");
  Reader v(r.Node("IdVrfctnReq/Vrfctn"), r);
  VerificationRequest request{.id = v.Text("Id"),
                              .account = v.Text("PtyAndAcctId/Acct/Id/IBAN", 34)};
  v.Require(IsIban(request.account), "Acct/Id/IBAN is not an IBAN with right check digits");
  for (pugi::xml_node node : v.All("PtyAndAcctId/Pty/CtctDtls", "Othr", kMaxChannels)) {
    Reader other(node, r);
    const std::string channel = other.Text("ChanlTp", 4);
    std::string* field = channel == kParticipant    ? &request.participant_id
                         : channel == kRegistration ? &request.registration_digest
                         : channel == kCode         ? &request.enrolment_code
                                                    : nullptr;
    if (!field) continue;
    v.Require(field->empty(), "a contact channel stands twice");
    *field = other.Text("Id", 128);
  }
  v.Require(request.registration_digest.empty() == request.enrolment_code.empty(),
            "an enrolment needs both the code and the registration's digest");
  RETURN_IF_ERROR(r.status());
  return Body(std::move(request));
}

void Write(pugi::xml_node document, const Header& header, const VerificationReport& v) {
  pugi::xml_node root = document.append_child("IdVrfctnRpt");
  PutAssignment(root, header, "MsgId");
  Put(root, "OrgnlAssgnmt/MsgId", v.original_message_id);
  Put(root, "OrgnlAssgnmt/CreDtTm", FormatTime(header.created));
  Put(root, "Rpt/OrgnlId", v.id);
  Put(root, "Rpt/Vrfctn", v.verified ? "true" : "false");
  PutIf(root, "Rpt/Rsn/Cd", v.verified ? "" : v.reason);
  PutIf(root, "Rpt/UpdtdPtyAndAcctId/Acct/Ccy", v.verified ? v.currency : "");
}

void Write(pugi::xml_node document, const Header& header, const ParticipantNotice& n) {
  pugi::xml_node root = document.append_child("IdVrfctnRpt");
  PutAssignment(root, header, "MsgId");
  Put(root, "Rpt/OrgnlId", n.id);
  Put(root, "Rpt/Vrfctn", "false");
  Put(root, n.closed ? "Rpt/Rsn/Cd" : "Rpt/Rsn/Prtry", n.closed ? kClosed : n.reason);
  PutChannel(Add(root, "Rpt/OrgnlPtyAndAcctId/Pty/CtctDtls"), kParticipant, n.participant_id);
}

base::Result<Body> ReadVerificationReport(Reader& r, const Header& header) {
  CheckAssignment(r, header, "IdVrfctnRpt/Assgnmt/MsgId");
  Reader rpt(r.Node("IdVrfctnRpt/Rpt"), r);
  if (r.OptionalText("IdVrfctnRpt/OrgnlAssgnmt/MsgId").empty()) return ReadParticipantNotice(rpt);
  const std::string verified = rpt.Text("Vrfctn", 5);
  rpt.Require(verified == "true" || verified == "false" || verified == "1" || verified == "0",
              "Rpt/Vrfctn is not a truth value");
  VerificationReport v{.original_message_id = r.Text("IdVrfctnRpt/OrgnlAssgnmt/MsgId"),
                       .id = rpt.Text("OrgnlId"),
                       .verified = verified == "true" || verified == "1",
                       .reason = rpt.OptionalText("Rsn/Cd", 4),
                       .currency = rpt.OptionalText("UpdtdPtyAndAcctId/Acct/Ccy", 3)};
  RETURN_IF_ERROR(r.status());
  return Body(std::move(v));
}

void Write(pugi::xml_node document, const Header& header, const CancellationRequest& c) {
  pugi::xml_node root = document.append_child("FIToFIPmtCxlReq");
  PutAssignment(root, header, "Id");
  Put(root, "CtrlData/NbOfTxs", "1");
  pugi::xml_node tx = Add(root, "Undrlyg/TxInf");
  Put(tx, "CxlId", c.id);
  PutOriginal(tx, c.original);
  Put(tx, "CxlRsnInf/Rsn/Cd", c.reason);
}

base::Result<Body> ReadCancellationRequest(Reader& r, const Header& header) {
  CheckAssignment(r, header, "FIToFIPmtCxlReq/Assgnmt/Id");
  Reader tx(r.Node("FIToFIPmtCxlReq/Undrlyg/TxInf"), r);
  CancellationRequest c{.id = tx.Text("CxlId"),
                        .original = ReadOriginal(tx),
                        .reason = tx.Text("CxlRsnInf/Rsn/Cd", 4)};
  tx.Require(!c.original.transaction_id.empty(), "OrgnlTxId is missing");
  RETURN_IF_ERROR(r.status());
  return Body(std::move(c));
}

void Write(pugi::xml_node document, const Header& header, const CancellationResult& c) {
  pugi::xml_node root = document.append_child("RsltnOfInvstgtn");
  PutAssignment(root, header, "Id");
  Put(root, "Sts/Conf", c.cancelled ? "CNCL" : "RJCR");
  pugi::xml_node tx = Add(root, "CxlDtls/TxInfAndSts");
  Put(tx, "CxlStsId", c.id);
  PutOriginal(tx, c.original);
  Put(tx, "TxCxlSts", c.cancelled ? "ACCR" : "RJCR");
  PutIf(tx, "CxlStsRsnInf/Rsn/Cd", c.cancelled ? "" : c.reason);
}

base::Result<Body> ReadCancellationResult(Reader& r, const Header& header) {
  CheckAssignment(r, header, "RsltnOfInvstgtn/Assgnmt/Id");
  Reader tx(r.Node("RsltnOfInvstgtn/CxlDtls/TxInfAndSts"), r);
  const std::string status = tx.Text("TxCxlSts", 4);
  tx.Require(status == "ACCR" || status == "RJCR", "TxCxlSts is not final");
  CancellationResult c{.id = tx.OptionalText("CxlStsId"),
                       .original = ReadOriginal(tx),
                       .cancelled = status == "ACCR",
                       .reason = tx.OptionalText("CxlStsRsnInf/Rsn/Cd", 4)};
  RETURN_IF_ERROR(r.status());
  return Body(std::move(c));
}

void Write(pugi::xml_node document, const Header& header, const MessageRejection& m) {
  pugi::xml_node root = document.append_child("admi.002.001.01");
  Put(root, "RltdRef/Ref", m.reference);
  Put(root, "Rsn/RjctgPtyRsn", m.reason);
  Put(root, "Rsn/RjctnDtTm", FormatTime(header.created));
  PutIf(root, "Rsn/RsnDesc", m.description);
}

base::Result<Body> ReadMessageRejection(Reader& r, const Header&) {
  Reader root(r.Node("admi.002.001.01"), r);
  MessageRejection m{.reference = root.Text("RltdRef/Ref"),
                     .reason = root.Text("Rsn/RjctgPtyRsn"),
                     .description = root.OptionalText("Rsn/RsnDesc", 1400)};
  RETURN_IF_ERROR(r.status());
  return Body(std::move(m));
}

void Write(pugi::xml_node document, const Header& header, const AccountReport& a) {
  pugi::xml_node root =
      document.append_child(a.statement ? "BkToCstmrStmt" : "BkToCstmrDbtCdtNtfctn");
  Put(root, "GrpHdr/MsgId", header.id);
  Put(root, "GrpHdr/CreDtTm", FormatTime(header.created));
  pugi::xml_node report = root.append_child(a.statement ? "Stmt" : "Ntfctn");
  Put(report, "Id", a.id);
  Put(report, "CreDtTm", FormatTime(header.created));
  Put(report, "Acct/Id/IBAN", a.account);
  Put(report, "Acct/Ccy", a.currency.code());
  if (a.statement) {
    PutBalance(report, "OPBD", a.opening, a.currency, header.created);
    PutBalance(report, "CLBD", a.closing, a.currency, header.created);
  }
  for (const Entry& e : a.entries) PutEntry(report, e, a.currency);
}

}  // namespace paygate::bank::iso20022
