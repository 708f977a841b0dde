// The frame of a report: one HTML file that needs nothing else, dark or light as the reader's
// system is, and good on paper. What comes from outside is escaped by who puts it in.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace paygate::load {

// The whole file; `body` is HTML, `title` is text.
std::string Page(std::string_view title, std::string_view body);

// A section with its heading (text), what it shows (text), and its content (HTML).
std::string Section(std::string_view heading, std::string_view note, std::string_view content);

// A table of text; the first row is its head, further columns than the first are numbers.
std::string Table(const std::vector<std::vector<std::string>>& rows);

struct Card {
  std::string value, unit, name;
  std::string mark;  // "", "good" or "bad": its colour
};
std::string Cards(const std::vector<Card>& cards);

}  // namespace paygate::load
