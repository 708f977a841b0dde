#include "tools/load/page.h"

#include "tools/load/chart.h"

namespace paygate::load {
namespace {

// Colours of the series are Okabe and Ito's, which everybody can tell apart.
constexpr char kStyle[] = R"(
:root{color-scheme:light dark;--paper:#fbfaf8;--card:#fff;--ink:#1d2126;--soft:#626b76;
--rule:#e3e1dc;--band:#0000000a;--good:#00795a;--bad:#c2410c;
--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#cc79a7;--c4:#e69f00;--c5:#56b4e9;--c6:#8c7ae6;
--c7:#9aa3ad}
@media (prefers-color-scheme:dark){:root{--paper:#14171b;--card:#1c2026;--ink:#e8eaed;
--soft:#98a2ae;
--rule:#2e343c;--band:#ffffff0d;--good:#3ecf9f;--bad:#ff8a5b;
--c0:#4aa8e8;--c1:#ff8a3d;--c2:#2fcf9b;--c3:#e79ac6;--c4:#f5b942;--c5:#7fccf5;--c6:#a99bf5;
--c7:#77818c}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1040px;margin:0 auto;padding:36px 24px 60px}
h1{font-size:27px;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em}
h2{font-size:18px;margin:0 0 2px}
.sub,.note{color:var(--soft);margin:0 0 14px}.note{max-width:75ch;font-size:14px}
.badge{display:inline-block;border-radius:99px;padding:3px 14px;font-weight:600;color:#fff;
margin:10px 0 0}
.badge.good{background:#00795a}.badge.bad{background:#b3360a}
.reasons{border-left:4px solid var(--bad);margin:14px 0;padding:2px 0 2px 14px;list-style:none}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(145px,1fr));gap:12px;
margin:22px 0}
.card{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:13px 16px}
.card b{display:block;font-size:26px;line-height:1.15;font-weight:650;
font-variant-numeric:tabular-nums}
.card b small{font-size:14px;font-weight:500;color:var(--soft);margin-left:4px}
.card span{color:var(--soft);font-size:13px}.card.good b{color:var(--good)}
.card.bad b{color:var(--bad)}
section{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:18px 22px;
margin:16px 0}
svg{display:block;width:100%;height:auto;overflow:visible}
.grid{stroke:var(--rule);stroke-width:1}
.tick,.unit,.band-name{fill:var(--soft);font-size:12px}.unit{font-style:italic}
.bar-name,.bar-value{fill:var(--ink);font-size:14px}
.band{fill:var(--band)}.hint{fill:transparent}.hint:hover{fill:var(--band)}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke:var(--c)}.dashed{stroke-dasharray:6 4}
.area{stroke:none;fill:var(--c);opacity:.16}.bar{fill:var(--c)}
.c0{--c:var(--c0)}.c1{--c:var(--c1)}.c2{--c:var(--c2)}.c3{--c:var(--c3)}
.c4{--c:var(--c4)}.c5{--c:var(--c5)}.c6{--c:var(--c6)}.c7{--c:var(--c7)}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;margin:8px 0 0;color:var(--soft);font-size:13px}
.legend i{display:inline-block;width:11px;height:11px;border-radius:3px;background:var(--c);
margin-right:6px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:14px}
th,td{text-align:right;padding:5px 10px;border-bottom:1px solid var(--rule)}
th{color:var(--soft);font-weight:600}th:first-child,td:first-child{text-align:left;padding-left:0}
tr:last-child td{border-bottom:0}
td{overflow-wrap:anywhere}
.wide{overflow-x:auto}
.two{display:grid;align-items:start;
grid-template-columns:repeat(auto-fit,minmax(380px,1fr));gap:0 16px}
footer{color:var(--soft);font-size:13px;margin-top:26px;overflow-wrap:anywhere}
@media print{:root{--paper:#fff;--card:#fff;--ink:#000;--soft:#444;--rule:#ccc;--band:#0000000a;
--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#cc79a7;--c4:#e69f00;--c5:#56b4e9;--c6:#8c7ae6;
--c7:#9aa3ad}
body{font-size:11px;-webkit-print-color-adjust:exact;print-color-adjust:exact}
main{padding:0;max-width:none}section,.card{break-inside:avoid;box-shadow:none}}
)";

}  // namespace

std::string Page(std::string_view title, std::string_view body) {
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
      // Nothing is fetched and nothing runs, whatever may have got into the page.
      "<meta http-equiv=\"Content-Security-Policy\" "
      "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>";
  out.append(EscapeHtml(title)).append("</title><style>").append(kStyle);
  out.append("</style></head>\n<body><main>\n").append(body).append("</main></body></html>\n");
  return out;
}

std::string Section(std::string_view heading, std::string_view note, std::string_view content) {
  std::string out = "<section><h2>" + EscapeHtml(heading) + "</h2>\n";
  if (!note.empty()) out += "<p class=\"note\">" + EscapeHtml(note) + "</p>\n";
  return out.append(content).append("</section>\n");
}

std::string Table(const std::vector<std::vector<std::string>>& rows) {
  std::string out = "<div class=\"wide\"><table>";
  for (size_t i = 0; i < rows.size(); ++i) {
    out += "<tr>";
    for (const std::string& cell : rows[i]) {
      out += i == 0 ? "<th>" : "<td>";
      out += EscapeHtml(cell);
      out += i == 0 ? "</th>" : "</td>";
    }
    out += "</tr>\n";
  }
  return out + "</table></div>\n";
}

std::string Cards(const std::vector<Card>& cards) {
  std::string out = "<div class=\"cards\">";
  for (const Card& card : cards) {
    out += "<div class=\"card " + EscapeHtml(card.mark) + "\"><b>" + EscapeHtml(card.value);
    if (!card.unit.empty()) out += "<small>" + EscapeHtml(card.unit) + "</small>";
    out += "</b><span>" + EscapeHtml(card.name) + "</span></div>\n";
  }
  return out + "</div>\n";
}

}  // namespace paygate::load
