#pragma once

#include <fmt/format.h>
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace base {

/// The kinds of failure that anybody tells apart. lwm2m/operation.hpp turns each into one CoAP code
/// (spec: gateway digest, section 11).
enum class Errc : std::uint8_t {
    bad_request,         ///< the asked value or message is wrong; asking again the same way is useless
    not_found,           ///< no such device, object, register
    not_allowed,         ///< exists, but not for this operation
    unauthorized,        ///< the peer has no right to it
    not_acceptable,      ///< no way to say the answer in the format asked for
    unsupported_format,  ///< the content format of the payload is not known
    too_large,           ///< over a documented bound
    busy,                ///< a queue is full or the device says "later"
    offline,             ///< the device or its link is known to be away
    timeout,             ///< asked, and no answer came in time
    malformed,           ///< an answer came and cannot be what was asked for
    not_supported,       ///< this part of the gateway cannot do it
    internal,            ///< the device reports a failure of its own, or we have a bug
};

struct Error {
    Errc code = Errc::internal;
    std::string message;
    friend bool operator==(const Error&, const Error&) = default;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Errc code, std::string message) {
    return tl::unexpected<Error>(Error{code, std::move(message)});
}

/// Adds what was being done; the outermost fact comes first: "reading 'power': unit 3: no answer within 1s".
inline Error in(std::string_view doing, Error error) { return Error{error.code, fmt::format("{}: {}", doing, error.message)}; }

}  // namespace base
