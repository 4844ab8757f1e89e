#include "adapters/mqtt/payload.hpp"

#include "gateway/base/pattern.hpp"

#include <algorithm>
#include <cmath>

namespace adapters::mqtt {

namespace {

using base::Bytes;
using base::ByteView;
using base::Errc;
using base::fail;

constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string shown(std::string_view text) { return std::string(text.substr(0, 40)); }

/// The value of a plain rule, before `type`.
Result<std::optional<Scalar>> plain(const PayloadRule& rule, Payload& payload) {
    const auto whole = [&payload]() -> Result<std::optional<Scalar>> {
        const auto text = trimmed(payload.text());
        if (text.empty()) return std::optional<Scalar>{};
        if (const Json* json = payload.json()) return json->scalar(0);
        if (text.size() > longest_value) return fail(Errc::malformed, "a text too long for a value");
        if (!base::is_utf8(text)) return fail(Errc::malformed, "a payload that is neither text nor JSON");
        return std::optional(Scalar(std::string(text)));
    };
    if (rule.pick.empty()) {
        const Json* json = payload.json();
        if (json != nullptr && (json->kind(0) == Json::Kind::map || json->kind(0) == Json::Kind::list))
            return fail(Errc::malformed, "a JSON document where one value was expected; say 'pick'");
        return whole();
    }
    bool plain_too = false;
    for (const auto& pointer : rule.pick) {
        if (pointer.whole()) {
            plain_too = true;
            auto said = whole();
            if (!said || *said) return said;
            continue;
        }
        const Json* json = payload.json();
        if (json == nullptr) continue;
        const auto place = pointer.find(*json);
        if (!place || json->kind(*place) == Json::Kind::null) continue;
        auto scalar = json->scalar(*place);
        if (!scalar) return fail(Errc::malformed, fmt::format("{} holds no single value", pointer.str()));
        if (const auto* text = std::get_if<std::string>(&*scalar); text != nullptr && text->size() > longest_value)
            return fail(Errc::malformed, fmt::format("{} holds a text too long for a value", pointer.str()));
        return scalar;
    }
    if (payload.json() == nullptr && !plain_too && !trimmed(payload.text()).empty())
        return fail(Errc::malformed, "a payload that is no JSON");
    return std::optional<Scalar>{};
}

Result<std::optional<Bytes>> held_bytes(const PayloadRule& rule, Payload& payload) {
    if (*rule.held == Held::raw) {
        if (payload.bytes().empty()) return std::optional<Bytes>{};
        return Bytes(payload.bytes().begin(), payload.bytes().end());
    }
    PayloadRule texts;
    texts.pick = rule.pick;
    auto said = plain(texts, payload);
    if (!said) return tl::unexpected(said.error());
    if (!*said) return std::optional<Bytes>{};
    const std::string text = plain_value(**said);
    if (text.empty()) return std::optional<Bytes>{};
    std::string_view digits = text;
    if (*rule.held == Held::hex && (digits.starts_with("0x") || digits.starts_with("0X"))) digits.remove_prefix(2);
    auto bytes = *rule.held == Held::hex ? base::from_hex(digits) : from_base64(digits);
    if (!bytes)
        return fail(Errc::malformed, fmt::format("'{}' is no {}", shown(text), *rule.held == Held::hex ? "hex" : "base64"));
    return bytes;
}

/// The data of the first record with that header; nothing when there is none.
std::optional<ByteView> record(ByteView frame, const Channels& channels, ByteView wanted) {
    while (!frame.empty()) {
        const auto known = std::find_if(channels.begin(), channels.end(), [&](const auto& channel) {
            return frame.size() >= channel.first.size() &&
                   std::equal(channel.first.begin(), channel.first.end(), frame.begin());
        });
        if (known == channels.end()) return std::nullopt;  // of an unknown record nobody knows the length
        frame = frame.subspan(known->first.size());
        if (frame.size() < known->second) return std::nullopt;
        if (std::equal(known->first.begin(), known->first.end(), wanted.begin(), wanted.end()))
            return frame.first(known->second);
        frame = frame.subspan(known->second);
    }
    return std::nullopt;
}

}  // namespace

const Json* Payload::json() {
    if (!tried_) {
        tried_ = true;
        json_ = Json::parse(text());
    }
    return json_ ? &*json_ : nullptr;
}

bool hold(const std::vector<Condition>& conditions, const Json& json, Json::Place from) {
    return std::all_of(conditions.begin(), conditions.end(), [&](const Condition& condition) {
        const auto place = condition.at.find(json, from);
        if (!place) return false;
        const auto said = json.scalar(*place);
        if (!said) return false;
        const std::string text = plain_value(*said);
        return std::any_of(condition.any.begin(), condition.any.end(),
                           [&](const std::string& pattern) { return base::fits_pattern(pattern, text); });
    });
}

Result<Scalar> as_kind(const Scalar& scalar, Kind kind) {
    const auto cannot = [&](std::string_view what) {
        return fail(Errc::malformed, fmt::format("'{}' is no {}", shown(plain_value(scalar)), what));
    };
    if (kind == Kind::string) return Scalar(plain_value(scalar));
    const auto* text = std::get_if<std::string>(&scalar);
    if (kind == Kind::boolean) {
        std::string word = plain_value(scalar);
        std::transform(word.begin(), word.end(), word.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        if (word == "true" || word == "1" || word == "on") return Scalar(true);
        if (word == "false" || word == "0" || word == "off") return Scalar(false);
        return cannot("true or false");
    }
    Scalar number = scalar;
    if (const auto* flag = std::get_if<bool>(&scalar)) number = std::int64_t{*flag ? 1 : 0};
    if (text != nullptr) {
        const std::string digits(trimmed(*text));
        const auto json = Json::parse(digits);
        const auto read = json ? json->scalar(0) : std::nullopt;
        if (!read || std::holds_alternative<std::string>(*read) || std::holds_alternative<bool>(*read)) return cannot("number");
        number = *read;
    }
    if (kind != Kind::float16 && kind != Kind::float32 && kind != Kind::float64)
        if (const auto* real = std::get_if<double>(&number); real != nullptr && *real != std::floor(*real))
            return cannot("whole number");
    return number;
}

Result<std::optional<Scalar>> take(const PayloadRule& rule, Payload& payload) {
    if (!rule.when.empty()) {
        const Json* json = payload.json();
        if (json == nullptr) {
            if (trimmed(payload.text()).empty()) return std::optional<Scalar>{};
            return fail(Errc::malformed, "a payload that is no JSON");
        }
        if (!hold(rule.when, *json)) return std::optional<Scalar>{};
    }
    if (!rule.held) {
        auto said = plain(rule, payload);
        if (!said || !*said) return said;
        if (rule.states) {
            const std::string word = plain_value(**said);
            if (word == rule.states->second) return std::optional(Scalar(true));
            if (word == rule.states->first) return std::optional(Scalar(false));
            return fail(Errc::malformed,
                        fmt::format("'{}' is neither '{}' nor '{}'", shown(word), rule.states->first, rule.states->second));
        }
        if (!rule.kind) return said;
        auto value = as_kind(**said, *rule.kind);
        if (!value) return tl::unexpected(value.error());
        return std::optional(std::move(*value));
    }
    auto bytes = held_bytes(rule, payload);
    if (!bytes) return tl::unexpected(bytes.error());
    if (!*bytes) return std::optional<Scalar>{};
    ByteView frame = **bytes;
    if (!rule.channel.empty()) {
        const auto data = record(frame, *rule.channels, rule.channel);
        if (!data) return std::optional<Scalar>{};
        frame = *data;
    }
    const auto size = static_cast<std::int64_t>(frame.size());
    const std::int64_t from = rule.at < 0 ? size + rule.at : rule.at;
    Encoding encoding = rule.encoding;
    if (encoding.length == 0) {
        if (from < 0 || from >= size) return std::optional<Scalar>{};
        if (size - from > static_cast<std::int64_t>(longest_value))
            return fail(Errc::malformed, "a frame too long for a value");
        encoding.length = static_cast<std::uint16_t>(size - from);
    }
    if (from < 0 || from + encoding.length > size)
        return fail(Errc::malformed,
                    fmt::format("a frame of {} bytes has no {} at byte {}", size, name(encoding.kind), rule.at));
    auto value = decode(encoding, frame.subspan(static_cast<std::size_t>(from), encoding.length));
    if (!value) return tl::unexpected(value.error());
    return std::optional(std::move(*value));
}

Result<Scalar> to_write(const PayloadRule& rule, const Scalar& value) {
    if (rule.held) {
        Encoding encoding = rule.encoding;
        if (encoding.length == 0) {
            const auto* text = std::get_if<std::string>(&value);
            const auto* bytes = std::get_if<Bytes>(&value);
            const std::size_t size = text != nullptr ? text->size() : bytes != nullptr ? bytes->size() : 0;
            if (size == 0 || size > longest_value) return fail(Errc::bad_request, "no text or bytes of a possible length");
            encoding.length = static_cast<std::uint16_t>(size);
        }
        auto bytes = encode(encoding, value);
        if (!bytes) return tl::unexpected(bytes.error());
        switch (*rule.held) {
            case Held::base64: return Scalar(to_base64(*bytes));
            case Held::hex: return Scalar(base::to_hex(*bytes));
            case Held::raw: return Scalar(std::move(*bytes));
        }
    }
    if (rule.states) {
        auto flag = as_kind(value, Kind::boolean);
        if (!flag) return fail(Errc::bad_request, flag.error().message);
        return Scalar(std::get<bool>(*flag) ? rule.states->second : rule.states->first);
    }
    if (!rule.kind || *rule.kind == Kind::string) return value;
    if (*rule.kind == Kind::boolean) {
        auto flag = as_kind(value, Kind::boolean);
        if (!flag) return fail(Errc::bad_request, flag.error().message);
        return flag;
    }
    const Encoding width_only{*rule.kind, static_cast<std::uint16_t>(width(*rule.kind) / 8), {}};
    if (auto fits = encode(width_only, value); !fits) return tl::unexpected(fits.error());
    return value;
}

std::optional<Bytes> from_base64(std::string_view text) {
    Bytes bytes;
    bytes.reserve(text.size() / 4 * 3);
    std::uint32_t bits = 0;
    int have = 0;
    while (!text.empty() && text.back() == '=') text.remove_suffix(1);
    if (text.size() % 4 == 1) return std::nullopt;
    for (char c : text) {
        if (c == '-') c = '+';  // the alphabet of URLs too (RFC 4648, section 5)
        if (c == '_') c = '/';
        const auto digit = base64_digits.find(c);
        if (digit == std::string_view::npos) return std::nullopt;
        bits = bits << 6 | static_cast<std::uint32_t>(digit);
        have += 6;
        if (have >= 8) {
            have -= 8;
            bytes.push_back(static_cast<std::uint8_t>(bits >> have));
        }
    }
    return bytes;
}

std::string to_base64(ByteView bytes) {
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t left = bytes.size() - i;
        const std::uint32_t three = static_cast<std::uint32_t>(bytes[i]) << 16 |
                                    (left > 1 ? static_cast<std::uint32_t>(bytes[i + 1]) << 8 : 0U) |
                                    (left > 2 ? static_cast<std::uint32_t>(bytes[i + 2]) : 0U);
        text += base64_digits[three >> 18];
        text += base64_digits[three >> 12 & 63];
        text += left > 1 ? base64_digits[three >> 6 & 63] : '=';
        text += left > 2 ? base64_digits[three & 63] : '=';
    }
    return text;
}

}  // namespace adapters::mqtt
