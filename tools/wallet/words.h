// What the wallet says, in words for a person or as one line of JSON for a program.
#pragma once

#include <string>

#include "participant/client.h"

namespace paygate::wallet {

std::string Line(std::string_view name, std::string_view value);  // "  name   value\n"
std::string Paragraph(std::string_view name, std::string_view text);  // line feeds and all
std::string FormatTime(int64_t numeric_date);  // 2026-11-22 21:53:56 UTC

// What became of it; `completed` says where the money then is.
std::string OutcomeInWords(protocol::PaymentResult result, std::string_view completed);

std::string OfferInWords(const participant::CsblkView& view, int64_t now);
std::string OfferAsJson(const participant::CsblkView& view, int64_t now);

std::string ResultInWords(const participant::PaymentRecord& record);
std::string ResultAsJson(const participant::PaymentRecord& record);

std::string RefundInWords(const participant::RefundRecord& record);
std::string RefundAsJson(const participant::RefundRecord& record);

std::string ClaimInWords(const participant::ClaimRecord& record);
std::string ClaimAsJson(const participant::ClaimRecord& record);

// Why the gateway refused, and what to do now.
std::string RefusalInWords(const participant::Refusal& refusal);
std::string RefusalAsJson(const participant::Refusal& refusal);

}  // namespace paygate::wallet
