#pragma once

#include "lwm2m/codec/collector.hpp"

/// The formats that carry many values with their places: TLV (11542), LwM2M CBOR (11544), SenML JSON (110, 320) and
/// SenML CBOR (112, 322). OMA Core 1.2 7.5.4 to 7.5.7.
namespace lwm2m::codec {

/// Entries that have a value and stand at or below the base, by target, each once: of several with the same target the
/// last, that is the newest.
std::vector<const Entry*> in_order(const Content& content);

/// Errc::not_acceptable: the base is no object, instance, resource or resource instance; or a value over 2^24-1 octets.
Result<Bytes> encode_tlv(const Content& content);
Result<void> decode_tlv(ByteView payload, Collector& collector);

Bytes encode_lwm2m_cbor(const Content& content);
Result<void> decode_lwm2m_cbor(ByteView payload, Collector& collector);

/// NaN and infinity have no JSON: such a value is left out.
Bytes encode_senml_json(const Content& content, bool with_time);
Bytes encode_senml_cbor(const Content& content, bool with_time);

}  // namespace lwm2m::codec
