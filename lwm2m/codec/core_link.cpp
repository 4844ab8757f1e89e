#include "lwm2m/codec/core_link.hpp"

#include "gateway/base/bytes.hpp"

#include <fmt/format.h>

namespace lwm2m::codec {

namespace {

constexpr std::size_t most_links = 10'000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// 5, -42.2, 1.1: a number or a version.
bool is_number(std::string_view text) {
    if (text.starts_with('-')) text.remove_prefix(1);
    const auto point = text.find('.');
    const auto digits = [](std::string_view part) {
        for (const char c : part)
            if (!is_digit(c)) return false;
        return !part.empty();
    };
    if (point == std::string_view::npos) return digits(text);
    return digits(text.substr(0, point)) && digits(text.substr(point + 1));
}

bool is_name(std::string_view text) {
    for (const char c : text)
        if (!is_letter(c) && !is_digit(c) && c != '_' && c != '-') return false;
    return !text.empty() && is_letter(text[0]);
}

/// RFC 6690 2: parmname. The star is for the extended form of RFC 5987.
bool is_attribute_char(char c) {
    return is_letter(c) || is_digit(c) || std::string_view("!#$&+-.^_`|~*").find(c) != std::string_view::npos;
}

class Parser {
public:
    explicit Parser(std::string_view text) : rest_(text) {}

    Result<std::vector<Link>> links() {
        std::vector<Link> links;
        skip_blanks();
        if (rest_.empty()) return links;
        for (;;) {
            if (links.size() == most_links) return wrong("over 10,000 links");
            auto link = this->link();
            if (!link) return tl::unexpected(link.error());
            links.push_back(std::move(*link));
            skip_blanks();
            if (rest_.empty()) return links;
            if (!take(',')) return wrong("links are parted by ','");
            skip_blanks();
        }
    }

private:
    Result<Link> link() {
        if (!take('<')) return wrong("a link starts with '<'");
        const auto end = rest_.find('>');
        if (end == std::string_view::npos) return wrong("a link ends with '>'");
        Link link;
        link.target = rest_.substr(0, end);
        for (const char c : link.target)
            if (static_cast<unsigned char>(c) <= ' ' || c == 127) return wrong("blank or control character in a link");
        // One trailing slash, as examples of the standard print it.
        if (link.target.size() > 1 && link.target.ends_with('/') && !link.target.ends_with("//")) link.target.pop_back();
        rest_.remove_prefix(end + 1);
        while (take(';')) {
            auto attribute = this->attribute();
            if (!attribute) return tl::unexpected(attribute.error());
            link.attributes.push_back(std::move(*attribute));
        }
        return link;
    }

    Result<std::pair<std::string, std::string>> attribute() {
        std::size_t length = 0;
        while (length < rest_.size() && is_attribute_char(rest_[length])) ++length;
        if (length == 0) return wrong("an attribute has a name");
        std::pair<std::string, std::string> attribute{std::string(rest_.substr(0, length)), {}};
        rest_.remove_prefix(length);
        if (!take('=')) return attribute;
        if (take('"')) return quoted(std::move(attribute));
        length = 0;
        while (length < rest_.size() && static_cast<unsigned char>(rest_[length]) > ' ' && rest_[length] != 127 &&
               std::string_view(",;\"<>").find(rest_[length]) == std::string_view::npos)
            ++length;
        if (length == 0) return wrong("an attribute has no value after '='");
        attribute.second = rest_.substr(0, length);
        rest_.remove_prefix(length);
        return attribute;
    }

    Result<std::pair<std::string, std::string>> quoted(std::pair<std::string, std::string> attribute) {
        for (std::size_t i = 0; i < rest_.size(); ++i) {
            char c = rest_[i];
            if (c == '"') {
                rest_.remove_prefix(i + 1);
                return attribute;
            }
            if (c == '\\') {
                if (++i == rest_.size()) break;
                c = rest_[i];
            }
            if (static_cast<unsigned char>(c) < ' ' || c == 127) return wrong("control character in quotes");
            attribute.second.push_back(c);
        }
        return wrong("a quote is not closed");
    }

    bool take(char c) {
        if (rest_.empty() || rest_[0] != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    void skip_blanks() {
        while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\t' || rest_[0] == '\r' || rest_[0] == '\n'))
            rest_.remove_prefix(1);
    }
    static tl::unexpected<Error> wrong(std::string_view what) {
        return fail(Errc::bad_request, fmt::format("link-format: {}", what));
    }

    std::string_view rest_;
};

}  // namespace

std::string encode_links(const std::vector<Link>& links) {
    std::string out;
    for (const Link& link : links) {
        if (!out.empty()) out += ',';
        out += '<';
        out += link.target;
        out += '>';
        for (const auto& [name, value] : link.attributes) {
            out += ';';
            out += name;
            if (value.empty()) continue;
            out += '=';
            if (is_number(value) || is_name(value)) {
                out += value;
                continue;
            }
            out += '"';
            for (const char c : value) {
                if (c == '"' || c == '\\') out += '\\';
                out += c;
            }
            out += '"';
        }
    }
    return out;
}

Result<std::vector<Link>> decode_links(std::string_view text) {
    if (!base::is_utf8(text)) return fail(Errc::bad_request, "link-format: not UTF-8");
    return Parser(text).links();
}

}  // namespace lwm2m::codec
