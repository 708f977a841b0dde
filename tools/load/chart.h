// Charts as inline SVG: no script, no font, no network; colours come from the page's style sheet
// (classes c0 … c7), so that they follow its dark and light. All text is escaped. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace paygate::load {

std::string EscapeHtml(std::string_view text);
// "1,234", "12.3", "0.045": as many digits as a reader wants.
std::string Short(double value);

struct Series {
  std::string name;
  int colour = 0;
  bool area = false;  // filled down to the axis
  bool dashed = false;
  std::vector<std::pair<double, double>> points;  // in the order of x
};

struct Band {  // a shaded part of the x axis
  double from = 0, to = 0;
  std::string name;
};

struct Chart {
  std::string id, label;  // for who cannot see it
  std::string unit_x, unit_y;
  // x is a percentile: 90, 99, 99.9 … at equal distances.
  bool percentiles = false;
  bool log_y = false;
  std::vector<Series> series;
  std::vector<Band> bands;
};
std::string LineChart(const Chart& chart);

// One horizontal bar of parts after each other, for each row; widths are to one scale.
struct Part {
  std::string name;
  int colour = 0;
  double value = 0;
};
struct BarRow {
  std::string name;
  std::vector<Part> parts;
};
std::string BarChart(const std::string& label, const std::vector<BarRow>& rows,
                     const std::string& unit);

// A row of "■ name" for series and parts.
std::string Legend(const std::vector<std::pair<std::string, int>>& names);

}  // namespace paygate::load
