// Claims (storage/claims.h): the family `claims` has one row for each payment that was claimed, and
// `open_claims` one for each of them that is not closed, by the time at which it is due. Written
// under the lock of the payment.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/rocksdb/database.h"
#include "storage/rocksdb/key_locks.h"
#include "storage/rocksdb/mail_cursors.h"
#include "storage/store.h"

namespace paygate::storage::rocksdb {

base::Result<std::optional<Claim>> ReadClaim(const Database& database,
                                             std::string_view payment_id);
// Both rows. `before`: as it is stored; nullptr: it is not.
void PutClaim(const Claim* before, const Claim& after, Batch& batch);
// What the end of a refund makes of a claim of the same payment. `all_back`: nothing is left.
Claim AfterRefund(const Claim& claim, const Settlement& settlement, bool all_back);

class ClaimRegister final : public Claims {
 public:
  ClaimRegister(Database& database, KeyLocks& locks, MailCursors& cursors,
                const AuthorisationReader& payments)
      : database_(database), locks_(locks), cursors_(cursors), payments_(payments) {}

  base::Result<FileVerdict> File(Claim claim, const Delivery& to_seller) override;
  base::Status Answer(const ClaimAnswer& answer) override;
  base::Status Decide(std::string_view payment_id, const ClaimOrder& order,
                      const std::vector<Delivery>& deliveries) override;
  base::Status Postpone(std::string_view payment_id, base::UnixTime due) override;

  base::Result<std::optional<Claim>> Find(std::string_view payment_id) const override;
  base::Result<std::optional<Claim>> FindById(std::string_view claim_id) const override;
  base::Result<bool> Taken(std::string_view digest) const override;
  base::Result<std::vector<std::string>> Due(base::UnixTime now, size_t limit) const override;
  base::Result<std::vector<Claim>> Open(size_t skip, size_t limit) const override;

 private:
  base::Result<std::optional<FileVerdict>> RefuseFiling(const Claim& claim) const;
  base::Status Deliver(const std::vector<Delivery>& deliveries,
                       MailCursors::Reservation& reservation, Batch& batch) const;

  Database& database_;
  KeyLocks& locks_;
  MailCursors& cursors_;
  const AuthorisationReader& payments_;
};

}  // namespace paygate::storage::rocksdb
