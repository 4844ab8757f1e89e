#pragma once

#include "gateway/base/bytes.hpp"

#include <optional>
#include <string_view>

namespace lwm2m::codec {

/// RFC 4648. `standard`: section 4, with padding (text/plain). `url`: section 5, without (SenML JSON, RFC 8428 4.3).
enum class Base64 { standard, url };

void append_base64(base::Bytes& out, base::ByteView data, Base64 variant);
/// Nothing when a character is foreign, the length is impossible, or bits are set that no byte holds. Padding:
/// `standard` demands it, `url` allows it.
std::optional<base::Bytes> decode_base64(std::string_view text, Base64 variant);

}  // namespace lwm2m::codec
