#include "tools/load/chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>

namespace paygate::load {
namespace {

constexpr double kWidth = 900, kHeight = 250, kLeft = 56, kRight = 14, kTop = 10, kBottom = 34;
constexpr double kPlotWidth = kWidth - kLeft - kRight, kPlotHeight = kHeight - kTop - kBottom;
constexpr size_t kMostTicks = 100;  // of an axis, whatever a foreign result says
constexpr double kMostNines = 5;    // the last percentile shown apart is 99.999

template <typename... Args>
std::string Format(const char* format, Args... args) {
  char text[512];
  const int n = std::snprintf(text, sizeof text, format, args...);
  return {text, static_cast<size_t>(std::clamp(n, 0, 511))};
}

// 1, 2 or 5 times a power of ten, so that about `count` steps cover `span`.
double Step(double span, int count) {
  const double rough = std::max(span, 1e-9) / count;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) return factor * power;
  }
  return 10 * power;
}

// How far right a percentile stands: 0 → 0, 90 → 1, 99 → 2 …
double Nines(double percentile) {
  return std::min(kMostNines, -std::log10(std::max(1e-9, 1 - percentile / 100)));
}

// From values to places in the picture.
class Frame {
 public:
  explicit Frame(const Chart& chart) : chart_(chart) {
    double low = 1e300;
    x_from_ = 1e300, x_to_ = -1e300;
    for (const Series& series : chart.series) {
      for (const auto& [x, y] : series.points) {
        x_from_ = std::min(x_from_, x), x_to_ = std::max(x_to_, x);
        y_to_ = std::max(y_to_, y);
        if (y > 0) low = std::min(low, y);
      }
    }
    if (chart.percentiles) x_from_ = 0, x_to_ = kMostNines;
    if (!(x_to_ > x_from_)) x_from_ = 0, x_to_ = std::max(1.0, x_to_);
    if (!(y_to_ > 0)) y_to_ = 1;
    if (chart.log_y) {
      SetLogTicks(std::min(low, y_to_), y_to_);
    } else {
      const double step = Step(y_to_, 5);
      y_to_ = step * std::ceil(y_to_ / step - 1e-9);
      for (double y = 0; y <= y_to_ + 1e-9 * step && ticks_y_.size() < kMostTicks; y += step) {
        ticks_y_.push_back(y);
      }
    }
  }
  double X(double x) const {
    const double at = chart_.percentiles ? Nines(x) : x;
    return kLeft + (at - x_from_) / (x_to_ - x_from_) * kPlotWidth;
  }
  double Y(double y) const {
    const double at = chart_.log_y ? std::log10(std::max(y, std::pow(10, y_from_))) : y;
    return kTop + (1 - (at - y_from_) / (y_to_ - y_from_)) * kPlotHeight;
  }
  std::string Axes() const {
    std::string out;
    for (const double value : ticks_y_) {
      out += Format("<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>", kLeft,
                    kWidth - kRight, Y(value), Y(value));
      out += Format("<text class=\"tick\" text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">%s</text>",
                    kLeft - 7, Y(value) + 4, Short(value).c_str());
    }
    for (const auto& [x, name] : TicksX()) {
      const char* anchor = X(x) > kWidth - kRight - 20 ? "end" : "middle";
      out += Format("<text class=\"tick\" text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>",
                    anchor, X(x), kHeight - kBottom + 17, name.c_str());
    }
    out += Format("<text class=\"unit\" text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">%s</text>",
                  kWidth - kRight, kHeight - 3, EscapeHtml(chart_.unit_x).c_str());
    return out + Format("<text class=\"unit\" x=\"%.1f\" y=\"%.1f\">%s</text>", 2.0, kHeight - 3,
                        EscapeHtml(chart_.unit_y).c_str());
  }

 private:
  // 1, 2, 5, 10, 20 … around what there is; the powers of ten alone where that would be many.
  void SetLogTicks(double low, double high) {
    const double powers = std::ceil(std::log10(high)) - std::floor(std::log10(low));
    for (double power = std::pow(10, std::floor(std::log10(low))); ticks_y_.size() < kMostTicks;
         power *= 10) {
      for (const double factor : {1.0, 2.0, 5.0}) {
        if (powers > 4 && factor > 1) continue;
        const double value = factor * power;
        if (!ticks_y_.empty() && value > low * (1 + 1e-9) && ticks_y_.back() < low) {
          ticks_y_ = {ticks_y_.back()};  // the last below all values
        }
        ticks_y_.push_back(value);
        if (value < high || ticks_y_.size() < 2) continue;
        y_from_ = std::log10(ticks_y_.front());
        y_to_ = std::log10(value);
        return;
      }
    }
  }
  std::vector<std::pair<double, std::string>> TicksX() const {
    if (chart_.percentiles) {
      return {{0, "0"},         {50, "50 %"},       {90, "90 %"},        {99, "99 %"},
              {99.9, "99.9 %"}, {99.99, "99.99 %"}, {99.999, "99.999 %"}};
    }
    std::vector<std::pair<double, std::string>> ticks;
    const double step = std::max(1.0, Step(x_to_ - x_from_, 10));
    for (double x = std::ceil(x_from_ / step) * step;
         x <= x_to_ + 1e-9 && ticks.size() < kMostTicks; x += step) {
      ticks.emplace_back(x, Short(x));
    }
    return ticks;
  }
  const Chart& chart_;
  double x_from_, x_to_, y_from_ = 0, y_to_ = 0;
  std::vector<double> ticks_y_;
};

std::string Line(const Series& series, const Frame& frame) {
  if (series.points.empty()) return {};
  std::string path;
  for (const auto& [x, y] : series.points) {
    path += Format("%s%.1f %.1f", path.empty() ? "M" : "L", frame.X(x), frame.Y(y));
  }
  std::string out;
  if (series.area) {
    const double base = kTop + kPlotHeight;
    out += Format("<path class=\"area c%d\" d=\"", series.colour) + path +
           Format("L%.1f %.1fL%.1f %.1fZ\"/>", frame.X(series.points.back().first), base,
                  frame.X(series.points.front().first), base);
  }
  return out +
         Format("<path class=\"line c%d%s\" d=\"", series.colour, series.dashed ? " dashed" : "") +
         path + "\"/>";
}

// What a pointer that rests on the chart is told: the values of all series at that x.
std::string Hints(const Chart& chart, const Frame& frame) {
  std::string out;
  if (chart.series.empty()) return out;
  const auto& first = chart.series.front().points;
  for (size_t i = 0; i < first.size(); ++i) {
    const double x = frame.X(first[i].first);
    const double left = i == 0 ? x : (frame.X(first[i - 1].first) + x) / 2;
    const double right = i + 1 == first.size() ? x : (x + frame.X(first[i + 1].first)) / 2;
    std::string words = Short(first[i].first) + " " + chart.unit_x;
    for (const Series& series : chart.series) {
      if (i >= series.points.size()) continue;
      words += "\n" + series.name + " " + Short(series.points[i].second);
    }
    out += Format("<rect class=\"hint\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">",
                  left, kTop, std::max(1.0, right - left), kPlotHeight) +
           "<title>" + EscapeHtml(words) + "</title></rect>";
  }
  return out;
}

}  // namespace

std::string EscapeHtml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? '?' : c;
    }
  }
  return out;
}

std::string Short(double value) {
  const double size = std::fabs(value);
  if (size >= 1000) {
    std::string digits = Format("%.0f", value);
    const ptrdiff_t first = digits.starts_with('-') ? 1 : 0;
    for (auto at = static_cast<ptrdiff_t>(digits.size()) - 3; at > first; at -= 3) {
      digits.insert(static_cast<size_t>(at), ",");
    }
    return digits;
  }
  const char* format = size >= 100 ? "%.0f" : size >= 10 ? "%.1f" : size >= 1 ? "%.2f" : "%.3f";
  std::string text = Format(format, value);
  if (text.contains('.')) {
    while (text.ends_with('0')) text.pop_back();
    if (text.ends_with('.')) text.pop_back();
  }
  return text;
}

std::string Legend(const std::vector<std::pair<std::string, int>>& names) {
  std::string out = "<p class=\"legend\">";
  for (const auto& [name, colour] : names) {
    out += Format("<span><i class=\"c%d\"></i>", colour) + EscapeHtml(name) + "</span>";
  }
  return out + "</p>\n";
}

std::string LineChart(const Chart& chart) {
  const Frame frame(chart);
  std::string out =
      Format("<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", kWidth, kHeight) +
      EscapeHtml(chart.label) + "\">";
  for (const Band& band : chart.bands) {
    const double from = frame.X(band.from), to = frame.X(band.to);
    if (to <= from) continue;
    out += Format("<rect class=\"band\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
                  from, kTop, to - from, kPlotHeight);
    out += Format("<text class=\"band-name\" x=\"%.1f\" y=\"%.1f\">%s</text>", from + 4, kTop + 12,
                  EscapeHtml(band.name).c_str());
  }
  out += frame.Axes();
  for (const Series& series : chart.series) out += Line(series, frame);
  out += Hints(chart, frame) + "</svg>\n";
  std::vector<std::pair<std::string, int>> names;
  for (const Series& series : chart.series) names.emplace_back(series.name, series.colour);
  return out + (names.size() > 1 ? Legend(names) : std::string());
}

std::string BarChart(const std::string& label, const std::vector<BarRow>& rows,
                     const std::string& unit) {
  constexpr double kRow = 34, kName = 190, kValue = 110;
  double widest = 0;
  for (const BarRow& row : rows) {
    double sum = 0;
    for (const Part& part : row.parts) sum += std::max(0.0, part.value);
    widest = std::max(widest, sum);
  }
  const double scale = widest > 0 ? (kWidth - kName - kValue) / widest : 0;
  std::string out = Format("<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", kWidth,
                           kRow * static_cast<double>(rows.size()) + 4) +
                    EscapeHtml(label) + "\">";
  double y = 4;
  for (const BarRow& row : rows) {
    out += Format("<text class=\"bar-name\" text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">", kName - 10,
                  y + 18) +
           EscapeHtml(row.name) + "</text>";
    double x = kName, sum = 0;
    for (const Part& part : row.parts) {
      const double width = std::max(0.0, part.value) * scale;
      out += Format("<rect class=\"bar c%d\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"24\">",
                    part.colour, x, y, width) +
             "<title>" + EscapeHtml(part.name + " " + Short(part.value) + " " + unit) +
             "</title></rect>";
      x += width;
      sum += part.value;
    }
    out += Format("<text class=\"bar-value\" x=\"%.1f\" y=\"%.1f\">%s %s</text>", x + 8, y + 18,
                  Short(sum).c_str(), EscapeHtml(unit).c_str());
    y += kRow;
  }
  return out + "</svg>\n";
}

}  // namespace paygate::load
