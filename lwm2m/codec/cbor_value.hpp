#pragma once

#include "lwm2m/codec/cbor.hpp"
#include "lwm2m/value.hpp"

/// One LwM2M value as one CBOR item (OMA Core 1.2 appendix C): links as text, time as a number.
namespace lwm2m::codec {

/// The value is not monostate.
void write_cbor(CborWriter& writer, const Value& value);
/// `type` as the definition says, null when unknown. Tag 0 and 1 are read where a time may stand. A link stays text:
/// coerce() makes it one. Errc::bad_request otherwise.
Result<Value> read_cbor(CborReader& reader, const Type* type);
/// The number of an item of integer kind; nothing below -2^63.
std::optional<Value> integer_of(const CborItem& item);

}  // namespace lwm2m::codec
