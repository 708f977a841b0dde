#include "tools/ceremony/html.h"

#include <qrencode.h>

#include <memory>

namespace paygate::tools::ceremony {
namespace {

constexpr int kQuietZone = 4;  // modules of white around it
constexpr std::string_view kStyle =
    "body{font:11pt/1.4 serif;max-width:19cm;margin:1cm auto;color:#000;background:#fff}"
    "h1{font-size:16pt}h2{font-size:12pt;margin-top:1.5em}"
    "table{border-collapse:collapse;width:100%}"
    "td,th{border:1px solid #888;padding:.2em .5em;text-align:left;vertical-align:top}"
    "code,pre{font:10pt/1.5 monospace;overflow-wrap:anywhere}"
    "tr,svg,pre{break-inside:avoid}"
    ".line{border-bottom:1px solid #000;height:2.5em}";

}  // namespace

std::string EscapeHtml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string HtmlPage(std::string_view title, std::string_view body) {
  const std::string escaped = EscapeHtml(title);
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" "
         "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>" +
         escaped + "</title>\n<style>" + std::string(kStyle) + "</style>\n</head>\n<body>\n<h1>" +
         escaped + "</h1>\n" + std::string(body) + "</body>\n</html>\n";
}

std::string QrSvg(const std::string& text) {
  const std::unique_ptr<QRcode, void (*)(QRcode*)> code(
      QRcode_encodeString(text.c_str(), 0, QR_ECLEVEL_M, QR_MODE_8, 1), QRcode_free);
  if (!code) return {};
  const std::string side = std::to_string(code->width + 2 * kQuietZone);
  std::string path;
  for (int y = 0; y < code->width; ++y) {
    for (int x = 0; x < code->width; ++x) {
      if ((code->data[y * code->width + x] & 1) == 0) continue;
      path += "M" + std::to_string(x + kQuietZone) + " " + std::to_string(y + kQuietZone) +
              "h1v1h-1z";
    }
  }
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"7cm\" height=\"7cm\" "
         "shape-rendering=\"crispEdges\" viewBox=\"0 0 " + side + " " + side +
         "\"><path fill=\"#fff\" d=\"M0 0h" + side + "v" + side + "H0z\"/><path d=\"" + path +
         "\"/></svg>\n";
}

}  // namespace paygate::tools::ceremony
