// The little HTML that the ceremony prints: its minute and the shares' pages.
#pragma once

#include <string>
#include <string_view>

namespace paygate::tools::ceremony {

std::string EscapeHtml(std::string_view text);
// A whole page, for paper: black on white, nothing loaded from anywhere.
std::string HtmlPage(std::string_view title, std::string_view body);
// A QR code (ISO/IEC 18004, error correction level M) as SVG; empty if the text is too long.
std::string QrSvg(const std::string& text);

}  // namespace paygate::tools::ceremony
