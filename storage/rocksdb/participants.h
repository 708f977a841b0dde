// Registrations and the register of participants' certificates (protocol.md sections 3 and 4).
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "storage/rocksdb/database.h"
#include "storage/rocksdb/key_locks.h"
#include "storage/rocksdb/records.h"
#include "storage/store.h"

namespace paygate::storage::rocksdb {

class Participants final : public Registrations,
                           public CertificateRegister,
                           public CertificateStatuses,
                           public BankNotices {
 public:
  Participants(Database& database, KeyLocks& locks) : database_(database), locks_(locks) {}

  base::Result<bool> Begun(std::string_view request_digest) const override;
  base::Result<std::string> Begin(std::string_view request_digest,
                                  std::string_view proposed_participant_id,
                                  base::UnixTime at) override;
  base::Status Abandon(std::string_view request_digest) override;
  base::Result<size_t> PurgeBegun(base::UnixTime before, size_t limit) override;
  base::Result<Registration> Complete(Registration registration) override;
  base::Result<Registration> Renew(Registration renewal, std::string_view current) override;
  base::Result<std::optional<Registration>> Find(std::string_view request_digest) const override;

  base::Result<std::optional<RegisteredCertificates>> FindByFingerprint(
      std::string_view fingerprint) const override;
  base::Result<std::vector<RegisteredCertificates>> FindByParticipant(
      std::string_view participant_id) const override;
  base::Status Revoke(std::string_view participant_id, RevocationReason reason, base::UnixTime at,
                      std::string_view request_digest) override;
  base::Result<bool> RevokedBy(std::string_view request_digest) const override;
  base::Status Hold(std::string_view participant_id, std::string_view note,
                    base::UnixTime at) override;
  base::Status Release(std::string_view participant_id, base::UnixTime at) override;
  base::Result<std::optional<HeldState>> FindHold(std::string_view participant_id) const override;
  base::Result<std::vector<std::string>> ListParticipants(std::string_view after,
                                                          size_t limit) const override;
  uint64_t Changes() const override { return changes_; }

  base::Result<std::string> Cursor(std::string_view adapter) const override;
  base::Result<bool> Apply(std::string_view adapter, const BankNotice& notice,
                           base::UnixTime at) override;

  base::Result<std::optional<RegisteredCertificates>> FindBySerial(
      std::string_view issuer_key_id, std::string_view serial) const override;
  base::Status ForEachRevoked(
      std::string_view issuer_key_id, base::UnixTime since,
      const std::function<void(const RevokedCertificate&)>& visit) const override;
  uint64_t Revocations() const override { return revocations_; }
  base::Result<uint64_t> NextCrlNumber(std::string_view issuer_key_id) override;

 private:
  base::Result<std::optional<RegisteredCertificates>> FindPair(const PairReference& which) const;
  // All pairs, oldest first: their numbers are 0, 1, 2 …
  base::Result<std::vector<RegisteredCertificates>> Pairs(std::string_view participant_id) const;
  base::Result<std::optional<Registration>> CompletedBefore(const Registration& request) const;
  base::Status AddRegistration(const Registration& registration, uint32_t pair);
  base::Result<std::optional<Standing>> FindStanding(std::string_view participant_id) const;
  // Into the batch: every pair that is not revoked yet.
  static void RecordRevocation(std::string_view participant_id, RevocationReason reason,
                               std::string_view by, std::string_view request_digest,
                               base::UnixTime at, Batch& batch);
  void AddRevocation(std::vector<RegisteredCertificates>& pairs, RevocationReason reason,
                     base::UnixTime at, Batch& batch) const;
  // Into the batch that registers or revokes a pair: what CRL and OCSP look at. After the latter's
  // Write: Revoked().
  static void AddIssuedRows(const Registration& registration, uint32_t pair, Batch& batch);
  static void AddRevokedRows(const RegisteredCertificates& pair, Batch& batch);
  void Revoked() { ++revocations_; }
  // Writes what changes a participant who is in the register, and counts it, whatever became of it.
  base::Status WriteChange(Batch& batch);

  Database& database_;
  KeyLocks& locks_;
  std::atomic<uint64_t> revocations_ = 0, changes_ = 0;
};

}  // namespace paygate::storage::rocksdb
