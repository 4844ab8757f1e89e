#include "lwm2m/codec/base64.hpp"
#include "lwm2m/codec/hierarchical.hpp"
#include "lwm2m/codec/senml.hpp"

#include <fmt/format.h>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

/// application/senml+json and senml-etch+json: RFC 8428 5, RFC 8790, OMA Core 1.2 7.5.6.
namespace lwm2m::codec {

namespace {

using nlohmann::json;

constexpr unsigned deepest = 8;  // pack, record, and what an unknown field holds

// ---- writing

void append(Bytes& out, std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }

template <class T>
void append_number(Bytes& out, T number) {
    char digits[40];
    append(out, {digits, static_cast<std::size_t>(std::to_chars(digits, digits + sizeof digits, number).ptr - digits)});
}

void append_escaped(Bytes& out, std::string_view text) {
    static constexpr char hex[] = "0123456789abcdef";
    for (const char c : text) {
        const auto byte = static_cast<std::uint8_t>(c);
        if (c == '"' || c == '\\') {
            out.push_back('\\');
            out.push_back(byte);
        } else if (byte >= 0x20) {
            out.push_back(byte);
        } else {
            append(out, "\\u00");
            out.push_back(static_cast<std::uint8_t>(hex[byte >> 4]));
            out.push_back(static_cast<std::uint8_t>(hex[byte & 15]));
        }
    }
}

void append_seconds(Bytes& out, std::int64_t milliseconds) {
    if (milliseconds < 0) out.push_back('-');
    const auto magnitude = static_cast<std::uint64_t>(milliseconds < 0 ? -milliseconds : milliseconds);
    append_number(out, magnitude / 1000);
    if (magnitude % 1000 == 0) return;
    const char digits[] = {'.', static_cast<char>('0' + magnitude / 100 % 10), static_cast<char>('0' + magnitude / 10 % 10),
                           static_cast<char>('0' + magnitude % 10)};
    append(out, {digits, sizeof digits});
}

struct AppendValue {
    Bytes& out;
    void operator()(std::monostate) const {}
    void operator()(bool flag) const { append(out, flag ? "\"vb\":true" : "\"vb\":false"); }
    void operator()(std::int64_t number) const { plain(number); }
    void operator()(std::uint64_t number) const { plain(number); }
    void operator()(double number) const { plain(number); }
    void operator()(const std::string& text) const {
        append(out, "\"vs\":\"");
        append_escaped(out, text);
        out.push_back('"');
    }
    void operator()(const Bytes& data) const {
        append(out, "\"vd\":\"");
        append_base64(out, data, Base64::url);
        out.push_back('"');
    }
    void operator()(ObjectLink link) const {
        append(out, "\"vlo\":\"");
        append(out, str(link));
        out.push_back('"');
    }
    template <class T>
    void plain(T number) const {
        append(out, "\"v\":");
        append_number(out, number);
    }
};

bool has_json(const Value& value) {
    const auto* number = std::get_if<double>(&value);
    return number == nullptr || std::isfinite(*number);
}

// ---- reading

/// nlohmann's event interface: integers arrive exactly, other numbers with their text.
class Handler {
public:
    explicit Handler(const SenmlSink& sink) : sink_(&sink) {}

    bool null() { return value(Value()); }
    bool boolean(bool flag) { return value(Value(flag)); }
    bool number_integer(json::number_integer_t number) { return value(Value(number)); }
    bool number_unsigned(json::number_unsigned_t number) {
        return number <= INT64_MAX ? value(Value(static_cast<std::int64_t>(number))) : value(Value(number));
    }
    bool number_float(json::number_float_t number, const std::string& text) {
        if (depth_ == 2 && field_ == SenmlField::v) record_.number = text;
        return value(Value(number));
    }
    bool string(std::string& text) {
        if (depth_ != 2 || field_ != SenmlField::vd) return value(Value(std::move(text)));
        auto data = decode_base64(text, Base64::url);
        if (!data) return wrong("vd is no Base64url");
        return value(Value(std::move(*data)));
    }
    bool binary(json::binary_t&) { return wrong("binary data"); }

    bool start_object(std::size_t) {
        if (depth_ == 0) return wrong("the payload is no array");
        if (depth_ == 1) record_ = SenmlRecord();
        return enter();
    }
    bool key(std::string& label) {
        if (depth_ == 2) field_ = senml_field(label);
        return true;
    }
    bool end_object() {
        if (--depth_ != 1) return true;
        return done((*sink_)(std::move(record_)));
    }
    bool start_array(std::size_t) {
        if (depth_ == 1) return wrong("a record is no object");
        return enter();
    }
    bool end_array() {
        --depth_;
        return true;
    }
    bool parse_error(std::size_t position, const std::string&, const json::exception&) {
        return wrong(fmt::format("no JSON at byte {}", position));
    }

    Result<void> result() const {
        if (error_) return tl::unexpected(*error_);
        return {};
    }

private:
    /// An array or object: the pack, a record, or something inside an unknown field.
    bool enter() {
        if (depth_ == deepest) return wrong("nested too deep");
        if (depth_ == 2) {
            if (field_ != SenmlField::ignored && field_ != SenmlField::harmless)
                return wrong("a field has a value of the wrong kind");
            if (!done(record_.set(field_, Value()))) return false;
        }
        ++depth_;
        return true;
    }
    bool value(Value found) {
        if (depth_ == 2) return done(record_.set(field_, std::move(found)));
        if (depth_ < 2) return wrong(depth_ == 0 ? "the payload is no array" : "a record is no object");
        return true;
    }
    bool done(Result<void> result) {
        if (!result && !error_) error_ = std::move(result.error());
        return !error_;
    }
    bool wrong(std::string_view what) { return done(fail(Errc::bad_request, fmt::format("SenML JSON: {}", what))); }

    const SenmlSink* sink_;
    SenmlRecord record_;
    SenmlField field_ = SenmlField::ignored;
    unsigned depth_ = 0;
    std::optional<Error> error_;
};

}  // namespace

Bytes encode_senml_json(const Content& content, bool with_time) {
    const SenmlNames names(content);
    std::vector<const Entry*> entries;
    entries.reserve(content.entries.size());
    for (const Entry& entry : content.entries)
        if (names.has(entry) && has_json(entry.value)) entries.push_back(&entry);
    const SenmlTimes times(entries, with_time);

    Bytes out;
    out.reserve(48 + 32 * entries.size());
    out.push_back('[');
    bool first = true;
    for (const Entry* entry : entries) {
        append(out, first ? "{" : ",{");
        if (first) {
            append(out, "\"bn\":\"");
            append_escaped(out, names.base());
            append(out, "\",");
            if (times.base) {
                append(out, "\"bt\":");
                append_seconds(out, *times.base);
                out.push_back(',');
            }
        }
        if (const SenmlNames::Name name = names.of(*entry); !name.empty()) {
            append(out, "\"n\":\"");
            append_escaped(out, name.prefix);
            append(out, name.path());
            append(out, "\",");
        }
        if (const auto time = times.of(*entry)) {
            append(out, "\"t\":");
            append_seconds(out, *time);
            out.push_back(',');
        }
        std::visit(AppendValue{out}, entry->value);
        out.push_back('}');
        first = false;
    }
    out.push_back(']');
    return out;
}

Result<void> parse_senml_json(ByteView payload, const SenmlSink& sink) {
    Handler handler(sink);
    const bool whole = json::sax_parse(payload.begin(), payload.end(), &handler);
    if (auto result = handler.result(); !result) return result;
    if (!whole) return fail(Errc::bad_request, "SenML JSON: not a pack");
    return {};
}

}  // namespace lwm2m::codec
