#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace config {

/// Where a LwM2M server is: `coap://HOST[:PORT]` or `coaps://…` (RFC 7252 6.1, 6.2), without path, query, user.
struct ServerUri {
    bool secure = false;
    std::string host;         ///< name, IPv4, or IPv6 without its brackets
    std::uint16_t port = 0;   ///< 0: not written, the scheme's default (5683, 5684)
    std::string str() const;  ///< as it would be written, without a slash at the end
};

/// What is wrong with a text that is no such URI.
struct UriMistake {
    std::string what, remedy;
};

/// Nothing and a filled `mistake`, or the URI.
std::optional<ServerUri> parse_server_uri(std::string_view text, UriMistake& mistake);

}  // namespace config
