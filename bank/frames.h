// Frames: what the engine's bank client and the bank host (paygate-bank) say to each other.
//
// Each frame is one payload of base/ipc.h; the grammar is at the top of frames.cc. Encode and
// Decode are pure. Decode refuses (kMalformed) what Encode would not print. Views in a decoded
// Request point into the frame it was decoded from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "bank/bank.h"
#include "base/result.h"

namespace paygate::bank {

constexpr uint32_t kFramesVersion = 1;
constexpr size_t kMaxPreparedBytes = 256u << 10;  // what an adapter may prepare for one transfer
constexpr size_t kMaxEvidenceBytes = 256u << 10;  // the bank's signed answer

// The host's first frame on each connection.
struct Hello {
  std::string adapter;
  Capabilities capabilities;
};

enum class RequestKind : uint8_t {
  kHealth = 2,
  kPrepare = 3,
  kSubmit = 4,
  kStatus = 5,
  kVerifyAccount = 6,
  kVerifyEnrolment = 7,
  kNotices = 8,
  kPrepareReturn = 9,
  kStatement = 10,
};

// One request; only the members of its kind mean anything.
struct Request {
  RequestKind kind = RequestKind::kHealth;
  uint64_t id = 0;
  std::string_view prepared;             // kSubmit, kStatus
  std::string_view account;              // kVerify…
  std::string_view participant_id;       // kVerify…
  std::string_view enrolment_code;       // kVerifyEnrolment
  std::string_view registration_digest;  // kVerifyEnrolment
  std::string_view cursor;               // kNotices, kStatement
  std::string_view refund_id;            // kPrepareReturn
  std::string_view bank_reference;       // kPrepareReturn
  std::string_view payment_id;           // kPrepare…, from here on
  std::string_view debtor_account;
  std::string_view creditor_account;
  int64_t amount_minor_units = 0;
  std::string_view currency;
  uint32_t fraction_digits = 0;
  std::string_view remittance;
  int64_t deadline = 0;
  int64_t created = 0;
};

struct HealthReply {
  bool healthy = false;
};
struct PreparedReply {
  std::string prepared;
};
struct RefusedReply {  // of a kPrepare…
  std::string sentence;
};
struct Reply {
  uint64_t id = 0;
  std::variant<Answer, Verification, HealthReply, PreparedReply, RefusedReply, Notices,
               StatementPage>
      body;
};

std::string EncodeHello(const Hello& hello);
base::Result<Hello> DecodeHello(std::string_view frame);
std::string EncodeRequest(const Request& request);
base::Result<Request> DecodeRequest(std::string_view frame);
std::string EncodeReply(const Reply& reply);
base::Result<Reply> DecodeReply(std::string_view frame);

}  // namespace paygate::bank
