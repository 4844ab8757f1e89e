#include "config/server_uri.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <algorithm>
#include <charconv>

namespace config {

namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

// RFC 1123 2.1 names, with the underscore that people use all the same.
bool is_name(std::string_view host) {
    if (host.ends_with('.')) host.remove_suffix(1);
    if (host.empty() || host.size() > 253) return false;
    while (true) {
        const auto label = host.substr(0, host.find('.'));
        const bool word = std::all_of(label.begin(), label.end(), [](char c) {
            return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
        });
        if (label.empty() || label.size() > 63 || !word || label.front() == '-' || label.back() == '-') return false;
        if (label.size() == host.size()) return true;
        host.remove_prefix(label.size() + 1);
    }
}

/// A name whose last part is a number is meant as an IPv4 address.
bool looks_like_ipv4(std::string_view host) {
    const auto last = host.substr(host.rfind('.') == std::string_view::npos ? 0 : host.rfind('.') + 1);
    return !last.empty() && std::all_of(last.begin(), last.end(), digit);
}

bool is_address(int family, std::string_view host) {
    unsigned char bytes[16];
    return ::inet_pton(family, std::string(host).c_str(), bytes) == 1;
}

bool fill(UriMistake& mistake, std::string what, std::string remedy) {
    mistake = {std::move(what), std::move(remedy)};
    return false;
}

bool parse(std::string_view text, ServerUri& uri, UriMistake& mistake) {
    const auto scheme_end = text.find("://");
    if (scheme_end == std::string_view::npos)
        return fill(mistake, "'uri' is no URI", "write coaps://HOST or coaps://HOST:PORT");
    const auto scheme = text.substr(0, scheme_end);
    if (scheme != "coap" && scheme != "coaps")
        return fill(mistake, fmt::format("this version cannot speak '{}' to a server", scheme), "write coaps:// or coap://");
    uri.secure = scheme == "coaps";
    auto rest = text.substr(scheme_end + 3);
    if (rest.ends_with('/')) rest.remove_suffix(1);
    if (const auto at = rest.find_first_of("/?#@ "); at != std::string_view::npos) {
        if (rest[at] == '@')
            return fill(mistake, "a user in the 'uri'", "write the host alone; 'identity' and 'key' say who we are");
        return fill(mistake, "something behind host and port in the 'uri'",
                    fmt::format("write {}://{}", scheme, rest.substr(0, at)));
    }

    std::string_view port;
    bool has_port = false;
    if (rest.starts_with('[')) {
        const auto end = rest.find(']');
        if (end == std::string_view::npos)
            return fill(mistake, "a '[' without its ']' in the 'uri'", "write the IPv6 address as [2001:db8::1]");
        uri.host = rest.substr(1, end - 1);
        if (uri.host.find('%') != std::string::npos)
            return fill(mistake, "an address that is valid on one interface only in the 'uri'",
                        "write a global address or a name");
        if (!is_address(AF_INET6, uri.host))
            return fill(mistake, fmt::format("'{}' is no IPv6 address", uri.host), "write it as [2001:db8::1]");
        rest.remove_prefix(end + 1);
        has_port = rest.starts_with(':');
        if (!rest.empty() && !has_port)
            return fill(mistake, "something behind the ']' in the 'uri'", "write [2001:db8::1] or [2001:db8::1]:5684");
        if (has_port) port = rest.substr(1);
    } else {
        const auto colon = rest.find(':');
        if (colon != std::string_view::npos && rest.find(':', colon + 1) != std::string_view::npos)
            return fill(mistake, "an IPv6 address without brackets in the 'uri'",
                        fmt::format("write {}://[2001:db8::1]:5684", scheme));
        has_port = colon != std::string_view::npos;
        uri.host = rest.substr(0, colon);
        if (has_port) port = rest.substr(colon + 1);
        if (uri.host.empty()) return fill(mistake, "no host in the 'uri'", fmt::format("write {}://HOST", scheme));
        if (looks_like_ipv4(uri.host) && !is_address(AF_INET, uri.host))
            return fill(mistake, fmt::format("'{}' is no IPv4 address", uri.host),
                        "write four numbers from 0 to 255: 192.0.2.10");
        if (!is_name(uri.host))
            return fill(mistake, fmt::format("'{}' is no name of a host", uri.host), "write letters, digits, '-' and '.'");
    }
    if (has_port) {
        unsigned number = 0;
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
        if (port.empty() || error != std::errc{} || end != port.data() + port.size() || number < 1 || number > 65535)
            return fill(mistake, fmt::format("'{}' is no port", port),
                        "write a number from 1 to 65535, or leave it out with its ':'");
        uri.port = static_cast<std::uint16_t>(number);
    }
    return true;
}

}  // namespace

std::string ServerUri::str() const {
    std::string text = secure ? "coaps://" : "coap://";
    text += host.find(':') == std::string::npos ? host : fmt::format("[{}]", host);
    if (port != 0) text += fmt::format(":{}", port);
    return text;
}

std::optional<ServerUri> parse_server_uri(std::string_view text, UriMistake& mistake) {
    if (text.size() > 300 || std::any_of(text.begin(), text.end(), [](char c) { return c < 0x20 || c == 0x7F; })) {
        fill(mistake, "'uri' is too long, or has characters that no URI has", "write coaps://HOST or coaps://HOST:PORT");
        return std::nullopt;
    }
    ServerUri uri;
    if (!parse(text, uri, mistake)) return std::nullopt;
    return uri;
}

}  // namespace config
