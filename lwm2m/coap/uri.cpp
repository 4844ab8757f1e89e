#include "lwm2m/coap/uri.hpp"

#include "gateway/base/log.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace lwm2m::coap {

namespace {

constexpr std::size_t longest_host = 253, longest_segment = 255;  // RFC 1035 2.3.4, RFC 7252 5.10.1

std::optional<int> hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return std::nullopt;
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (text.size() - i < 3) return std::nullopt;
        const auto high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
        if (!high || !low) return std::nullopt;
        out += static_cast<char>(*high * 16 + *low);
        i += 2;
    }
    return out;
}

bool is_host(std::string_view host, bool bracketed) {
    return std::ranges::all_of(host, [bracketed](char c) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'), digit = c >= '0' && c <= '9';
        if (bracketed) return letter || digit || c == ':' || c == '.' || c == '%';  // % before a zone: fe80::1%eth0
        return letter || digit || c == '-' || c == '.' || c == '_';
    });
}

}  // namespace

Result<Uri> parse_uri(std::string_view text) {
    const auto wrong = [text](std::string_view why) {
        return fail(Errc::bad_request, fmt::format("'{}': {}", base::printable(text, 100), why));
    };
    Uri uri;
    std::string_view rest = text;
    const auto scheme = [&rest](std::string_view name) {
        const bool is = rest.size() >= name.size() && std::equal(name.begin(), name.end(), rest.begin(), [](char a, char b) {
                            return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b + 32) : b);
                        });
        if (is) rest.remove_prefix(name.size());
        return is;
    };
    if (scheme("coaps://")) {
        uri.secure = true;
        uri.port = 5684;
    } else if (!scheme("coap://")) {
        return wrong("a server's address begins with coap:// or coaps://");
    }
    if (rest.find_first_of("?#") != std::string_view::npos) return wrong("a server's address has no query or fragment");
    std::string_view authority = rest.substr(0, rest.find('/'));
    std::string_view path = rest.substr(authority.size());
    if (authority.find('@') != std::string_view::npos) return wrong("a server's address has no user");

    const bool bracketed = authority.starts_with('[');
    std::string_view host, port;
    if (bracketed) {
        const std::size_t end = authority.find(']');
        if (end == std::string_view::npos) return wrong("']' is missing");
        host = authority.substr(1, end - 1);
        port = authority.substr(end + 1);
    } else {
        const std::size_t colon = authority.find(':');
        host = authority.substr(0, colon);
        if (colon != std::string_view::npos) port = authority.substr(colon);
    }
    if (host.empty()) return wrong("the host is missing");
    if (host.size() > longest_host) return wrong("the host is longer than 253 bytes");
    if (!is_host(host, bracketed)) return wrong(bracketed ? "no IPv6 address" : "no host name (an IPv6 address stands in [ ])");
    uri.host = host;
    if (!port.empty() && port != ":") {
        unsigned number = 0;
        const auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), number);
        if (!port.starts_with(':') || error != std::errc{} || end != port.data() + port.size() || number < 1 || number > 65535)
            return wrong("the port is a number from 1 to 65535");
        uri.port = static_cast<std::uint16_t>(number);
    }
    while (!path.empty()) {
        path.remove_prefix(1);
        const std::string_view segment = path.substr(0, path.find('/'));
        path.remove_prefix(segment.size());
        if (segment.empty() && path.empty()) break;  // the slash at the end
        const auto decoded = percent_decoded(segment);
        if (!decoded) return wrong("% stands before two hex digits");
        if (decoded->size() > longest_segment) return wrong("a path segment is longer than 255 bytes");
        uri.path.push_back(*decoded);
    }
    return uri;
}

}  // namespace lwm2m::coap
