#pragma once

#include "gateway/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lwm2m::coap {

using base::Errc;
using base::fail;
using base::Result;

/// "coaps://[2001:db8::1]:5684/path" taken apart.
struct Uri {
    bool secure = false;            ///< coaps
    std::string host;               ///< a name, or an address without brackets; at most 253 bytes
    std::uint16_t port = 5683;      ///< 5684 for coaps when none is written (RFC 7252 6.1, 6.2)
    std::vector<std::string> path;  ///< stands before "rd", "dp" … in our requests; usually empty
};

/// Errc::bad_request with what is wrong: another scheme, no host, a port out of 1..65535, user info, query or fragment,
/// a path segment over 255 bytes.
Result<Uri> parse_uri(std::string_view text);

}  // namespace lwm2m::coap
