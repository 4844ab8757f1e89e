#pragma once

#include "lwm2m/object_catalog.hpp"
#include "lwm2m/operation.hpp"
#include "lwm2m/value.hpp"

#include <functional>
#include <optional>
#include <vector>

/// Content formats of OMA Core 1.2 7.5: pure functions between values and bytes.
namespace lwm2m::codec {

/// The definition of a resource, null when it is unknown (then the value is kept as it is typed on the wire).
using Lookup = std::function<const ResourceDef*(const Target&)>;

/// What to encode: the readable values at or below `base`, by path.
struct Content {
    Target base;
    std::vector<Entry> entries;
    bool base_is_multiple = false;  ///< base is a multiple resource (TLV wraps it, also when it is empty)
};

bool can_encode(ContentFormat);  // 0 42 60 110 112 320 322 11542 11544
bool can_decode(ContentFormat);

/// Errc::not_acceptable: this format cannot say it (text for an instance, opaque for a number). Entries without a value
/// are left out, in JSON also NaN and infinity; TLV and LwM2M CBOR say the last of several values of one target.
/// Times go into SenML only, and only with `with_time` (notifications and Send, gateway digest 8).
Result<Bytes> encode(ContentFormat, const Content&, const Lookup&, bool with_time = false);

/// Values with full targets. `base`: what the request named; names without its prefix get it, another prefix is
/// Errc::bad_request (gateway digest 8). Values are coerced to their definition; Errc::bad_request when they cannot be.
/// Text, opaque and CBOR carry no names: the base must be a resource or resource instance.
/// A base without prefix and path is that of a composite request: then every tree may be named. A value that is not at
/// or below the base, a resource with a value and with instances, NaN and infinity are Errc::bad_request too.
/// Times (SenML) are base time plus time as said; relative ones (below 2^28 s) are handed on as they stand, since there is
/// no clock here. The same target may come again with another time.
/// Duplicate targets, bad UTF-8, trailing bytes, nesting over 8, over 10,000 records: Errc::bad_request.
/// Create: with base an object and no instance in the payload (plain TLV resources, instance 65535 in LwM2M CBOR)
/// the entries come with instance 0 and `no_instance` is set.
struct Decoded {
    std::vector<Entry> entries;
    bool no_instance = false;
    std::vector<Target> removed;  ///< SenML-ETCH null values
};
Result<Decoded> decode(ContentFormat, const Target& base, ByteView payload, const Lookup&);

/// Read-/Observe-Composite request bodies (110 112 320 322): the targets.
Result<std::vector<Target>> decode_targets(ContentFormat, ByteView payload);
/// Composite answers: entries of several trees.
Result<Bytes> encode_composite(ContentFormat, const std::vector<Entry>&, const Lookup&, bool with_time = false);

}  // namespace lwm2m::codec
