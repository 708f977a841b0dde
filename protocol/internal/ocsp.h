// What the writer and the reader of OCSP answers share. For this room's .cc files only.
#pragma once

#include <openssl/ocsp.h>

#include <string>
#include <string_view>

#include "protocol/ocsp.h"

namespace paygate::protocol {

OcspCertId ReadCertId(OCSP_CERTID* id);
std::string PrintOcspData(const OcspTemplate& what, const Certificate& ca);  // ResponseData
std::string PrintOcspBasic(std::string_view basic);  // OCSPResponse around a BasicOCSPResponse

}  // namespace paygate::protocol
