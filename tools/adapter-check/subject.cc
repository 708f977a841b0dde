#include "tools/adapter-check/subject.h"

#include <future>
#include <thread>

#include "base/crypto.h"
#include "base/encoding.h"

namespace paygate::adaptercheck {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

constexpr int64_t kDeadlineIn = 900;
constexpr std::chrono::milliseconds kBetweenQuestions{50};

// What prepare gives and says, and where it broke a rule doing so.
struct Given {
  std::thread::id caller = std::this_thread::get_id();
  std::string bytes, error;
  int outs = 0, errors = 0;
  bool elsewhere = false;

  static void Out(void* ctx, const uint8_t* data, size_t size) {
    auto& given = *static_cast<Given*>(ctx);
    given.elsewhere |= std::this_thread::get_id() != given.caller;
    given.bytes.assign(reinterpret_cast<const char*>(data), size);
    ++given.outs;
  }
  static void Error(void* ctx, const uint8_t* data, size_t size) {
    auto& given = *static_cast<Given*>(ctx);
    given.error.assign(reinterpret_cast<const char*>(data), size);
    ++given.errors;
  }
  Result<std::string> Judge(const std::string& what, int returned) const {
    if (elsewhere) return Fault(what + " gives its bytes from another thread");
    if (returned == PAYGATE_BANK_TAKEN && (outs != 1 || bytes.empty()))
      return Fault(what + " returns 0 and calls out() " + std::to_string(outs) +
                   " times; it must be once, with bytes");
    if (returned != PAYGATE_BANK_TAKEN && outs != 0)
      return Fault(what + " refuses (returns nonzero) and gives bytes all the same");
    if (returned != PAYGATE_BANK_TAKEN && error.empty())
      return Fault(what + " refuses without a sentence for error()");
    if (returned != PAYGATE_BANK_TAKEN) return Fail(ErrorCode::kInvalidArgument, error);
    return bytes;
  }
};

}  // namespace

std::string_view OutcomeName(uint32_t outcome) {
  constexpr const char* kNames[] = {"?",        "COMPLETED", "PENDING",   "REJECTED",
                                    "NOT_SENT", "UNKNOWN",   "NOT_FOUND", "BUSY"};
  return outcome < std::size(kNames) ? kNames[outcome] : "?";
}

Result<std::unique_ptr<Subject>> Subject::Open(const Terms& terms) {
  std::unique_ptr<Subject> subject(new Subject(terms));
  ASSIGN_OR_RETURN(subject->plugin_, bank::host::Plugin::Load(terms.plugin, subject->clock_));
  if (auto opened = subject->plugin_->Open(terms.config); !opened)
    return Fault("open refuses the configuration: " + opened.error().message);
  return subject;
}

std::string Subject::NewId() { return base::Base64UrlEncode(base::RandomBytes(32)); }

paygate_bank_transfer Subject::NewTransfer(std::string& id) {
  id = NewId();
  return {.size = sizeof(paygate_bank_transfer),
          .payment_id = id.c_str(),
          .debtor_account = terms_.debtor.c_str(),
          .creditor_account = terms_.creditor.c_str(),
          .amount_minor_units = terms_.amount,
          .currency = terms_.currency.c_str(),
          .fraction_digits = terms_.fraction_digits,
          .remittance = "conformance check",
          .deadline = Now() + kDeadlineIn,
          .created = Now()};
}

Result<std::string> Subject::Prepare(const paygate_bank_transfer& transfer) {
  Given given;
  const int returned = table().prepare(handle(), &transfer, Given::Out, Given::Error, &given);
  return given.Judge("prepare", returned);
}

Result<std::string> Subject::PrepareReturn(const paygate_bank_return& ret) {
  Given given;
  const int returned = table().prepare_return(handle(), &ret, Given::Out, Given::Error, &given);
  return given.Judge("prepare_return", returned);
}

Result<std::string> Subject::PreparedTransfer() {
  std::string id;
  auto prepared = Prepare(NewTransfer(id));
  if (prepared) return prepared;
  return Fault("prepare refuses a good transfer (are --debtor, --creditor, --currency the bank's?"
               "): " + prepared.error().message);
}

Recorder::Started Subject::StartSubmit(const std::string& prepared) {
  return Recorder::Get().Start("submit", [&](void* ctx) {
    return table().submit(handle(), reinterpret_cast<const uint8_t*>(prepared.data()),
                          prepared.size(), Recorder::OnTransfer, ctx);
  });
}

Recorder::Started Subject::StartStatus(const std::string& prepared) {
  return Recorder::Get().Start("status", [&](void* ctx) {
    return table().status(handle(), reinterpret_cast<const uint8_t*>(prepared.data()),
                          prepared.size(), Recorder::OnTransfer, ctx);
  });
}

Result<Completion> Subject::End(Recorder::Started started) {
  Result<Completion> end = Completion{.word = PAYGATE_BANK_BUSY};
  if (started.returned == PAYGATE_BANK_TAKEN) {
    auto completion = Recorder::Get().Wait(started.id, terms_.limit);
    if (completion) end = std::move(*completion);
  } else if (started.returned == PAYGATE_BANK_E_INPUT) {
    end = Fail(ErrorCode::kInvalidArgument, "E_INPUT");
  }
  RETURN_IF_ERROR(NoBreach());
  return end;
}

Result<Completion> Subject::Submit(const std::string& prepared) {
  return End(StartSubmit(prepared));
}

Result<Completion> Subject::Status(const std::string& prepared) {
  return End(StartStatus(prepared));
}

Result<Completion> Subject::Settle(const std::string& prepared) {
  auto first = Submit(prepared);
  if (!first && first.error().code == ErrorCode::kInvalidArgument)
    return Fault("submit does not take bytes that prepare made (E_INPUT)");
  if (!first) return first;
  return Settled(prepared, *first);
}

Result<Completion> Subject::Settled(const std::string& prepared, Completion last) {
  const auto until = clock_.Monotonic() + terms_.limit;
  while (!IsFinal(last.word)) {
    if (clock_.Monotonic() > until)
      return Fault("a transfer has no end within " + std::to_string(terms_.limit.count()) +
                   " s; the last word is " + std::string(OutcomeName(last.word)));
    const bool again = last.word == PAYGATE_BANK_NOT_SENT || last.word == PAYGATE_BANK_NOT_FOUND ||
                       last.word == PAYGATE_BANK_BUSY;
    ASSIGN_OR_RETURN(last, again ? Submit(prepared) : Status(prepared));
    if (!IsFinal(last.word)) std::this_thread::sleep_for(kBetweenQuestions);
  }
  return last;
}

Result<Completion> Subject::VerifyAccount(const std::string& account, const std::string& id) {
  return End(Recorder::Get().Start("verify_account", [&](void* ctx) {
    return table().verify_account(handle(), account.c_str(), id.c_str(), Recorder::OnVerified, ctx);
  }));
}

Result<Completion> Subject::Enrol(const std::string& code, const std::string& digest,
                                  const std::string& id) {
  return End(Recorder::Get().Start("verify_enrolment", [&](void* ctx) {
    return table().verify_enrolment(handle(), terms_.debtor.c_str(), code.c_str(), digest.c_str(),
                                    id.c_str(), Recorder::OnVerified, ctx);
  }));
}

Result<Completion> Subject::Notices(const std::string& cursor) {
  return End(Recorder::Get().Start("notices", [&](void* ctx) {
    return table().notices(handle(), cursor.c_str(), Recorder::OnNotices, ctx);
  }));
}

Result<Completion> Subject::Statement(const std::string& cursor) {
  return End(Recorder::Get().Start("statement", [&](void* ctx) {
    return table().statement(handle(), cursor.c_str(), Recorder::OnStatement, ctx);
  }));
}

base::Status Subject::Drain() {
  auto drained = std::make_shared<std::promise<void>>();
  auto end = drained->get_future();
  // Detached: it may never return, and then this process ends with the fault.
  std::thread([drained, drain = table().drain, handle = handle()] {
    drain(handle);
    drained->set_value();
  }).detach();
  if (end.wait_for(terms_.limit) != std::future_status::ready)
    return Fault("drain does not return within " + std::to_string(terms_.limit.count()) + " s");
  const size_t open = Recorder::Get().open_calls();
  if (open > 0)
    return Fault("drain returns while " + std::to_string(open) + " calls have not completed");
  return NoBreach();
}

void Subject::Close() {
  plugin_.reset();
  Recorder::Get().Closed();
}

base::Status Subject::NoBreach() {
  const std::string breach = Recorder::Get().breach();
  if (!breach.empty()) return Fault(breach);
  return {};
}

}  // namespace paygate::adaptercheck
