#include "gateway/engine/bank_notices.h"

#include "base/log.h"

namespace paygate::gateway::engine {
namespace {

storage::RevocationReason ToStored(const bank::Notice& notice) {
  if (notice.account_closed) return storage::RevocationReason::kCessationOfOperation;
  switch (notice.reason) {
    case bank::NoticeReason::kKeyCompromise:
      return storage::RevocationReason::kKeyCompromise;
    case bank::NoticeReason::kCessationOfOperation:
      return storage::RevocationReason::kCessationOfOperation;
    case bank::NoticeReason::kSuperseded:
      return storage::RevocationReason::kSuperseded;
  }
  return storage::RevocationReason::kKeyCompromise;
}

}  // namespace

void BankNotices::Tick() {
  const base::MonotonicTime now = clock_.Monotonic();
  if ((now < next_ && !more_) || asking_) return;
  next_ = now + interval_;
  const auto capabilities = bank_.GetCapabilities();
  if (!capabilities || !capabilities->notices) return;
  const std::string adapter = capabilities->adapter;
  const auto cursor = store_.Cursor(adapter);
  if (!cursor) {
    base::LogError("bank.notices", {{"why", cursor.error().ToString()}});
    return;
  }
  asking_ = true;
  more_ = false;
  bank_.AskNotices(*cursor, [this, adapter](bank::Notices notices) {
    (void)workers_.SubmitPromised([this, adapter, notices = std::move(notices)] {
      Take(adapter, notices);
      asking_ = false;
    });
  });
}

void BankNotices::Take(const std::string& adapter, const bank::Notices& notices) {
  for (const bank::Notice& notice : notices.list) {
    if (!Apply(adapter, notice)) return;  // in order: asked for again from here
  }
  more_ = notices.list.size() == bank::kMaxNotices;
}

bool BankNotices::Apply(const std::string& adapter, const bank::Notice& notice) {
  auto news = store_.Apply(adapter,
                           {.cursor = notice.cursor,
                            .participant_id = notice.participant_id,
                            .reason = ToStored(notice)},
                           clock_.Now());
  if (!news) {
    base::LogError("bank.notice_not_taken",
                   {{"cursor", notice.cursor}, {"why", news.error().ToString()}});
    return false;
  }
  base::LogInfo("participant.revoked_by_bank",
                {{"id", notice.participant_id},
                 {"why", notice.account_closed ? "account closed" : "ordered"},
                 {"news", *news ? "yes" : "no"}});
  return true;
}

}  // namespace paygate::gateway::engine
