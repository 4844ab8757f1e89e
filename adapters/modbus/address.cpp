#include "adapters/modbus/address.hpp"

#include "gateway/base/diagnostics.hpp"

#include <algorithm>
#include <charconv>

namespace adapters::modbus {

namespace {

const std::vector<std::string_view> table_names{"coil", "discrete", "input", "holding"};  // in the order of Table

std::optional<std::uint32_t> parse_number(std::string_view text) {
    const bool hex = text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    if (hex) text.remove_prefix(2);
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// "40070+16" too, so that a block of registers can be moved by a parameter: holding:${block}+16.
std::optional<std::uint32_t> parse_sum(std::string_view text) {
    std::uint64_t sum = 0;
    for (;;) {
        const auto plus = text.find('+');
        const auto part = parse_number(text.substr(0, plus));
        if (!part) return std::nullopt;
        sum = std::min<std::uint64_t>(sum + *part, 0xFFFFFFFF);
        if (plus == std::string_view::npos) return static_cast<std::uint32_t>(sum);
        text.remove_prefix(plus + 1);
    }
}

char digit_of(Table table) { return "0134"[static_cast<std::size_t>(table)]; }
std::string modicon(Table table, std::uint32_t wire) {
    const std::string number = fmt::format("{}{:0{}}", digit_of(table), wire + 1, wire < 9999 ? 4 : 5);
    return table == Table::coil ? '"' + number + '"' : number;
}

}  // namespace

const std::vector<std::string_view>& addressing_names() {
    static const std::vector<std::string_view> names{"zero", "one", "modicon"};
    return names;
}

std::optional<Place> AddressReader::read(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return read_modicon(text);
    const auto word = text.substr(0, colon);
    const auto table = std::find(table_names.begin(), table_names.end(), word);
    if (table == table_names.end()) {
        const auto near = base::nearest(word, table_names);
        return wrong(fmt::format("'{}' names no Modbus table", text),
                     near.empty() ? std::string(at_forms) : fmt::format("did you mean '{}:{}'?", near, text.substr(colon + 1)));
    }
    const auto number = parse_sum(text.substr(colon + 1));
    if (!number)
        return wrong(fmt::format("'{}' has no number after the colon", text),
                     fmt::format("write {}:10 or {}:0x0A", word, word));
    const Table place = static_cast<Table>(table - table_names.begin());
    if (addressing_ == Addressing::modicon)
        return wrong(
            fmt::format("'{}' in a profile with modicon addresses", text),
            fmt::format("write {}, or set 'addresses: one' or 'zero' for the form with a colon", modicon(place, *number)));
    const std::uint32_t first = addressing_ == Addressing::one ? 1 : 0;
    if (*number < first || *number > 65535 + first)
        return wrong(fmt::format("'{}' is out of range", text),
                     fmt::format("addresses go from {} to {}", first, 65535 + first));
    return Place{place, static_cast<std::uint16_t>(*number - first)};
}

std::optional<Place> AddressReader::wrong(std::string now, std::string then) {
    what = std::move(now);
    remedy = std::move(then);
    return std::nullopt;
}

// 40011 or 400011: the table's digit, then the number from 1. Modicon's five digits reach 9999, its six 65536.
std::optional<Place> AddressReader::read_modicon(std::string_view text) {
    const bool digits = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    const auto number = digits && (text.size() == 5 || text.size() == 6) ? parse_number(text.substr(1)) : std::nullopt;
    const auto table = text.empty() ? std::string_view::npos : std::string_view("0134").find(text.front());
    const bool known = number && table != std::string_view::npos && *number >= 1 && *number <= 65536;
    if (addressing_ != Addressing::modicon) {
        if (!known) return wrong(fmt::format("'{}' is no Modbus address", text), std::string(at_forms));
        const std::uint32_t counted = addressing_ == Addressing::one ? *number : *number - 1;
        return wrong(fmt::format("'{}' looks like a modicon address", text),
                     fmt::format("write {}:{}, or set 'addresses: modicon' in the profile's 'modbus' section",
                                 table_names[table], counted));
    }
    if (!known)
        return wrong(fmt::format("'{}' is no modicon address", text),
                     "write five or six digits, 4xxxx holding, 3xxxx input, 1xxxx discrete, \"0xxxx\" coil in quotes");
    return Place{static_cast<Table>(table), static_cast<std::uint16_t>(*number - 1)};
}

}  // namespace adapters::modbus
