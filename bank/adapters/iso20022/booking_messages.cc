// camt.054 as a bank's statement of what it has booked on the gateway's orders. The orders are no
// account of the gateway's: Acct names them as a whole, so that no customer's number travels, and
// no balance is made up for them (which a camt.053 would need).
#include <charconv>

#include "bank/adapters/iso20022/internal/documents.h"
#include "bank/adapters/iso20022/rules.h"

namespace paygate::bank::iso20022 {
namespace {

constexpr std::string_view kOwnId = "/PGID/";

void PutBooking(pugi::xml_node report, const OrderBooking& b) {
  pugi::xml_node entry = report.append_child("Ntry");
  Put(entry, "NtryRef", std::to_string(b.number));
  PutAmount(entry, "Amt", b.amount);
  Put(entry, "CdtDbtInd", b.is_return ? "CRDT" : "DBIT");  // as the payer sees it
  Put(entry, "Sts/Cd", "BOOK");
  Put(entry, "BookgDt/DtTm", FormatTime(b.booked));
  PutIf(entry, "AcctSvcrRef", b.reference);
  Put(entry, "BkTxCd/Domn/Cd", "PMNT");
  Put(entry, "BkTxCd/Domn/Fmly/Cd", b.is_return ? "RRCT" : "IRCT");
  Put(entry, "BkTxCd/Domn/Fmly/SubFmlyCd", b.is_return ? "RRTN" : "OTHR");
  pugi::xml_node details = Add(entry, "NtryDtls/TxDtls");
  pugi::xml_node references = details.append_child("Refs");
  PutIf(references, "EndToEndId", b.is_return ? "" : b.transaction_id);
  PutIf(references, "UETR", b.uetr);
  Put(references, "TxId", b.transaction_id);
  const std::string own = b.own_id.empty() ? "" : std::string(kOwnId) + b.own_id;
  if (b.is_return)
    PutIf(details.append_child("RtrInf"), "AddtlInf", own);
  else
    PutIf(details, "RmtInf/Ustrd", own);
}

uint64_t ReadNumber(Reader& r, const char* path) {
  const std::string text = r.Text(path, 20);
  uint64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  r.Require(error == std::errc() && rest == text.data() + text.size(),
            std::string(path) + " is not a number");
  return number;
}

base::Result<OrderBooking> ReadBooking(Reader& entry) {
  const std::string text = entry.Text("Amt", 20);
  const std::string currency = entry.Attribute("Amt", "Ccy", 3);
  RETURN_IF_ERROR(entry.status());
  ASSIGN_OR_RETURN(const base::Money amount, ParseAmount(text, currency));
  OrderBooking b{.number = ReadNumber(entry, "NtryRef"),
                 .amount = amount,
                 .booked = entry.Time("BookgDt/DtTm"),
                 .reference = entry.OptionalText("AcctSvcrRef")};
  entry.Require(entry.Text("Sts/Cd", 4) == "BOOK", "Sts/Cd is not BOOK: nothing else is final");
  Reader details(entry.Node("NtryDtls/TxDtls"), entry);
  b.transaction_id = details.Text("Refs/TxId");
  b.uetr = details.OptionalText("Refs/UETR", 36);
  entry.Require(IsId(b.transaction_id), "TxId holds characters that networks do not carry");
  b.is_return = entry.OptionalText("BkTxCd/Domn/Fmly/SubFmlyCd", 4) == "RRTN";
  const std::string own = b.is_return ? details.OptionalText("RtrInf/AddtlInf", 105)
                                      : details.OptionalText("RmtInf/Ustrd", 140);
  if (own.starts_with(kOwnId)) b.own_id = own.substr(kOwnId.size());
  RETURN_IF_ERROR(entry.status());
  return b;
}

}  // namespace

void Write(pugi::xml_node document, const Header& header, const BookingReport& report) {
  pugi::xml_node root = document.append_child("BkToCstmrDbtCdtNtfctn");
  Put(root, "GrpHdr/MsgId", header.id);
  Put(root, "GrpHdr/CreDtTm", FormatTime(header.created));
  pugi::xml_node ntfctn = root.append_child("Ntfctn");
  Put(ntfctn, "Id", header.id);
  Put(ntfctn, "NtfctnPgntn/PgNb", "1");
  Put(ntfctn, "NtfctnPgntn/LastPgInd", report.more ? "false" : "true");
  Put(ntfctn, "CreDtTm", FormatTime(header.created));
  Put(ntfctn, "FrToDt/FrDtTm", FormatTime(0));
  Put(ntfctn, "FrToDt/ToDtTm", FormatTime(report.complete_until));
  Put(ntfctn, "Acct/Id/Othr/Id", "ORDERS-" + header.to);
  for (const OrderBooking& b : report.bookings) PutBooking(ntfctn, b);
}

base::Result<Body> ReadBookingReport(Reader& r, const Header& header) {
  r.Require(r.Text("BkToCstmrDbtCdtNtfctn/GrpHdr/MsgId") == header.id,
            "MsgId is not the header's BizMsgIdr");
  Reader ntfctn(r.Node("BkToCstmrDbtCdtNtfctn/Ntfctn"), r);
  const std::string last = ntfctn.Text("NtfctnPgntn/LastPgInd", 5);
  ntfctn.Require(last == "true" || last == "false" || last == "1" || last == "0",
                 "LastPgInd is not a truth value");
  BookingReport report{.more = last == "false" || last == "0",
                       .complete_until = ntfctn.Time("FrToDt/ToDtTm")};
  uint64_t before = 0;
  for (pugi::xml_node node : ntfctn.All("", "Ntry", kMaxBookings)) {
    Reader entry(node, r);
    ASSIGN_OR_RETURN(OrderBooking b, ReadBooking(entry));
    entry.Require(b.number > before, "NtryRef does not grow");
    before = b.number;
    report.bookings.push_back(std::move(b));
  }
  RETURN_IF_ERROR(r.status());
  return Body(std::move(report));
}

}  // namespace paygate::bank::iso20022
