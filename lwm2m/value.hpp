#pragma once

#include "gateway/base/bytes.hpp"
#include "gateway/base/time.hpp"
#include "lwm2m/path.hpp"

#include <optional>
#include <variant>
#include <vector>

namespace lwm2m {

using base::Bytes;
using base::ByteView;
using base::WallTime;

/// OMA Core 1.2 appendix C. `none`: executable.
enum class Type : std::uint8_t { none, string, integer, unsigned_integer, floating, boolean, opaque, time, objlnk, corelnk };
std::string_view name(Type);

struct ObjectLink {  // 65535:65535 is the null link
    std::uint16_t object = 65535, instance = 65535;
    friend auto operator<=>(const ObjectLink&, const ObjectLink&) = default;
};

/// string and corelnk: std::string. integer and time: int64. unsigned: uint64. monostate: no value (yet).
using Value = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Bytes, ObjectLink>;

std::string str(ObjectLink link);  // "66:0"
/// "66:0" and the null link, also as FFFF:FFFF. Errc::bad_request otherwise.
Result<ObjectLink> parse_object_link(std::string_view text);

/// The alternative that `type` asks for, when `value` says it without loss (an integral number for an integer, an
/// integer for a float, text "66:0" for a link). Errc::bad_request otherwise (OMA Core 1.2 7.1), also for NaN and
/// infinity. A boolean is never made from 0 or 1. An integer over 2^53 becomes the nearest float, as decimals do.
Result<Value> coerce(Value value, Type type);
/// For gt, lt and st: the number that it is.
std::optional<double> numeric(const Value& value);
/// Plain notation, never an exponent, with the fewest digits that give the same number back: "22.9",
/// "0.0000000000667". At most 400 characters. For text/plain and for gt, lt, st.
std::string decimal(double number);
/// "21.5", "true", "\"text\"", "66:0", hex: for logs and tests.
std::string str(const Value& value);

/// A value with the place it belongs to. Resource or resource-instance level. `at`: time of measurement, if known.
struct Entry {
    Target target;
    Value value;
    std::optional<WallTime> at{};
    friend bool operator==(const Entry&, const Entry&) = default;
};

}  // namespace lwm2m
