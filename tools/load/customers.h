// Customers of a bank who may be enrolled: who the load tester's participants will be.
//
// Read from a CSV with a header line (columns iban, currency, enrolment_code; others are ignored,
// quotes are not known: what paygate-banksim reads), or from JSON: an array of objects with these
// members, as `paygate-embedded-bank accounts --json` prints, or an object whose member `customers`
// is one, as tools/demo writes. Rows that say "enrolled": true are left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace paygate::load {

struct CustomerRow {
  std::string iban, currency, enrolment_code;
};

constexpr size_t kMaxCustomersBytes = 256u << 20;

// kMalformed, with the line or row.
base::Result<std::vector<CustomerRow>> ParseCustomers(std::string_view text);
base::Result<std::vector<CustomerRow>> ReadCustomers(const std::string& path);

}  // namespace paygate::load
