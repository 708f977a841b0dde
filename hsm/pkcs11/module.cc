// Loading the module, and finding the token that an RFC 7512 URI names.

#include <p11-kit/uri.h>

#include <cstring>

#include "hsm/pkcs11/internal/connection.h"

namespace paygate::hsm::pkcs11 {
namespace {

using base::ErrorCode;
using base::Fail;

struct UriFree {
  void operator()(P11KitUri* uri) const { p11_kit_uri_free(uri); }
};
using Uri = std::unique_ptr<P11KitUri, UriFree>;

base::Result<Uri> ParseTokenUri(const std::string& text) {
  Uri uri(p11_kit_uri_new());
  int rc = p11_kit_uri_parse(text.c_str(), P11_KIT_URI_FOR_ANY, uri.get());
  if (rc != P11_KIT_URI_OK) {
    return Fail(ErrorCode::kInvalidArgument, "token URI '" + text + "': " +
                                                 p11_kit_uri_message(rc) +
                                                 " (RFC 7512; for example pkcs11:token=paygate)");
  }
  // The text is not repeated below: it may hold a PIN.
  if (p11_kit_uri_get_pin_value(uri.get()) != nullptr ||
      p11_kit_uri_get_pin_source(uri.get()) != nullptr) {
    return Fail(ErrorCode::kInvalidArgument,
                "the token URI holds a PIN or its source: take it out and name a PIN file");
  }
  if (p11_kit_uri_get_slot_id(uri.get()) != CK_UNAVAILABLE_INFORMATION ||
      p11_kit_uri_get_slot_info(uri.get())->slotDescription[0] != 0 ||
      p11_kit_uri_get_slot_info(uri.get())->manufacturerID[0] != 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "the token URI names a slot: slots are renumbered, so name the token by token= or "
                "serial=");
  }
  CK_ULONG attributes = 0;
  p11_kit_uri_get_attributes(uri.get(), &attributes);
  if (attributes != 0 || p11_kit_uri_any_unrecognized(uri.get())) {
    return Fail(ErrorCode::kInvalidArgument,
                "the token URI says more than which token: leave token=, serial=, model=, "
                "manufacturer=");
  }
  const CK_TOKEN_INFO* token = p11_kit_uri_get_token_info(uri.get());
  if (token->label[0] == 0 && token->serialNumber[0] == 0) {
    return Fail(ErrorCode::kInvalidArgument, "the token URI needs token= or serial=");
  }
  return uri;
}

// A module is initialised once in a process, however many of its tokens are open (a ceremony has
// the root's and the gateway's), and finalised with the last of them.
struct Loaded {
  CK_FUNCTION_LIST* functions = nullptr;
  size_t users = 0;
};
base::Mutex loaded_mutex;
// Never freed: a Module may outlive static destruction.
auto* const loaded_modules = new std::map<std::string, Loaded>;

CK_RV Initialize(CK_FUNCTION_LIST* functions, const std::string& text) {
  // NSS's module looks behind the standard's last field for one more.
  struct {
    CK_C_INITIALIZE_ARGS args{};
    void* more = nullptr;
  } init;
  init.args.flags = CKF_OS_LOCKING_OK;
  // PKCS#11 does not say const, but means it.
  if (!text.empty()) init.args.pReserved = const_cast<char*>(text.c_str());
  const CK_RV rv = functions->C_Initialize(&init.args);
  return rv == CKR_CRYPTOKI_ALREADY_INITIALIZED ? CKR_OK : rv;
}

}  // namespace

base::Result<std::unique_ptr<Module>> Module::Load(const std::string& path,
                                                     const std::string& init_args) {
  base::MutexLock lock(loaded_mutex);
  Loaded& loaded = (*loaded_modules)[path];
  if (loaded.users == 0) {
    // Unmanaged: the module's own functions.
    loaded.functions = p11_kit_module_load(path.c_str(), P11_KIT_MODULE_UNMANAGED);
    if (loaded.functions == nullptr) {
      const char* why = p11_kit_message();
      return Fail(ErrorCode::kTokenUnavailable, "PKCS#11 module '" + path + "' does not load: " +
                                                    (why != nullptr ? why : "unknown reason"));
    }
    if (CK_RV rv = Initialize(loaded.functions, init_args); rv != CKR_OK) {
      p11_kit_module_release(loaded.functions);
      return std::unexpected(CkError("C_Initialize of " + path, rv));
    }
  }
  ++loaded.users;
  return std::unique_ptr<Module>(new Module(path, loaded.functions));
}

Module::~Module() {
  base::MutexLock lock(loaded_mutex);
  if (--(*loaded_modules)[path_].users > 0) return;
  functions_->C_Finalize(nullptr);
  p11_kit_module_release(functions_);
}

base::Result<std::vector<CK_SLOT_ID>> Module::SlotsWithTokens() const {
  CK_ULONG count = 0;
  RETURN_IF_CK("C_GetSlotList", functions_->C_GetSlotList(CK_TRUE, nullptr, &count));
  std::vector<CK_SLOT_ID> slots(count);
  RETURN_IF_CK("C_GetSlotList", functions_->C_GetSlotList(CK_TRUE, slots.data(), &count));
  slots.resize(count);
  return slots;
}

base::Status CheckTokenUri(const std::string& token_uri) {
  auto uri = ParseTokenUri(token_uri);
  return uri ? base::Status{} : std::unexpected(uri.error());
}

base::Result<CK_SLOT_ID> FindToken(const Module& module, const std::string& token_uri) {
  ASSIGN_OR_RETURN(Uri uri, ParseTokenUri(token_uri));
  ASSIGN_OR_RETURN(std::vector<CK_SLOT_ID> slots, module.SlotsWithTokens());
  std::vector<CK_SLOT_ID> found;
  for (CK_SLOT_ID slot : slots) {
    CK_TOKEN_INFO info{};
    if (module.functions()->C_GetTokenInfo(slot, &info) != CKR_OK) continue;
    if ((info.flags & CKF_TOKEN_INITIALIZED) == 0) continue;
    if (!p11_kit_uri_match_token_info(uri.get(), &info)) continue;
    found.push_back(slot);
  }
  if (found.empty()) {
    return Fail(ErrorCode::kTokenUnavailable,
                "no token fits " + token_uri + " among " + std::to_string(slots.size()) +
                    " slots: is it plugged in, and (SoftHSM) does SOFTHSM2_CONF name its "
                    "directory?");
  }
  if (found.size() > 1) {
    return Fail(ErrorCode::kInvalidArgument,
                std::to_string(found.size()) + " tokens fit " + token_uri + ": add serial=");
  }
  return found.front();
}

}  // namespace paygate::hsm::pkcs11
