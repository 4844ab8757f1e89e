#include "config/loose_scalar.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cstdint>

namespace config {

namespace {

constexpr std::string_view decimal = "0123456789";

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

bool only(std::string_view text, std::string_view allowed) {
    return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

Loose truth(std::string_view plain, bool value) {
    return {fmt::format("'{}' is {} to some tools and text to others", plain, value),
            fmt::format("write {}, or \"{}\" in quotes for the text", value, plain)};
}

// YAML 1.1 !!int base 60 and !!float base 60: 1:30, 190:20:30.15
bool sexagesimal(std::string_view text) {
    const auto first = text.find(':');
    if (first == std::string_view::npos || !only(text.substr(0, first), decimal)) return false;
    text.remove_prefix(first);
    if (const auto point = text.find('.'); point != std::string_view::npos) {
        if (!text.substr(point + 1).empty() && !only(text.substr(point + 1), decimal)) return false;
        text = text.substr(0, point);
    }
    while (!text.empty()) {
        text.remove_prefix(1);  // the colon
        const auto part = text.substr(0, text.find(':'));
        if (!only(part, decimal) || part.size() > 2 || (part.size() == 2 && part[0] > '5')) return false;
        text.remove_prefix(part.size());
    }
    return true;
}

// What 0x1_0, 0b101, -0x10, 0X1F mean, in decimal; nothing when it is not such a number.
std::optional<std::string> in_decimal(std::string_view text) {
    const bool negative = text[0] == '-';
    if (text[0] == '-' || text[0] == '+') text.remove_prefix(1);
    if (text.size() < 3 || text[0] != '0') return std::nullopt;
    int radix = 0;
    if (text[1] == 'x' || text[1] == 'X') radix = 16;
    if (text[1] == 'o' || text[1] == 'O') radix = 8;
    if (text[1] == 'b' || text[1] == 'B') radix = 2;
    if (radix == 0) return std::nullopt;
    std::string digits(text.substr(2));
    std::erase(digits, '_');
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, radix);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return fmt::format("{}{}", negative ? "-" : "", number);
}

}  // namespace

std::optional<Loose> loose_scalar(std::string_view plain) {
    if (plain.empty() || plain.size() > 64) return std::nullopt;
    const std::string word = lower(plain);
    for (const std::string_view yes : {"yes", "on", "y"})
        if (word == yes) return truth(plain, true);
    for (const std::string_view no : {"no", "off", "n"})
        if (word == no) return truth(plain, false);
    const auto quoted = [&](std::string_view means, std::string_view instead) {
        return Loose{fmt::format("'{}' is {}", plain, means), fmt::format("write {}", instead)};
    };

    const bool sign = word[0] == '-' || word[0] == '+';
    const std::string_view digits = std::string_view(word).substr(sign ? 1 : 0);
    if (digits == ".inf" || digits == ".nan")
        return quoted("no number that a device could have", fmt::format("a number, or \"{}\" in quotes for the text", plain));
    if (digits.empty() || digits[0] < '0' || digits[0] > '9') return std::nullopt;

    // 0x1F and 0o17 are numbers of the core schema; all their other spellings are not.
    if (const auto number = in_decimal(plain)) {
        const bool core = !sign && (plain[1] == 'x' || plain[1] == 'o') && plain.find('_') == std::string_view::npos;
        if (core) return std::nullopt;
        return quoted("a number to some tools and text to others",
                      fmt::format("{}, or \"{}\" in quotes for the text", *number, plain));
    }
    if (sexagesimal(digits))
        return quoted("a number of base 60 to some tools and text to others", fmt::format("\"{}\" in quotes", plain));
    if (digits.find('_') != std::string_view::npos && only(digits, "0123456789_.") && digits.find('.') == digits.rfind('.')) {
        std::string without(plain);
        std::erase(without, '_');
        return quoted("a number to some tools and text to others",
                      fmt::format("{}, or \"{}\" in quotes for the text", without, plain));
    }
    if (digits.size() > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9') {
        double value = 0;  // 01.05.2024 is a date, not a number
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
        const auto whole = digits.find_first_not_of(decimal);
        const auto number = digits.substr(std::min({digits.find_first_not_of('0'), whole - 1, digits.size() - 1}));
        return quoted("octal to some tools and decimal to others",
                      fmt::format("{}{}, or \"{}\" in quotes for the text", word[0] == '-' ? "-" : "", number, plain));
    }
    return std::nullopt;
}

}  // namespace config
