// One pair of functions for each kind of document; messages.cc chooses among them. `document` is
// the element Document; a reader stands on it. Errors stay in the reader.
#pragma once

#include "bank/adapters/iso20022/internal/xml.h"
#include "bank/adapters/iso20022/messages.h"

namespace paygate::bank::iso20022 {

void Write(pugi::xml_node document, const Header& header, const CreditTransfer& body);
void Write(pugi::xml_node document, const Header& header, const StatusRequest& body);
void Write(pugi::xml_node document, const Header& header, const StatusReport& body);
void Write(pugi::xml_node document, const Header& header, const PaymentReturn& body);
void Write(pugi::xml_node document, const Header& header, const VerificationRequest& body);
void Write(pugi::xml_node document, const Header& header, const VerificationReport& body);
void Write(pugi::xml_node document, const Header& header, const CancellationRequest& body);
void Write(pugi::xml_node document, const Header& header, const CancellationResult& body);
void Write(pugi::xml_node document, const Header& header, const MessageRejection& body);
void Write(pugi::xml_node document, const Header& header, const ParticipantNotice& body);
void Write(pugi::xml_node document, const Header& header, const BookingReport& body);
void Write(pugi::xml_node document, const Header& header, const AccountReport& body);

base::Result<Body> ReadCreditTransfer(Reader& document, const Header& header);
base::Result<Body> ReadStatusRequest(Reader& document, const Header& header);
base::Result<Body> ReadStatusReport(Reader& document, const Header& header);
base::Result<Body> ReadPaymentReturn(Reader& document, const Header& header);
base::Result<Body> ReadVerificationRequest(Reader& document, const Header& header);
base::Result<Body> ReadVerificationReport(Reader& document, const Header& header);
base::Result<Body> ReadCancellationRequest(Reader& document, const Header& header);
base::Result<Body> ReadCancellationResult(Reader& document, const Header& header);
base::Result<Body> ReadMessageRejection(Reader& document, const Header& header);
base::Result<Body> ReadBookingReport(Reader& document, const Header& header);

// What several documents share.
void PutAgent(pugi::xml_node parent, const std::string& path, const std::string& bic);
void PutAmount(pugi::xml_node parent, std::string_view path, const base::Money& amount);
void PutOriginal(pugi::xml_node transaction, const Original& original);
Original ReadOriginal(Reader& transaction);

}  // namespace paygate::bank::iso20022
