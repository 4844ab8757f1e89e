#include "adapters/mqtt/json.hpp"

#include <charconv>
#include <cmath>

namespace adapters::mqtt {

namespace {

constexpr std::string_view blanks = " \t\n\r";

void append_utf8(std::string& out, std::uint32_t code) {
    const auto add = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (code < 0x80) {
        add(code);
    } else if (code < 0x800) {
        add(0xC0 | code >> 6);
        add(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        add(0xE0 | code >> 12);
        add(0x80 | (code >> 6 & 0x3F));
        add(0x80 | (code & 0x3F));
    } else {
        add(0xF0 | code >> 18);
        add(0x80 | (code >> 12 & 0x3F));
        add(0x80 | (code >> 6 & 0x3F));
        add(0x80 | (code & 0x3F));
    }
}

std::optional<std::uint32_t> hex4(std::string_view text) {
    std::uint32_t code = 0;
    if (text.size() < 4) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + 4, code, 16);
    if (error != std::errc{} || end != text.data() + 4) return std::nullopt;
    return code;
}

/// The content of a text with escapes, which the reader has found to be well-formed.
std::string unescape(std::string_view raw) {
    std::string out;
    out.reserve(raw.size());
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] != '\\') {
            out += raw[i];
            continue;
        }
        const char c = raw[++i];
        switch (c) {
            case 'b': out += '\b'; break;
            case 'f': out += '\f'; break;
            case 'n': out += '\n'; break;
            case 'r': out += '\r'; break;
            case 't': out += '\t'; break;
            case 'u': {
                auto code = hex4(raw.substr(i + 1)).value_or(0xFFFD);
                i += 4;
                if (code >= 0xD800 && code < 0xDC00 && raw.substr(i + 1, 2) == "\\u") {
                    const auto low = hex4(raw.substr(i + 3)).value_or(0);
                    if (low >= 0xDC00 && low < 0xE000) {
                        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                        i += 6;
                    }
                }
                if (code >= 0xD800 && code < 0xE000) code = 0xFFFD;  // half a pair is no character
                append_utf8(out, code);
                break;
            }
            default: out += c;
        }
    }
    return out;
}

}  // namespace

class Json::Reader {
public:
    Reader(std::string_view text, std::vector<Value>& values) : text_(text), values_(values) {}

    bool run() {
        skip();
        if (!value(0)) return false;
        skip();
        return at_ == text_.size();
    }

private:
    void skip() {
        while (at_ < text_.size() && blanks.find(text_[at_]) != std::string_view::npos) ++at_;
    }
    bool take(char c) {
        if (at_ >= text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    bool word(std::string_view word) {
        if (text_.substr(at_, word.size()) != word) return false;
        at_ += word.size();
        return true;
    }

    bool value(std::size_t depth) {
        if (at_ >= text_.size() || depth > json_depth || values_.size() >= json_values) return false;
        const std::size_t place = values_.size();
        values_.emplace_back();
        bool good = false;
        switch (text_[at_]) {
            case '{': good = map(place, depth); break;
            case '[': good = list(place, depth); break;
            case '"': good = string(place); break;
            case 't':
            case 'f':
                values_[place].kind = Kind::boolean;
                values_[place].boolean = text_[at_] == 't';
                good = word(text_[at_] == 't' ? "true" : "false");
                break;
            case 'n': good = word("null"); break;
            default: good = number(place);
        }
        if (!good) return false;
        values_[place].behind = static_cast<std::uint32_t>(values_.size());
        return true;
    }

    bool list(std::size_t place, std::size_t depth) {
        values_[place].kind = Kind::list;
        ++at_;
        skip();
        if (take(']')) return true;
        do {
            skip();
            if (!value(depth + 1)) return false;
            ++values_[place].size;
            skip();
        } while (take(','));
        return take(']');
    }

    bool map(std::size_t place, std::size_t depth) {
        values_[place].kind = Kind::map;
        ++at_;
        skip();
        if (take('}')) return true;
        do {
            skip();
            const std::size_t key = values_.size();
            values_.emplace_back();
            if (at_ >= text_.size() || text_[at_] != '"' || !string(key)) return false;
            values_[key].behind = static_cast<std::uint32_t>(key + 1);
            skip();
            if (!take(':')) return false;
            skip();
            if (!value(depth + 1)) return false;
            ++values_[place].size;
            skip();
        } while (take(','));
        return take('}');
    }

    bool string(std::size_t place) {
        const std::size_t start = ++at_;
        bool escaped = false;
        while (at_ < text_.size() && text_[at_] != '"') {
            if (static_cast<unsigned char>(text_[at_]) < 0x20) return false;
            if (text_[at_] == '\\') {
                escaped = true;
                ++at_;
                if (at_ >= text_.size()) return false;
                if (text_[at_] == 'u') {
                    if (!hex4(text_.substr(at_ + 1))) return false;
                    at_ += 4;
                } else if (std::string_view("\"\\/bfnrt").find(text_[at_]) == std::string_view::npos) {
                    return false;
                }
            }
            ++at_;
        }
        Value& made = values_[place];
        made.kind = Kind::text;
        made.escaped = escaped;
        made.raw = text_.substr(start, at_ - start);
        return take('"');
    }

    bool number(std::size_t place) {
        const std::size_t start = at_;
        take('-');
        const std::size_t first = at_;
        const auto digits = [this] {
            const std::size_t from = at_;
            while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
            return at_ > from;
        };
        if (!digits() || (text_[first] == '0' && at_ > first + 1)) return false;
        bool whole = true;
        if (take('.')) {
            whole = false;
            if (!digits()) return false;
        }
        if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
            whole = false;
            ++at_;
            if (!take('+')) take('-');
            if (!digits()) return false;
        }
        Value& made = values_[place];
        const char *from = text_.data() + start, *to = text_.data() + at_;
        if (whole) {
            made.kind = Kind::integer;
            if (std::from_chars(from, to, made.integer).ec == std::errc{}) return true;
            made.kind = Kind::natural;
            if (text_[start] != '-' && std::from_chars(from, to, made.natural).ec == std::errc{}) return true;
        }
        made.kind = Kind::number;
        // Out of range: too large is infinity, too small is zero, as strtod says it.
        if (std::from_chars(from, to, made.number).ec != std::errc{})
            made.number = std::strtod(std::string(from, to).c_str(), nullptr);
        return true;
    }

    std::string_view text_;
    std::vector<Value>& values_;
    std::size_t at_ = 0;
};

std::optional<Json> Json::parse(std::string_view text) {
    if (text.size() >= UINT32_MAX / 2 || !base::is_utf8(text)) return std::nullopt;
    Json json;
    json.values_.reserve(std::min<std::size_t>(text.size() / 8 + 2, 4096));
    if (!Reader(text, json.values_).run()) return std::nullopt;
    return json;
}

bool Json::equals(Place place, std::string_view other) const {
    const Value& value = values_[place];
    return value.escaped ? unescape(value.raw) == other : value.raw == other;
}

std::string Json::text(Place place) const {
    const Value& value = values_[place];
    return value.escaped ? unescape(value.raw) : std::string(value.raw);
}

std::optional<Scalar> Json::scalar(Place place) const {
    const Value& value = values_[place];
    switch (value.kind) {
        case Kind::boolean: return Scalar(value.boolean);
        case Kind::integer: return Scalar(value.integer);
        case Kind::natural: return Scalar(value.natural);
        case Kind::number: return Scalar(value.number);
        case Kind::text: return Scalar(text(place));
        default: return std::nullopt;
    }
}

std::optional<Json::Place> Json::find(Place place, std::string_view key) const {
    if (values_[place].kind != Kind::map) return std::nullopt;
    std::optional<Place> found;
    Place at = place + 1;
    for (std::uint32_t i = 0; i < values_[place].size; ++i) {
        if (equals(at, key)) found = at + 1;
        at = values_[at + 1].behind;
    }
    return found;
}

std::optional<Json::Place> Json::item(Place place, std::size_t index) const {
    if (values_[place].kind != Kind::list || index >= values_[place].size) return std::nullopt;
    Place at = place + 1;
    for (std::size_t i = 0; i < index; ++i) at = values_[at].behind;
    return at;
}

std::optional<Pointer> Pointer::parse(std::string_view text) {
    Pointer pointer;
    pointer.written_ = text;
    if (text.empty()) return pointer;
    if (text.front() != '/' || text.size() > 1'000) return std::nullopt;
    while (!text.empty()) {
        text.remove_prefix(1);
        const auto slash = text.find('/');
        const auto part = text.substr(0, slash);
        text = slash == std::string_view::npos ? std::string_view{} : text.substr(slash);
        Level level;
        for (std::size_t i = 0; i < part.size(); ++i) {
            if (part[i] != '~') {
                level.key += part[i];
                continue;
            }
            if (++i >= part.size() || (part[i] != '0' && part[i] != '1')) return std::nullopt;
            level.key += part[i] == '0' ? '~' : '/';
        }
        if (level.key.size() > 2 && level.key.front() == '[' && level.key.back() == ']') {
            const auto equals = level.key.find('=');
            if (equals == std::string::npos || equals == 1) return std::nullopt;
            level.filter = true;
            level.equals = level.key.substr(equals + 1, level.key.size() - equals - 2);
            level.key = level.key.substr(1, equals - 1);
        } else if (!level.key.empty() && level.key.size() < 8 &&
                   level.key.find_first_not_of("0123456789") == std::string::npos) {
            std::size_t index = 0;
            std::from_chars(level.key.data(), level.key.data() + level.key.size(), index);
            if (level.key.size() == 1 || level.key[0] != '0') level.index = index;
        }
        pointer.levels_.push_back(std::move(level));
        if (pointer.levels_.size() > json_depth) return std::nullopt;
    }
    return pointer;
}

std::optional<Json::Place> Pointer::find(const Json& json, Json::Place from) const {
    std::optional<Json::Place> at = from;
    for (const auto& level : levels_) {
        if (level.filter) {
            std::optional<Json::Place> found;
            const auto look = [&](Json::Place item) {
                const auto key = found ? std::nullopt : json.find(item, level.key);
                if (!key) return;
                const auto said = json.scalar(*key);
                if (said && plain_value(*said) == level.equals) found = item;
            };
            if (json.kind(*at) == Json::Kind::list) json.items(*at, look);
            if (json.kind(*at) == Json::Kind::map) json.members(*at, [&](const std::string&, Json::Place p) { look(p); });
            at = found;
        } else if (json.kind(*at) == Json::Kind::list && level.index) {
            at = json.item(*at, *level.index);
        } else {
            at = json.find(*at, level.key);
        }
        if (!at) return std::nullopt;
    }
    return at;
}

std::optional<std::vector<std::string>> Pointer::keys() const {
    std::vector<std::string> keys;
    for (const auto& level : levels_) {
        if (level.filter) return std::nullopt;
        keys.push_back(level.key);
    }
    return keys;
}

std::string json_text(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n') {
            out += "\\n";
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            out += c;
        }
    }
    return out + '"';
}

std::string plain_value(const Scalar& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
    if (const auto* number = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *number);
    if (const auto* number = std::get_if<std::uint64_t>(&value)) return fmt::format("{}", *number);
    if (const auto* number = std::get_if<double>(&value)) {
        if (*number == std::floor(*number) && std::abs(*number) < 1e15) return fmt::format("{:.0f}", *number);
        return fmt::format("{}", *number);
    }
    if (const auto* text = std::get_if<std::string>(&value)) return *text;
    return base::to_hex(std::get<base::Bytes>(value));
}

std::string json_value(const Scalar& value) {
    if (const auto* number = std::get_if<double>(&value); number != nullptr && !std::isfinite(*number)) return "null";
    if (std::holds_alternative<std::string>(value) || std::holds_alternative<base::Bytes>(value))
        return json_text(plain_value(value));
    return plain_value(value);
}

}  // namespace adapters::mqtt
