#pragma once

#include "lwm2m/codec/codec.hpp"

/// The formats that carry one value and no name: text/plain (0), application/octet-stream (42), application/cbor (60).
/// OMA Core 1.2 7.5.1 to 7.5.3.
namespace lwm2m::codec {

/// Errc::not_acceptable: no value, or one that has no text (NaN).
Result<Bytes> encode_text(const Value& value);
/// `type` as the definition says; null: unknown, then it stays text. Errc::bad_request when the text is no such value.
Result<Value> decode_text(ByteView payload, const Type* type);

/// Errc::not_acceptable: only opaque values (OMA Core 1.2 7.5.2).
Result<Bytes> encode_opaque(const Value& value);

Result<Bytes> encode_cbor(const Value& value);
/// As typed on the wire; text stays text for a link. Errc::bad_request: not exactly one data item of a kind that a
/// value has.
Result<Value> decode_cbor(ByteView payload, const Type* type);

}  // namespace lwm2m::codec
