// pacs.008, pacs.028, pacs.002 and pacs.004: transfers, what became of them, and money back.
#include "bank/adapters/iso20022/internal/documents.h"
#include "bank/adapters/iso20022/rules.h"

namespace paygate::bank::iso20022 {
namespace {

constexpr size_t kMaxRemittanceLines = 16;
constexpr size_t kMaxStatuses = 64;
constexpr std::string_view kReturnDeadline = "/RJCTDTTM/";
constexpr std::string_view kOwnId = "/PGID/";
constexpr size_t kMaxInformation = 16;
// Parties have names in the schema, which no gateway of ours learns (EPC rule for an unknown name).
constexpr std::string_view kNoName = "NOTPROVIDED";

void CheckHeader(Reader& r, const Header& header, const std::string& root) {
  r.Require(r.Text(root + "/GrpHdr/MsgId") == header.id, "MsgId is not the header's BizMsgIdr");
  r.Time(root + "/GrpHdr/CreDtTm");
}

void CheckOne(Reader& r, const std::string& root) {
  r.Require(r.Text(root + "/GrpHdr/NbOfTxs", 15) == "1",
            "a message must hold one transaction (NbOfTxs)");
}

// SttlmInf and amount in the header, as the schemas order them.
void PutGroup(pugi::xml_node root, const Header& header, const char* total,
              const base::Money& amount, int64_t day) {
  Put(root, "GrpHdr/MsgId", header.id);
  Put(root, "GrpHdr/CreDtTm", FormatTime(header.created));
  Put(root, "GrpHdr/NbOfTxs", "1");
  PutAmount(root, std::string("GrpHdr/") + total, amount);
  Put(root, "GrpHdr/IntrBkSttlmDt", FormatDate(day));
  Put(root, "GrpHdr/SttlmInf/SttlmMtd", "CLRG");
  PutAgent(root, "GrpHdr/InstgAgt", header.from);
  PutAgent(root, "GrpHdr/InstdAgt", header.to);
}

base::Result<base::Money> ReadAmount(Reader& r, const std::string& path) {
  const std::string text = r.Text(path, 20);
  const std::string currency = r.Attribute(path, "Ccy", 3);
  RETURN_IF_ERROR(r.status());
  return ParseAmount(text, currency);
}

std::string ReadIban(Reader& r, const std::string& path) {
  const std::string iban = r.Text(path, 34);
  r.Require(IsIban(iban), path + " is not an IBAN with right check digits");
  return iban;
}

std::string ReadAgent(Reader& r, const std::string& path) {
  const std::string bic = r.Text(path + "/FinInstnId/BICFI");
  r.Require(IsBic(bic), path + " is not a BIC");
  return bic;
}

std::string ReadId(Reader& r, const std::string& path) {
  const std::string id = r.Text(path);
  r.Require(IsId(id), path + " holds characters that networks do not carry");
  return id;
}

}  // namespace

void Write(pugi::xml_node document, const Header& header, const CreditTransfer& t) {
  pugi::xml_node root = document.append_child("FIToFICstmrCdtTrf");
  PutGroup(root, header, "TtlIntrBkSttlmAmt", t.amount, t.accepted);
  pugi::xml_node tx = root.append_child("CdtTrfTxInf");
  PutIf(tx, "PmtId/InstrId", t.instruction_id);
  Put(tx, "PmtId/EndToEndId", t.end_to_end_id);
  Put(tx, "PmtId/TxId", t.transaction_id);
  Put(tx, "PmtId/UETR", t.uetr);
  Put(tx, "PmtTpInf/LclInstrm/Cd", "INST");
  PutAmount(tx, "IntrBkSttlmAmt", t.amount);
  Put(tx, "SttlmTmReq/RjctTm", FormatTimeOfDay(t.deadline));
  Put(tx, "AccptncDtTm", FormatTime(t.accepted));
  Put(tx, "ChrgBr", "SLEV");
  Put(tx, "Dbtr/Nm", kNoName);
  Put(tx, "DbtrAcct/Id/IBAN", t.debtor_account);
  PutAgent(tx, "DbtrAgt", t.debtor_agent);
  PutAgent(tx, "CdtrAgt", t.creditor_agent);
  Put(tx, "Cdtr/Nm", kNoName);
  Put(tx, "CdtrAcct/Id/IBAN", t.creditor_account);
  if (t.remittance.empty()) return;
  pugi::xml_node information = Add(tx, "RmtInf");
  for (const std::string& line : t.remittance) Put(information, "Ustrd", line);
}

base::Result<Body> ReadCreditTransfer(Reader& r, const Header& header) {
  CheckHeader(r, header, "FIToFICstmrCdtTrf");
  CheckOne(r, "FIToFICstmrCdtTrf");
  Reader tx(r.Node("FIToFICstmrCdtTrf/CdtTrfTxInf"), r);
  RETURN_IF_ERROR(r.status());
  ASSIGN_OR_RETURN(const base::Money amount, ReadAmount(tx, "IntrBkSttlmAmt"));
  CreditTransfer t{.instruction_id = tx.OptionalText("PmtId/InstrId"),
                   .end_to_end_id = ReadId(tx, "PmtId/EndToEndId"),
                   .transaction_id = ReadId(tx, "PmtId/TxId"),
                   .uetr = tx.Text("PmtId/UETR", 36),
                   .amount = amount,
                   .accepted = tx.Time("AccptncDtTm"),
                   .debtor_account = ReadIban(tx, "DbtrAcct/Id/IBAN"),
                   .debtor_agent = ReadAgent(tx, "DbtrAgt"),
                   .creditor_account = ReadIban(tx, "CdtrAcct/Id/IBAN"),
                   .creditor_agent = ReadAgent(tx, "CdtrAgt")};
  tx.Require(IsUetr(t.uetr), "PmtId/UETR is not a version 4 UUID in lower case");
  tx.Text("ChrgBr", 4);
  tx.Take(ParseTimeOfDay(tx.Text("SttlmTmReq/RjctTm"), t.accepted), t.deadline,
          "SttlmTmReq/RjctTm is not a time with its offset");
  for (pugi::xml_node line : tx.All("RmtInf", "Ustrd", kMaxRemittanceLines))
    t.remittance.emplace_back(line.child_value());
  RETURN_IF_ERROR(r.status());
  return Body(std::move(t));
}

void Write(pugi::xml_node document, const Header& header, const StatusRequest& s) {
  pugi::xml_node root = document.append_child("FIToFIPmtStsReq");
  Put(root, "GrpHdr/MsgId", header.id);
  Put(root, "GrpHdr/CreDtTm", FormatTime(header.created));
  PutAgent(root, "GrpHdr/InstgAgt", header.from);
  PutAgent(root, "GrpHdr/InstdAgt", header.to);
  PutOriginal(root.append_child("TxInf"), s.original);
}

base::Result<Body> ReadStatusRequest(Reader& r, const Header& header) {
  CheckHeader(r, header, "FIToFIPmtStsReq");
  Reader tx(r.Node("FIToFIPmtStsReq/TxInf"), r);
  StatusRequest s{ReadOriginal(tx)};
  tx.Require(!s.original.transaction_id.empty(), "OrgnlTxId is missing");
  RETURN_IF_ERROR(r.status());
  return Body(std::move(s));
}

void Write(pugi::xml_node document, const Header& header, const StatusReport& s) {
  pugi::xml_node root = document.append_child("FIToFIPmtStsRpt");
  Put(root, "GrpHdr/MsgId", header.id);
  Put(root, "GrpHdr/CreDtTm", FormatTime(header.created));
  PutAgent(root, "GrpHdr/InstgAgt", header.from);
  PutAgent(root, "GrpHdr/InstdAgt", header.to);
  for (const TransactionStatus& t : s.transactions) {
    pugi::xml_node tx = root.append_child("TxInfAndSts");
    PutOriginal(tx, t.original);
    Put(tx, "TxSts", t.status);
    PutIf(tx, "StsRsnInf/Rsn/Cd", t.reason);
    PutIf(tx, "AcctSvcrRef", t.reference);
  }
}

base::Result<Body> ReadStatusReport(Reader& r, const Header& header) {
  CheckHeader(r, header, "FIToFIPmtStsRpt");
  StatusReport report;
  for (pugi::xml_node node : r.All("FIToFIPmtStsRpt", "TxInfAndSts", kMaxStatuses)) {
    Reader tx(node, r);
    TransactionStatus t{.original = ReadOriginal(tx), .status = tx.Text("TxSts", 4)};
    // Several reasons may stand there; the first with a code counts.
    for (pugi::xml_node information : tx.All("", "StsRsnInf", kMaxStatuses)) {
      Reader reason(information, r);
      if (t.reason.empty()) t.reason = reason.OptionalText("Rsn/Cd", 4);
    }
    t.reference = tx.OptionalText("AcctSvcrRef");
    report.transactions.push_back(std::move(t));
  }
  RETURN_IF_ERROR(r.status());
  return Body(std::move(report));
}

void Write(pugi::xml_node document, const Header& header, const PaymentReturn& p) {
  pugi::xml_node root = document.append_child("PmtRtr");
  PutGroup(root, header, "TtlRtrdIntrBkSttlmAmt", p.amount, header.created);
  pugi::xml_node tx = root.append_child("TxInf");
  Put(tx, "RtrId", p.return_id);
  PutOriginal(tx, p.original);
  PutAmount(tx, "RtrdIntrBkSttlmAmt", p.amount);
  Put(tx, "ChrgBr", "SLEV");
  Put(tx, "RtrRsnInf/Rsn/Cd", p.reason);
  Put(tx, "RtrRsnInf/AddtlInf", std::string(kReturnDeadline) + FormatTime(p.deadline));
  if (!p.refund_id.empty())
    Put(tx, "RtrRsnInf/AddtlInf", std::string(kOwnId) + p.refund_id);
}

base::Result<Body> ReadPaymentReturn(Reader& r, const Header& header) {
  CheckHeader(r, header, "PmtRtr");
  CheckOne(r, "PmtRtr");
  Reader tx(r.Node("PmtRtr/TxInf"), r);
  RETURN_IF_ERROR(r.status());
  ASSIGN_OR_RETURN(const base::Money amount, ReadAmount(tx, "RtrdIntrBkSttlmAmt"));
  PaymentReturn p{.return_id = ReadId(tx, "RtrId"),
                  .original = ReadOriginal(tx),
                  .amount = amount,
                  .reason = tx.Text("RtrRsnInf/Rsn/Cd", 4)};
  tx.Require(!p.original.transaction_id.empty(), "OrgnlTxId is missing");
  std::string deadline;
  for (pugi::xml_node node : tx.All("RtrRsnInf", "AddtlInf", kMaxInformation)) {
    const std::string text = node.child_value();
    tx.Require(text.size() <= 105, "RtrRsnInf/AddtlInf is too long");
    if (text.starts_with(kReturnDeadline)) deadline = text;
    if (text.starts_with(kOwnId)) p.refund_id = text.substr(kOwnId.size());
  }
  const bool marked = !deadline.empty();
  tx.Require(marked, "RtrRsnInf/AddtlInf lacks the deadline (/RJCTDTTM/)");
  if (marked)
    tx.Take(ParseTime(std::string_view(deadline).substr(kReturnDeadline.size())), p.deadline,
            "RtrRsnInf/AddtlInf: the deadline is not a time");
  RETURN_IF_ERROR(r.status());
  return Body(std::move(p));
}

}  // namespace paygate::bank::iso20022
