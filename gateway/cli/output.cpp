#include "gateway/cli/output.hpp"

#include "gateway/base/log.hpp"
#include "mapping/decimal.hpp"

#include <ctime>
#include <iostream>
#include <sstream>

namespace gateway::cli {

namespace {

/// Characters, for columns: continuation bytes of UTF-8 take no room.
std::size_t wide(std::string_view text) {
    std::size_t count = 0;
    for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
    return count;
}

}  // namespace

std::string count(std::size_t number, std::string_view one, std::string_view many) {
    if (number == 1) return fmt::format("1 {}", one);
    return many.empty() ? fmt::format("{} {}s", number, one) : fmt::format("{} {}", number, many);
}

std::string table(const std::vector<std::vector<std::string>>& rows, std::string_view indent) {
    std::vector<std::size_t> widths;
    std::vector<std::vector<std::string>> cells;
    for (const auto& row : rows) {
        auto& line = cells.emplace_back();
        for (const auto& cell : row) line.push_back(base::printable(cell, 500));
        if (widths.size() < row.size()) widths.resize(row.size());
        for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], wide(line[i]));
    }
    std::string text;
    for (const auto& row : cells) {
        std::string line(indent);
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += row[i];
            if (i + 1 < row.size()) line.append(widths[i] - wide(row[i]) + 2, ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    }
    return text;
}

std::string span(std::int64_t ms) {
    if (ms < 10'000) return fmt::format("{:.1f} s", static_cast<double>(ms) / 1000);
    const auto seconds = ms / 1000;
    if (seconds < 120) return fmt::format("{} s", seconds);
    if (seconds < 7'200) return fmt::format("{} min", seconds / 60);
    if (seconds < 172'800) return fmt::format("{} h", seconds / 3'600);
    return fmt::format("{} d", seconds / 86'400);
}

std::string moment(std::int64_t ms) {
    const auto seconds = static_cast<std::time_t>(ms / 1000);
    std::tm local{};
    localtime_r(&seconds, &local);
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03}", local.tm_year + 1900, local.tm_mon + 1, local.tm_mday,
                       local.tm_hour, local.tm_min, local.tm_sec, ms % 1000);
}

std::string percent(double share) { return fmt::format("{:.0f} %", share * 100); }

std::string value_text(const Json& value) {
    if (value.is_null()) return "-";
    if (value.is_string()) return base::printable(value.get_ref<const std::string&>(), 500);
    if (value.is_number_float()) return mapping::number_text(value.get<double>());
    return value.dump();
}

std::string text_of(const Json& object, std::string_view key) {
    const auto found = object.find(std::string(key));
    if (found == object.end() || found->is_null()) return {};
    return found->is_string() ? base::printable(found->get_ref<const std::string&>(), 1'000) : value_text(*found);
}

void print(const Json& json) { std::cout << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n"; }

int complain(std::string_view verb, std::string_view message, int status) {
    std::cerr << fmt::format("lwm2m-gateway {}: {}\n", verb, message);
    return status;
}

Json mistakes_of(const base::Diagnostics& diagnostics) {
    Json lines = Json::array();
    std::istringstream text(diagnostics.str());
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return Json{{"ok", false}, {"mistakes", std::move(lines)}};
}

}  // namespace gateway::cli
