// Frames: what paygatectl and the engine say to each other over control.sock.
//
// Each frame is one payload of base/ipc.h; the grammar is at the top of control_frames.cc. Encode
// and Decode are pure. Decode refuses (kMalformed) what Encode would not print.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace paygate::gateway {

constexpr size_t kMaxControlArguments = 16;

struct ControlRequest {
  std::string command;                           // "participants.show"
  std::map<std::string, std::string> arguments;  // "id" → …
};
struct ControlReply {
  std::string json;               // one object, if there is no error
  std::string error_code, error;  // its name, and a sentence for the operator; empty: none
  bool ok() const { return error_code.empty(); }
};

std::string Encode(const ControlRequest& request);
std::string Encode(const ControlReply& reply);
base::Result<ControlRequest> DecodeControlRequest(std::string_view frame);
base::Result<ControlReply> DecodeControlReply(std::string_view frame);

}  // namespace paygate::gateway
