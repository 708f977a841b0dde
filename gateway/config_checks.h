// What each kind of value in the configuration must be. Private to config.cc.
#pragma once

#include <string>
#include <string_view>

namespace paygate::gateway {

// What is wrong with a value and what to write instead; empty: nothing.
using Complaint = std::string;

std::string Quoted(std::string_view text);

Complaint CheckPath(const std::string& v);
Complaint CheckDirectory(const std::string& v);         // not there yet is fine
Complaint CheckRuntimeDirectory(const std::string& v);  // sockets' names must fit as well
Complaint CheckGatewayId(const std::string& v);
Complaint CheckLogLevel(const std::string& v);
Complaint CheckAddress(const std::string& v);
Complaint CheckUrl(const std::string& v);
Complaint CheckTokenUri(const std::string& v);
Complaint CheckLabel(const std::string& v);
Complaint CheckCurrency(const std::string& v);
bool IsLoopback(const std::string& v);

}  // namespace paygate::gateway
