#include "gateway/control/guess.hpp"

#include "adapters/api/encoding.hpp"
#include "gateway/base/log.hpp"
#include "mapping/decimal.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace gateway::control {

namespace {

using adapters::Kind;
using base::ByteView;

constexpr int unlikely = 20;  // nothing is marked at or below it

struct Judged {
    int score = 0;
    std::string reason;
};

/// Digits that a person would have to write, without leading and trailing zeros.
int digits_of(double number) {
    const auto decimal = mapping::Decimal::of(number);
    if (!decimal) return 99;
    std::int64_t mantissa = std::abs(decimal->mantissa);
    while (mantissa != 0 && mantissa % 10 == 0) mantissa /= 10;
    int digits = 0;
    for (; mantissa != 0; mantissa /= 10) ++digits;
    return digits;
}

Judged judge_float(double number, bool wide) {
    if (!std::isfinite(number)) return {0, "no number"};
    if (number == 0) return {12, "zero"};
    const double size = std::abs(number);
    const double least = wide ? 1e-6 : 1e-3, most = wide ? 1e12 : 1e7;
    if (size < least) return {0, "too small to be measured"};
    if (size > most) return {0, "too large to be measured"};
    const int digits = digits_of(number);
    const int few = wide ? 9 : 5, some = wide ? 14 : 8;
    if (digits <= few) return {wide ? 85 : 80, "everyday size, few digits"};
    if (digits <= some && !wide) return {58, "everyday size"};
    return {wide ? 70 : 45, "everyday size, many digits"};
}

Judged judge_integer(std::uint64_t bits, std::int64_t number, unsigned width, bool is_signed) {
    const std::uint64_t all = width == 64 ? UINT64_MAX : (std::uint64_t{1} << width) - 1;
    const std::uint64_t top = std::uint64_t{1} << (width - 1);
    if (bits == 0) return {is_signed ? 13 : 14, "zero"};
    if (bits == all && !is_signed) return {5, "all bits set: often \"not available\""};
    if (bits == top || bits == top - 1) return {5, "the limit of the type: often \"not available\""};
    if (is_signed && number < 0) {
        if (number == -1) return {15, "all bits set: often \"not available\""};
        if (number >= -1000 || (width > 16 && number >= -100'000)) return {width == 16 ? 46 : 62, "a small negative number"};
        return {width == 16 ? 22 : 4, "a large negative number"};
    }
    if (!is_signed && bits >= top) return {width == 16 ? 24 : 3, "a very large number"};
    // Signed and not are the same here: the one with the wider range is proposed.
    const int preferred = is_signed ? 0 : 1;
    if (width == 16) return {40 + preferred, "a number of one register"};
    const unsigned used = 64U - static_cast<unsigned>(__builtin_clzll(bits));
    if (used <= width / 2) return {(width == 64 ? 78 : 68) + preferred, "its upper half is zero"};
    if (used <= width - 8) return {width == 64 ? 50 + preferred : 34 + preferred, "its uppermost byte is zero"};
    return {8 + preferred, "a very large number"};
}

Judged judge_bcd(ByteView bytes) {
    std::size_t leading = 0;
    bool started = false, beyond_octal = false;
    for (const std::uint8_t byte : bytes)
        for (const unsigned digit : {unsigned{byte} >> 4U, unsigned{byte} & 15U}) {
            started = started || digit != 0;
            if (!started) ++leading;
            beyond_octal = beyond_octal || digit > 7;
        }
    if (!started) return {6, "zero"};
    const auto digits = bytes.size() * 2 - leading;
    if (digits >= 12) return {66, "decimal digits in all places"};
    if (digits >= 7) return {beyond_octal ? 49 : 44, "decimal digits in all places"};
    return {15, "decimal digits, but so few may be chance"};
}

Judged judge_text(ByteView bytes, std::string_view text) {
    if (text.empty()) return {0, "empty"};
    std::size_t letters = 0;
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return {0, "cannot be printed"};
        letters +=
            static_cast<unsigned char>(c) < 0x80 && (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == ' ') ? 1 : 0;
    }
    // What stands behind the end of the text must be filling.
    for (std::size_t i = text.size(); i < bytes.size(); ++i)
        if (bytes[i] != 0 && bytes[i] != ' ') return {10, "followed by what is no text"};
    if (letters * 3 < text.size() * 2) return {15, "few letters or digits"};
    if (text.size() >= 6) return {95, "text that can be printed"};
    if (text.size() >= 4) return {64, "text that can be printed"};
    return {30, "so short a text may be chance"};
}

std::vector<std::uint8_t> places(std::string_view order) {
    std::vector<std::uint8_t> out;
    for (const char letter : order) out.push_back(static_cast<std::uint8_t>(letter - 'A'));
    if (std::is_sorted(out.begin(), out.end())) out.clear();
    return out;
}

std::uint64_t bits_of(const adapters::Encoding& encoding, ByteView bytes) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const std::size_t place = encoding.order.empty() ? i : encoding.order[i];
        bits |= std::uint64_t{bytes[i]} << (8 * (bytes.size() - 1 - place));
    }
    return bits;
}

Guess look(Kind kind, std::string_view order, ByteView bytes) {
    Guess guess;
    guess.type = adapters::name(kind);
    guess.order = order;
    guess.registers = bytes.size() / 2;
    const adapters::Encoding encoding{kind, static_cast<std::uint16_t>(bytes.size()), places(order)};
    const auto value = adapters::decode(encoding, bytes);
    if (!value) {
        guess.value = "-";
        guess.reason = value.error().message;
        return guess;
    }
    Judged judged;
    const auto bits = kind == Kind::string ? 0 : bits_of(encoding, bytes);
    if (const auto* text = std::get_if<std::string>(&*value)) {
        guess.value = fmt::format("\"{}\"", base::printable(*text, 250));
        base::Bytes turned(bytes.begin(), bytes.end());
        if (!encoding.order.empty())
            for (std::size_t i = 0; i + 1 < turned.size(); i += 2) std::swap(turned[i], turned[i + 1]);
        judged = judge_text(turned, *text);
    } else if (const auto* number = std::get_if<double>(&*value)) {
        guess.value = std::isfinite(*number) ? mapping::number_text(*number) : "no number";
        judged = judge_float(*number, kind == Kind::float64);
    } else if (const auto* whole = std::get_if<std::int64_t>(&*value)) {
        guess.value = std::to_string(*whole);
        judged = judge_integer(bits, *whole, adapters::width(kind), true);
    } else if (const auto* natural = std::get_if<std::uint64_t>(&*value)) {
        guess.value = std::to_string(*natural);
        judged = judge_integer(bits, 0, adapters::width(kind), false);
    }
    if (kind == Kind::bcd16 || kind == Kind::bcd32 || kind == Kind::bcd64) judged = judge_bcd(bytes);
    guess.score = judged.score;
    guess.reason = std::move(judged.reason);
    return guess;
}

/// Of the order, among devices.
int commonness(const Guess& guess) {
    if (guess.type == "string" || guess.order.empty()) return 0;
    if (guess.order == "AB" || guess.order == "ABCD" || guess.order == "ABCDEFGH") return 2;
    if (guess.order == "CDAB" || guess.order == "GHEFCDAB") return -2;
    if (guess.order == "BA") return -30;
    return guess.order.starts_with("B") ? -8 : -10;
}

}  // namespace

std::vector<Guess> guess(ByteView bytes) {
    std::vector<Guess> all;
    const auto each = [&](std::initializer_list<Kind> kinds, std::initializer_list<std::string_view> orders, std::size_t size) {
        if (bytes.size() < size) return;
        for (const Kind kind : kinds)
            for (const auto order : orders) all.push_back(look(kind, order, bytes.first(size)));
    };
    each({Kind::uint16, Kind::int16}, {"AB", "BA"}, 2);
    each({Kind::bcd16}, {""}, 2);
    each({Kind::uint32, Kind::int32, Kind::float32}, {"ABCD", "CDAB", "BADC", "DCBA"}, 4);
    each({Kind::bcd32}, {""}, 4);
    each({Kind::uint64, Kind::int64, Kind::float64}, {"ABCDEFGH", "GHEFCDAB", "BADCFEHG", "HGFEDCBA"}, 8);
    each({Kind::bcd64}, {""}, 8);
    each({Kind::string}, {"AB", "BA"}, bytes.size());
    // Who asks for two registers has a reason; and orders are not all as common.
    for (auto& one : all) {
        if (one.score <= unlikely) continue;
        if (one.registers * 2 == bytes.size() && one.type != "string") one.score += 6;
        one.score += commonness(one);
        one.score = std::clamp(one.score, 0, 100);
    }
    const auto best =
        std::max_element(all.begin(), all.end(), [](const Guess& a, const Guess& b) { return a.score < b.score; });
    if (best != all.end() && best->score > unlikely) best->likely = true;
    return all;
}

std::string point_line(const std::string& at, const Guess& guess) {
    const bool plain = guess.order.empty() || std::is_sorted(guess.order.begin(), guess.order.end());
    return fmt::format("value: {{at: \"{}\", type: {}{}{}}}", at, guess.type, plain ? "" : ", order: " + guess.order,
                       guess.type == "string" ? fmt::format(", length: {}", guess.registers) : "");
}

}  // namespace gateway::control
