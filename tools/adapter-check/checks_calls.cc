// Calls: many at once, while draining, and those that are no transfers.
#include <atomic>
#include <thread>

#include "tools/adapter-check/checks.h"

namespace paygate::adaptercheck {
namespace {

using base::ErrorCode;
using base::Status;

constexpr int kThreads = 8;

constexpr Check kChecks[] = {
    {"version", "negotiates version 1, and its table has what it declares", 0, nullptr,
     CheckVersion},
    {"configuration", "opens; refuses what is malformed with one sentence", 0, nullptr,
     CheckConfiguration},
    {"prepare", "prepares purely, in order, and refuses bad transfers", 0, nullptr, CheckPrepare},
    {"input", "takes no bytes that prepare did not make", 0, nullptr, CheckInput},
    {"never-sent", "does not know what was never submitted", 0, nullptr, CheckNeverSent},
    {"once", "a submit repeated moves money once; each call completes once", 0, nullptr,
     CheckOnce},
    {"finality", "what it calls final stays so", 0, nullptr, CheckFinality},
    {"deadline", "executes nothing after its deadline", 0, nullptr, CheckDeadline},
    {"returns", "gives back what was paid, once and no more", PAYGATE_BANK_CAP_RETURNS, nullptr,
     CheckReturns},
    {"verify", "answers for accounts, and refuses one that does not exist", 0, nullptr,
     CheckVerify},
    {"enrolment", "takes a code once, and knows the participant then", PAYGATE_BANK_CAP_ENROLMENT,
     "--enrolment-code", CheckEnrolment},
    {"notices", "gives the same notices for ever", PAYGATE_BANK_CAP_NOTICES, nullptr,
     CheckNotices},
    {"statement", "lists each completed order once, for ever the same", PAYGATE_BANK_CAP_STATEMENT,
     nullptr, CheckStatement},
    {"load", "keeps the rules under calls from eight threads", 0, nullptr, CheckLoad},
    {"drain", "drain waits for all, and nothing comes after close", 0, nullptr, CheckDrain},
    {"leaks", "close frees threads, files and memory", 0, nullptr, CheckLeaks},
};

// The same order by several threads at once, and everything else between.
Status PayFromAllThreads(Subject& subject, int transfers) {
  std::atomic<int> next = 0;
  std::vector<Status> found(kThreads);
  std::vector<std::thread> threads;
  const auto work = [&](Status& mine) -> Status {
    while (next++ < transfers && mine) {
      ASSIGN_OR_RETURN(const std::string prepared, subject.PreparedTransfer());
      const auto first = subject.StartSubmit(prepared), second = subject.StartSubmit(prepared);
      const auto asked = subject.StartStatus(prepared);
      subject.table().health(subject.handle());
      Completion last{.word = PAYGATE_BANK_BUSY}, final_word;
      for (const auto& started : {first, second, asked}) {
        if (started.returned != PAYGATE_BANK_TAKEN) continue;
        const auto end = Recorder::Get().Wait(started.id, subject.terms().limit);
        if (!end) break;
        last = *end;
        if (IsFinal(end->word) && IsFinal(final_word.word) && end->word != final_word.word)
          return Fault("lies about what is final: two calls about one transfer ended " +
                       std::string(OutcomeName(final_word.word)) + " and " +
                       std::string(OutcomeName(end->word)));
        if (IsFinal(end->word)) final_word = *end;
      }
      RETURN_IF_ERROR(Subject::NoBreach());
      // A status that was overtaken by its submit says NOT_FOUND; the submit's word counts.
      RETURN_IF_ERROR(subject.Settled(prepared, IsFinal(final_word.word) ? final_word : last));
    }
    return {};
  };
  for (Status& mine : found) threads.emplace_back([&] { mine = work(mine); });
  for (std::thread& thread : threads) thread.join();
  for (Status& mine : found) RETURN_IF_ERROR(mine);
  return {};
}

// Whatever happens to it, it must not be called verified.
Status MustNotVerify(const base::Result<Completion>& end, const std::string& what) {
  if (!end && end.error().code == ErrorCode::kInvalidArgument) return {};
  if (!end) return std::unexpected(end.error());
  if (end->word == PAYGATE_BANK_VERIFIED) return Fault(what + " is VERIFIED");
  return {};
}

}  // namespace

std::span<const Check> AllChecks() { return kChecks; }

Status Finish(Subject& subject) {
  Recorder::Get().Watch(subject.terms().watch);
  RETURN_IF_ERROR(Subject::NoBreach());
  RETURN_IF_ERROR(subject.Drain());
  subject.Close();
  return {};
}

Status CheckLoad(const Terms& terms) {
  ASSIGN_OR_RETURN(auto subject, Subject::Open(terms));
  RETURN_IF_ERROR(PayFromAllThreads(*subject, terms.load));
  return Finish(*subject);
}

Status CheckDrain(const Terms& terms) {
  ASSIGN_OR_RETURN(auto subject, Subject::Open(terms));
  std::vector<std::string> orders;
  for (int i = 0; i < 50; ++i) {
    ASSIGN_OR_RETURN(std::string prepared, subject->PreparedTransfer());
    orders.push_back(std::move(prepared));
  }
  for (const std::string& order : orders) subject->StartSubmit(order);
  RETURN_IF_ERROR(subject->Drain());
  // To be asked again after drain is not foreseen; refusing is as good as answering.
  subject->Close();
  Recorder::Get().Watch(terms.watch);
  return Subject::NoBreach();
}

Status CheckVerify(const Terms& terms) {
  ASSIGN_OR_RETURN(auto subject, Subject::Open(terms));
  const std::string nobody = subject->NewId();
  const bool knows_participants = subject->Declares(PAYGATE_BANK_CAP_ENROLMENT);
  const auto account = subject->VerifyAccount(terms.debtor, nobody);
  if (knows_participants)
    RETURN_IF_ERROR(
        MustNotVerify(account, "an account with a participant_id that never enrolled for it"));
  else if (!account)
    return std::unexpected(account.error());
  else if (account->word != PAYGATE_BANK_VERIFIED)
    return Fault("does not verify the debtor's account, which takes part in payments");
  for (const char* bad : {"", "no account", "GB00XXXX00000000000000"})
    RETURN_IF_ERROR(MustNotVerify(subject->VerifyAccount(bad, nobody),
                                  std::string("the account '") + bad + "'"));
  if (knows_participants)
    RETURN_IF_ERROR(MustNotVerify(subject->Enrol("not the code", subject->NewId(), nobody),
                                  "a wrong enrolment code"));
  return Finish(*subject);
}

Status CheckEnrolment(const Terms& terms) {
  ASSIGN_OR_RETURN(auto subject, Subject::Open(terms));
  const std::string participant = subject->NewId(), digest = subject->NewId();
  for (int i = 0; i < 2; ++i) {
    ASSIGN_OR_RETURN(const Completion end,
                     subject->Enrol(terms.enrolment_code, digest, participant));
    if (end.word != PAYGATE_BANK_VERIFIED)
      return Fault(i == 0 ? "refuses the enrolment code (" + end.reason +
                                "): give a code of --debtor that was never used"
                          : "refuses the same registration when it is asked again");
  }
  ASSIGN_OR_RETURN(const Completion known, subject->VerifyAccount(terms.debtor, participant));
  if (known.word != PAYGATE_BANK_VERIFIED)
    return Fault("verify_account does not know who enrolled for the account");
  RETURN_IF_ERROR(
      MustNotVerify(subject->Enrol(terms.enrolment_code, subject->NewId(), subject->NewId()),
                    "an enrolment code that was used for another registration"));
  return Finish(*subject);
}

Status CheckNotices(const Terms& terms) {
  ASSIGN_OR_RETURN(auto subject, Subject::Open(terms));
  ASSIGN_OR_RETURN(const Completion first, subject->Notices(""));
  ASSIGN_OR_RETURN(const Completion again, subject->Notices(""));
  if (!first.word || !again.word) return Finish(*subject);
  if (again.cursors.size() < first.cursors.size() ||
      !std::equal(first.cursors.begin(), first.cursors.end(), again.cursors.begin()))
    return Fault("gives other notices when it is asked again from the beginning");
  if (first.cursors.empty()) return Finish(*subject);
  ASSIGN_OR_RETURN(const Completion rest, subject->Notices(first.cursors.front()));
  if (rest.word && !rest.cursors.empty() && rest.cursors.front() == first.cursors.front())
    return Fault("gives the notice of the cursor itself; only what comes after it is asked for");
  return Finish(*subject);
}

}  // namespace paygate::adaptercheck
