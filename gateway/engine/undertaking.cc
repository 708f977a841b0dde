#include "gateway/engine/undertaking.h"

#include "protocol/jws.h"

namespace paygate::gateway::engine {

base::Result<std::optional<KeptUndertaking>> UndertakingOf(const storage::CsblkRegister& csblks,
                                                           const std::string& csblk_id) {
  ASSIGN_OR_RETURN(const auto csblk, csblks.Find(csblk_id));
  if (!csblk) return base::Fail(base::ErrorCode::kInternal, "a paid CSBLK is not there");
  ASSIGN_OR_RETURN(const auto issued, protocol::ParseJws(csblk->record.jws, protocol::kTypCsblk,
                                                         protocol::KeyName::kX5t));
  ASSIGN_OR_RETURN(auto sale, protocol::CsblkPayload::Parse(issued.payload));
  if (sale.undertaking.empty()) return std::optional<KeptUndertaking>();
  ASSIGN_OR_RETURN(const auto promise,
                   protocol::ParseJws(sale.undertaking, protocol::kTypUndertaking,
                                      protocol::KeyName::kX5c));
  ASSIGN_OR_RETURN(auto payload, protocol::UndertakingPayload::Parse(promise.payload));
  return std::optional(KeptUndertaking{std::move(sale.undertaking), std::move(payload)});
}

}  // namespace paygate::gateway::engine
