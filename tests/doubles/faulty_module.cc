// A PKCS#11 module in front of SoftHSM that fails as its script says. The script is the file named
// by PAYGATE_FAULT_FILE, or "faults" beside the file that SOFTHSM2_CONF names; it is read again
// whenever it has changed, while the module runs. No script: SoftHSM as it is.
//
//   script  = { [ rule | setting ] [ "#" comment ] LF }
//   rule    = calls action [ "after" N ] [ "times" N ]      the first that fits a call decides
//   calls   = "*" | NAME { "," NAME }                       C_Sign,C_DeriveKey
//   action  = CKR_NAME | "0x" HEX     this is returned and the token is not asked
//           | "late" CKR_NAME         the token does it, and this is returned all the same
//           | "delay" MS              then as without a rule
//           | "hang"                  never returns
//           | "stall"                 returns when the rule is gone
//           | "crash"                 SIGSEGV
//           | "leak" BYTES            written to, never freed
//           | "spoil"                 one bit of the output is wrong (C_Sign, C_Decrypt)
//   after N   the first N calls that fit pass; times N: then N are met, and later ones pass.
//             Counted over all processes, from the writing of the script (FaultScript does it).
//   setting = "vanish"                no slot has a token, sessions are gone, also later
//           | "sessions" N            at most N open at once in a process
//           | "idle" MS               a session that was not used for so long is gone
//           | "drop"                  a session last used before this was written is gone
//           | "manufacturer" WORD     what C_GetTokenInfo says
//           | "bare-points"           CKA_EC_POINT without its OCTET STRING header
//           | "oaep-only"             OAEP with SHA-256, and no bare RSA
//
// Calls are counted in SCRIPT.state (fault_state.h). SoftHSM is called by one thread at a time,
// since it fails in parallel, so that a test may claim another manufacturer and use many sessions.

#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/doubles/fault_state.h"
#include "tests/doubles/oaep_token.h"

namespace {

using paygate::doubles::FaultState;
using paygate::doubles::kFunctionNames;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

enum class Action { kReturn, kLate, kDelay, kHang, kStall, kCrash, kLeak, kSpoil };
struct Rule {
  std::string calls;  // ",C_Sign,C_DeriveKey," or "*"
  Action action;
  CK_ULONG number;  // the value to return, milliseconds, bytes
  uint64_t after = 0, times = UINT64_MAX;
};
struct Script {
  std::vector<Rule> rules;
  bool vanish = false, drop = false, bare_points = false, oaep_only = false;
  size_t sessions = SIZE_MAX;
  std::optional<milliseconds> idle;
  std::string manufacturer;
  steady_clock::time_point read;
};

CK_FUNCTION_LIST* real = nullptr;
CK_FUNCTION_LIST faulty;
paygate::doubles::OaepToken oaep_token(real);  // token_mutex guards it
FaultState* state = nullptr;
std::string script_path;

std::mutex script_mutex;
struct stat script_seen;
Script script;

std::mutex token_mutex;  // SoftHSM, and:
std::map<CK_SESSION_HANDLE, steady_clock::time_point> sessions;  // open; when last used

[[noreturn]] void BadScript(const std::string& line) {
  std::fprintf(stderr, "faulty_module: cannot read '%s' in %s\n", line.c_str(),
               script_path.c_str());
  std::abort();
}

std::optional<CK_RV> ReturnValue(const std::string& word) {
#define X(name) {#name, name},
  static const std::map<std::string, CK_RV> names = {PAYGATE_CKR(X)};
#undef X
  if (auto at = names.find(word); at != names.end()) return at->second;
  if (word.starts_with("0x")) return std::stoul(word, nullptr, 16);
  return std::nullopt;
}

Rule ParseRule(const std::string& calls, std::istream& in, const std::string& line) {
  static const std::map<std::string, Action> actions = {
      {"late", Action::kLate},   {"delay", Action::kDelay}, {"hang", Action::kHang},
      {"stall", Action::kStall}, {"crash", Action::kCrash}, {"leak", Action::kLeak},
      {"spoil", Action::kSpoil}};
  Rule rule{calls == "*" ? calls : "," + calls + ",", Action::kReturn, 0};
  std::string word, value;
  in >> word;
  if (auto rv = ReturnValue(word)) {
    rule.number = *rv;
  } else if (auto at = actions.find(word); at != actions.end()) {
    rule.action = at->second;
    if (rule.action == Action::kLate) {
      in >> value;
      auto late = ReturnValue(value);
      if (!late) BadScript(line);
      rule.number = *late;
    }
    if (rule.action == Action::kDelay || rule.action == Action::kLeak) in >> rule.number;
  } else {
    BadScript(line);
  }
  if (!in) BadScript(line);
  while (in >> word) {
    if (word != "after" && word != "times") BadScript(line);
    in >> (word == "after" ? rule.after : rule.times);
    if (!in) BadScript(line);
  }
  return rule;
}

Script ParseScript(std::istream& text) {
  Script parsed;
  for (std::string line; std::getline(text, line);) {
    std::istringstream in(line.substr(0, line.find('#')));
    std::string word;
    CK_ULONG number = 0;
    if (!(in >> word)) continue;
    if (word == "vanish") {
      parsed.vanish = true;
    } else if (word == "drop") {
      parsed.drop = true;
    } else if (word == "bare-points") {
      parsed.bare_points = true;
    } else if (word == "oaep-only") {
      parsed.oaep_only = true;
    } else if (word == "sessions" && in >> number) {
      parsed.sessions = number;
    } else if (word == "idle" && in >> number) {
      parsed.idle = milliseconds(number);
    } else if (word == "manufacturer" && in >> word) {
      parsed.manufacturer = word;
    } else {
      parsed.rules.push_back(ParseRule(word, in, line));
    }
  }
  if (parsed.rules.size() > paygate::doubles::kMaxFaultRules) BadScript("more than 16 rules");
  return parsed;
}

// As it is now.
Script ReadScript() {
  std::lock_guard lock(script_mutex);
  struct stat now {};
  if (stat(script_path.c_str(), &now) != 0) {
    script_seen = {};
    return script = {};
  }
  if (now.st_ino != script_seen.st_ino || now.st_size != script_seen.st_size ||
      now.st_mtim.tv_sec != script_seen.st_mtim.tv_sec ||
      now.st_mtim.tv_nsec != script_seen.st_mtim.tv_nsec) {
    std::ifstream in(script_path);
    script = ParseScript(in);
    script.read = steady_clock::now();
    script_seen = now;
  }
  return script;
}

const Rule* RuleFor(const Script& now, size_t function) {
  const std::string word = "," + std::string(kFunctionNames[function]) + ",";
  for (size_t i = 0; i < now.rules.size(); ++i) {
    const Rule& rule = now.rules[i];
    if (rule.calls != "*" && rule.calls.find(word) == rule.calls.npos) continue;
    const uint64_t before = state->seen[i]++;
    if (before < rule.after || before - rule.after >= rule.times) continue;
    ++state->hits[i];
    return &rule;
  }
  return nullptr;
}

// What happens before the token is asked; a value: it is not asked.
std::optional<CK_RV> Before(const Rule& rule, size_t function) {
  switch (rule.action) {
    case Action::kReturn:
      return rule.number;
    case Action::kDelay:
      std::this_thread::sleep_for(milliseconds(rule.number));
      break;
    case Action::kHang:
      for (;;) pause();
    case Action::kStall:
      for (const std::string calls = rule.calls;;) {
        const Script now = ReadScript();
        if (std::ranges::none_of(now.rules, [&](const Rule& r) {
              return r.action == Action::kStall && r.calls == calls;
            })) {
          break;
        }
        std::this_thread::sleep_for(milliseconds(10));
      }
      break;
    case Action::kCrash:
      signal(SIGSEGV, SIG_DFL);
      raise(SIGSEGV);
      break;
    case Action::kLeak:
      // From the system itself: lost memory that a sanitizer has no opinion about.
      if (void* lost = mmap(nullptr, rule.number, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
          lost != MAP_FAILED) {
        std::memset(lost, static_cast<int>(function) + 1, rule.number);
      }
      break;
    case Action::kLate:
    case Action::kSpoil:
      break;
  }
  return std::nullopt;
}

void LoseAllSessions() {
  for (auto [session, used] : sessions) real->C_CloseSession(session);
  sessions.clear();
}

// Of a session that the call names; CKR_OK: go on. With token_mutex.
CK_RV UseSession(const Script& now, CK_SESSION_HANDLE session) {
  auto at = sessions.find(session);
  if (at == sessions.end()) return CKR_SESSION_HANDLE_INVALID;
  if ((now.idle && steady_clock::now() - at->second > *now.idle) ||
      (now.drop && at->second < now.read)) {
    real->C_CloseSession(session);
    sessions.erase(at);
    return CKR_SESSION_HANDLE_INVALID;
  }
  at->second = steady_clock::now();
  return CKR_OK;
}

// What a module says whose token is gone; nullopt: this it can do without. With token_mutex.
std::optional<CK_RV> Vanished(std::string_view name) {
  LoseAllSessions();
  if (name == "C_Initialize" || name == "C_Finalize" || name == "C_GetInfo") return std::nullopt;
  if (name == "C_GetTokenInfo" || name == "C_OpenSession") return CKR_TOKEN_NOT_PRESENT;
  return name == "C_GetSlotList" ? CKR_OK : CKR_DEVICE_REMOVED;
}

constexpr bool TakesSession(std::string_view name) {
  constexpr std::string_view kNoSession[] = {
      "C_Initialize",       "C_Finalize",         "C_GetInfo",     "C_GetSlotList",
      "C_GetSlotInfo",      "C_GetTokenInfo",     "C_InitToken",   "C_GetMechanismList",
      "C_GetMechanismInfo", "C_WaitForSlotEvent", "C_OpenSession", "C_CloseAllSessions"};
  return std::ranges::find(kNoSession, name) == std::end(kNoSession);
}

// What the settings change in a token's own answer. With token_mutex.
template <typename... A>
CK_RV Ask(const Script& now, std::string_view name, CK_RV (*call)(A...), A... a) {
  const auto arguments = std::tuple(a...);
  if (name == "C_Finalize") sessions.clear();
  if (name == "C_CloseAllSessions") LoseAllSessions();
  if (name == "C_OpenSession" && sessions.size() >= now.sessions) return CKR_SESSION_COUNT;
  if (now.oaep_only) {
    if (auto rv = oaep_token.Ask(name, arguments)) return *rv;
  }
  CK_RV rv = call(a...);
  if (rv != CKR_OK) return rv;
  if constexpr (std::is_same_v<std::tuple<A...>, std::tuple<CK_SLOT_ID, CK_TOKEN_INFO*>>) {
    if (!now.manufacturer.empty()) {
      CK_TOKEN_INFO* info = std::get<1>(arguments);
      std::memset(info->manufacturerID, ' ', sizeof info->manufacturerID);
      std::memcpy(info->manufacturerID, now.manufacturer.data(), now.manufacturer.size());
    }
  }
  if constexpr (sizeof...(A) == 5) {
    if (name == "C_OpenSession") {
      sessions[*reinterpret_cast<CK_SESSION_HANDLE*>(std::get<4>(arguments))] = steady_clock::now();
    }
  }
  if constexpr (std::is_same_v<std::tuple<A...>, std::tuple<CK_SESSION_HANDLE, CK_OBJECT_HANDLE,
                                                            CK_ATTRIBUTE*, CK_ULONG>>) {
    CK_ATTRIBUTE* found = std::get<2>(arguments);
    if (now.bare_points && name == "C_GetAttributeValue" && found->type == CKA_EC_POINT &&
        found->pValue != nullptr) {
      found->ulValueLen -= 2;
      std::memmove(found->pValue, static_cast<char*>(found->pValue) + 2, found->ulValueLen);
    }
  }
  return rv;
}

template <size_t Function, auto Member, typename Type>
struct Wrapped;
template <size_t Function, auto Member, typename... A>
struct Wrapped<Function, Member, CK_RV (*)(A...)> {
  static CK_RV Call(A... a) {
    constexpr std::string_view name = kFunctionNames[Function];
    ++state->calls[Function];
    const Script now = ReadScript();
    const Rule* rule = RuleFor(now, Function);
    if (rule != nullptr) {
      if (auto rv = Before(*rule, Function)) return *rv;
    }
    const auto arguments = std::tuple(a...);
    std::lock_guard lock(token_mutex);
    if (now.vanish) {
      if constexpr (name == "C_GetSlotList") *std::get<2>(arguments) = 0;
      if (auto rv = Vanished(name)) return *rv;
    }
    if constexpr (TakesSession(name)) {
      const auto session = static_cast<CK_SESSION_HANDLE>(std::get<0>(arguments));
      if (CK_RV rv = UseSession(now, session); rv != CKR_OK) return rv;
      if (name == "C_CloseSession") sessions.erase(session);
    }
    CK_RV rv = Ask(now, name, real->*Member, a...);
    if (rule == nullptr || rv != CKR_OK) return rv;
    if (rule->action == Action::kLate) return rule->number;
    if constexpr (std::is_same_v<std::tuple<A...>,
                                 std::tuple<CK_SESSION_HANDLE, unsigned char*, unsigned long,
                                            unsigned char*, unsigned long*>>) {
      if (rule->action == Action::kSpoil) std::get<3>(arguments)[*std::get<4>(arguments) / 2] ^= 1;
    }
    return rv;
  }
};

std::string ScriptPath() {
  if (const char* path = std::getenv("PAYGATE_FAULT_FILE")) return path;
  const char* conf = std::getenv("SOFTHSM2_CONF");
  if (conf == nullptr) return "/nonexistent/faults";
  return (std::filesystem::path(conf).parent_path() / "faults").string();
}

FaultState* MapState() {
  const int fd = open((script_path + ".state").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const bool shared = fd >= 0 && ftruncate(fd, sizeof(FaultState)) == 0;
  void* page = mmap(nullptr, sizeof(FaultState), PROT_READ | PROT_WRITE,
                    shared ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, shared ? fd : -1, 0);
  if (fd >= 0) close(fd);
  if (page == MAP_FAILED) std::abort();
  return static_cast<FaultState*>(page);
}

template <size_t Function, auto Member>
void Wrap() {
  using Type = std::remove_reference_t<decltype(faulty.*Member)>;
  faulty.*Member = Wrapped<Function, Member, Type>::Call;
}

void WrapAll() {
  enum : size_t {
#define X(name) k##name,
    PAYGATE_CK_FUNCTIONS(X)
#undef X
  };
#define X(name) Wrap<k##name, &CK_FUNCTION_LIST::name>();
  PAYGATE_CK_FUNCTIONS(X)
#undef X
}

}  // namespace

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(
    CK_FUNCTION_LIST_PTR_PTR list) {
  // Anew: one process may test with one token after another.
  script_path = ScriptPath();
  if (state != nullptr) munmap(state, sizeof *state);
  state = MapState();
  if (real == nullptr) {
    void* module = dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_LOCAL);
    if (module == nullptr) return CKR_GENERAL_ERROR;
    auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(module, "C_GetFunctionList"));
    if (CK_RV rv = get(&real); rv != CKR_OK) return rv;
    faulty = *real;
    WrapAll();
  }
  *list = &faulty;
  return CKR_OK;
}
