#include "hsm/pkcs11/probe.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <cstdio>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/crypto.h"
#include "base/file.h"
#include "hsm/pkcs11/internal/connection.h"
#include "hsm/statement.h"

namespace paygate::hsm::pkcs11 {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRateTime{300};  // for each rate
constexpr int kThreads = 4;
constexpr int kLeakRounds = 500;
constexpr CK_ULONG kNoLimit = 1u << 31;  // who says more means none

std::string Text(const unsigned char* field, size_t size) {
  std::string text(reinterpret_cast<const char*>(field), size);
  return text.substr(0, text.find_last_not_of(std::string(" \0", 2)) + 1);
}

std::string Version(CK_VERSION version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor);
}

std::string No(const base::Error& error) { return "no: " + error.message; }

size_t ResidentBytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  unsigned long total = 0, resident = 0;
  const int read = file != nullptr ? std::fscanf(file, "%lu %lu", &total, &resident) : 0;
  if (file != nullptr) std::fclose(file);
  return read == 2 ? resident * static_cast<size_t>(sysconf(_SC_PAGESIZE)) : 0;
}

// A pair of this probe's own, destroyed with the object.
class ThrowAway {
 public:
  ThrowAway(Connection& connection, KeyType type, KeyUsage usage)
      : connection_(connection),
        label_("paygate-probe-" + base::HexEncode(base::RandomBytes(8))),
        made_(connection.GeneratePair(label_, type, usage, {})) {}
  ~ThrowAway() {
    if (made_) (void)connection_.DestroyPair(label_);
  }
  ThrowAway(const ThrowAway&) = delete;

  const base::Status& made() const { return made_; }
  const std::string& label() const { return label_; }
  // The private key, whatever it is worth.
  base::Result<CK_OBJECT_HANDLE> Handle(const SessionView& view) const {
    ASSIGN_OR_RETURN(auto found, view.Find(CKO_PRIVATE_KEY, label_, 2));
    if (found.size() == 1) return found.front();
    return base::Fail(base::ErrorCode::kNotFound, "the key that was made is not found");
  }

 private:
  Connection& connection_;
  const std::string label_;
  const base::Status made_;
};

class Probe {
 public:
  Probe(Connection& connection, SessionView view, CK_SLOT_ID slot, std::string pin_file)
      : connection_(connection), view_(view), slot_(slot), pin_file_(std::move(pin_file)) {}

  std::vector<Finding> Run() {
    Sessions();
    for (KeyType type : {KeyType::kP256, KeyType::kRsa2048, KeyType::kEd25519}) Signs(type);
    for (KeyType type : {KeyType::kP256, KeyType::kRsa2048}) Unwraps(type);
    for (KeyType type : {KeyType::kP256, KeyType::kRsa2048}) {
      if (KeepsKeys(type)) break;
    }
    Usage();
    SameLabel();
    return std::move(findings_);
  }

 private:
  void Say(std::string what, std::string seen, bool unfit = false) {
    findings_.push_back({std::move(what), std::move(seen), unfit});
  }

  void Sessions() {
    CK_TOKEN_INFO info{};
    view_.functions->C_GetTokenInfo(slot_, &info);
    const CK_ULONG most = info.ulMaxSessionCount;
    const bool known = most != CK_EFFECTIVELY_INFINITE && most < kNoLimit;
    Say("sessions", known ? "at most " + std::to_string(most) : "no limit said");
    auto pin = base::ReadSecretFile(pin_file_);  // the right one: it may be counted all the same
    if (!pin) return;
    const CK_RV rv = view_.functions->C_Login(view_.session, CKU_USER, pin->data(), pin->size());
    Say("a second login in one process", rv == CKR_USER_ALREADY_LOGGED_IN
                                             ? "CKR_USER_ALREADY_LOGGED_IN"
                                             : p11_kit_strerror(rv));
  }

  void Signs(KeyType type) {
    const std::string name(Name(type));
    ThrowAway pair(connection_, type, KeyUsage::kSign);
    if (!pair.made()) return Say(name + " signs", No(pair.made().error()));
    auto key = connection_.Key(pair.label());
    if (!key) return Say(name + " signs", No(key.error()), true);
    const std::string statement = MakeSelfTest();
    std::string why;
    const int rate = Rate([&](CK_SESSION_HANDLE session) {
      auto signature = SignWith({view_.functions, session}, *key, statement);
      if (!signature) why = signature.error().message;
      return signature.has_value();
    });
    if (!why.empty()) return Say(name + " signs", "no: " + why);
    Say(name + " signs", "yes, " + std::to_string(rate) + " a second, each verified");
    if (!std::exchange(copies_said_, true)) SessionCopy(*key);
    if (!std::exchange(parallel_said_, true)) Parallel(*key, statement);
  }

  void Unwraps(KeyType type) {
    const std::string what = std::string(Name(type)) + " unwraps";
    ThrowAway pair(connection_, type, KeyUsage::kDecrypt);
    if (!pair.made()) return Say(what, No(pair.made().error()));
    auto key = connection_.Key(pair.label());
    if (!key) return Say(what, No(key.error()), true);
    auto fresh = WrapFreshKey(*KeyManagementOf(type), key->info.public_key_der);
    if (!fresh) return Say(what, No(fresh.error()));
    auto once = UnwrapWith(view_, *key, fresh->wrapped);
    if (!once) return Say(what, No(once.error()));
    if (*once != fresh->key) return Say(what, "no: another key comes out");
    const int rate = Rate([&](CK_SESSION_HANDLE session) {
      return UnwrapWith({view_.functions, session}, *key, fresh->wrapped).has_value();
    });
    const size_t before = ResidentBytes();
    for (int i = 0; i < kLeakRounds; ++i) (void)UnwrapWith(view_, *key, fresh->wrapped);
    const size_t after = ResidentBytes();
    const size_t lost = after > before ? (after - before) / kLeakRounds : 0;
    Say(what, "yes, " + std::to_string(rate) + " a second; " + std::to_string(lost) +
                  " bytes lost with each");
    if (type == KeyType::kRsa2048) OaepSha256(*key);
  }

  void OaepSha256(const FoundKey& key) {
    CK_RSA_PKCS_OAEP_PARAMS parameters{CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, nullptr, 0};
    CK_MECHANISM mechanism{CKM_RSA_PKCS_OAEP, &parameters, sizeof parameters};
    CK_RV rv = view_.functions->C_DecryptInit(view_.session, &mechanism, key.handle);
    Say("RSA-OAEP with SHA-256 in the token",
        rv == CKR_OK ? "yes" : std::string("no: ") + p11_kit_strerror(rv));
    if (rv != CKR_OK) return;
    auto fresh = WrapFreshKey(KeyManagement::kRsaOaep256, key.info.public_key_der);
    base::SecretBytes out(key.modulus.size());
    CK_ULONG size = out.size();
    if (fresh) {  // ends the operation
      view_.functions->C_Decrypt(view_.session,
                                 reinterpret_cast<unsigned char*>(fresh->wrapped.data()),
                                 fresh->wrapped.size(), out.data(), &size);
    }
  }

  void SessionCopy(const FoundKey& key) {
    Template copy;
    copy.Bool(CKA_TOKEN, false);
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    const CK_RV rv = view_.functions->C_CopyObject(view_.session, key.token_object, copy.data(),
                                                   copy.size(), &handle);
    Say("copies a key into a session",
        rv == CKR_OK ? "yes" : std::string("no: ") + p11_kit_strerror(rv));
    if (rv == CKR_OK) view_.functions->C_DestroyObject(view_.session, handle);
  }

  void Parallel(const FoundKey& key, const std::string& statement) {
    std::atomic<int> done = 0, failed = 0;
    {
      std::vector<std::jthread> threads;
      for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&] {
          Connection::Lease lease(connection_);
          const auto end = clock_.Monotonic() + kRateTime;
          for (; clock_.Monotonic() < end; ++done) {
            failed += !SignWith({view_.functions, lease.session()}, key, statement);
          }
        });
      }
    }
    const int rate = done * 1000 / static_cast<int>(kRateTime.count());
    Say("four sessions sign at once",
        failed == 0 ? "yes, " + std::to_string(rate) + " a second"
                    : "no: " + std::to_string(failed) + " of " + std::to_string(done) + " failed");
  }

  // False when the token makes no such key.
  bool KeepsKeys(KeyType type) {
    ThrowAway pair(connection_, type, KeyUsage::kSign);
    if (!pair.made()) return false;
    auto key = pair.Handle(view_);
    if (!key) return false;
    auto faults = AttributeFaults(view_, *key);
    std::string seen = faults ? "" : No(faults.error());
    for (const std::string& fault : faults ? *faults : std::vector<std::string>()) {
      seen += (seen.empty() ? "" : "; ") + fault;
    }
    Say("attributes of a key made in it", seen.empty() ? "as asked for" : seen, !seen.empty());
    const std::string way = WrapsOut(view_, *key);
    Say("a key that is not extractable is wrapped out",
        way.empty() ? "no" : "YES, by " + way, !way.empty());
    auto value = view_.Bytes(*key, type == KeyType::kP256 ? CKA_VALUE : CKA_PRIVATE_EXPONENT);
    Say("its private value is read", value ? "YES" : "no", value.has_value());
    Template open;
    open.Bool(CKA_EXTRACTABLE, true);
    const bool opened = view_.functions->C_SetAttributeValue(view_.session, *key, open.data(),
                                                             open.size()) == CKR_OK;
    Say("it is made extractable afterwards", opened ? "YES" : "no", opened);
    return true;
  }

  // A signature key that is asked to decrypt.
  void Usage() {
    ThrowAway pair(connection_, KeyType::kRsa2048, KeyUsage::kSign);
    if (!pair.made()) return;
    auto key = pair.Handle(view_);
    if (!key) return;
    CK_MECHANISM mechanism{CKM_RSA_X_509, nullptr, 0};
    bool decrypts = view_.functions->C_DecryptInit(view_.session, &mechanism, *key) == CKR_OK;
    unsigned char in[256] = {0, 1}, out[256];
    CK_ULONG size = sizeof out;
    decrypts = decrypts &&
               view_.functions->C_Decrypt(view_.session, in, sizeof in, out, &size) == CKR_OK;
    Say("a signature key decrypts", decrypts ? "YES" : "no", decrypts);
  }

  void SameLabel() {
    ThrowAway first(connection_, KeyType::kRsa2048, KeyUsage::kSign);
    ThrowAway second(connection_, KeyType::kRsa2048, KeyUsage::kSign);
    auto key = first.made() && second.made() ? second.Handle(view_)
                                             : base::Fail(base::ErrorCode::kNotFound, "");
    if (!key) return;
    Template label;
    label.Bytes(CKA_LABEL, first.label());
    const CK_RV rv =
        view_.functions->C_SetAttributeValue(view_.session, *key, label.data(), label.size());
    Say("two keys of one label", rv == CKR_OK ? "possible" : "refused");
    Template back;
    back.Bytes(CKA_LABEL, second.label());
    if (rv == CKR_OK) {
      view_.functions->C_SetAttributeValue(view_.session, *key, back.data(), back.size());
    }
  }

  int Rate(const std::function<bool(CK_SESSION_HANDLE)>& operation) {
    const auto end = clock_.Monotonic() + kRateTime;
    int done = 0;
    for (; clock_.Monotonic() < end && operation(view_.session); ++done) {
    }
    return done * 1000 / static_cast<int>(kRateTime.count());
  }

  Connection& connection_;
  const SessionView view_;
  const CK_SLOT_ID slot_;
  const std::string pin_file_;
  const base::SystemClock clock_;
  bool copies_said_ = false, parallel_said_ = false;
  std::vector<Finding> findings_;
};

}  // namespace

bool TokenReport::Fit() const {
  return std::ranges::none_of(findings, [](const Finding& f) { return f.unfit; });
}

base::Result<TokenReport> ProbeToken(const TokenLocation& location) {
  ASSIGN_OR_RETURN(auto module, Module::Load(location.module_path, location.init_args));
  ASSIGN_OR_RETURN(CK_SLOT_ID slot, FindToken(*module, location.token_uri));
  ASSIGN_OR_RETURN(auto connection,
                   Connection::Open(location, kThreads, true, Connection::Pool::kAsAsked));
  CK_FUNCTION_LIST* functions = module->functions();
  CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
  RETURN_IF_CK("C_OpenSession", functions->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION,
                                                         nullptr, nullptr, &session));
  CK_INFO library{};
  functions->C_GetInfo(&library);
  CK_TOKEN_INFO token{};
  functions->C_GetTokenInfo(slot, &token);
  TokenReport report;
  report.module = Text(library.libraryDescription, sizeof library.libraryDescription) + " " +
                  Version(library.libraryVersion) + ", PKCS#11 " +
                  Version(library.cryptokiVersion);
  report.token = Text(token.manufacturerID, sizeof token.manufacturerID) + ", " +
                 Text(token.model, sizeof token.model) + ", firmware " +
                 Version(token.firmwareVersion);
  report.findings = Probe(*connection, {functions, session}, slot, location.pin_file).Run();
  functions->C_CloseSession(session);
  return report;
}

}  // namespace paygate::hsm::pkcs11
