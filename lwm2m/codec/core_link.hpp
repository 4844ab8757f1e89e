#pragma once

#include "lwm2m/path.hpp"

#include <string>
#include <utility>
#include <vector>

/// application/link-format (RFC 6690), as far as LwM2M uses it.
namespace lwm2m::codec {

struct Link {
    std::string target;                                           // "/3303/0", "/"
    std::vector<std::pair<std::string, std::string>> attributes;  // value "" : without `=`
    friend bool operator==(const Link&, const Link&) = default;
};

/// `</3303>;ver=1.1,</3303/0>`: no white space. A value is quoted unless it is a number, a version or a name.
std::string encode_links(const std::vector<Link>&);
/// Tolerates white space after commas. Errc::bad_request otherwise. At most 10,000 links.
Result<std::vector<Link>> decode_links(std::string_view text);

}  // namespace lwm2m::codec
