#include "lwm2m/codec/codec.hpp"

#include "lwm2m/codec/collector.hpp"
#include "lwm2m/codec/single.hpp"

#include <fmt/format.h>

namespace lwm2m::codec {

namespace {

/// The one value that `content` is, for the formats without names.
Result<const Value*> only_value(const Content& content) {
    if (content.base.path.level() < Path::Level::resource || content.base_is_multiple)
        return fail(Errc::not_acceptable, "this format carries one value");
    if (content.entries.size() != 1 || content.entries[0].target.path != content.base.path)
        return fail(Errc::not_acceptable, "this format carries one value");
    return &content.entries[0].value;
}

template <class Read>
Result<Decoded> decode_only(const Target& base, const Lookup& lookup, Read read) {
    if (base.path.level() < Path::Level::resource)
        return fail(Errc::bad_request, fmt::format("this format carries one value, {} is no resource", base.str()));
    Collector collector(base, lookup);
    const ResourceDef* definition = collector.definition(base);
    Result<Value> value = read(definition == nullptr ? nullptr : &definition->type);
    if (!value) return tl::unexpected(in(base.str(), std::move(value.error())));
    if (auto added = collector.add(base, definition, std::move(*value)); !added) return tl::unexpected(added.error());
    return collector.finish();
}

}  // namespace

bool can_encode(ContentFormat format) {
    switch (format) {
        case ContentFormat::text:
        case ContentFormat::opaque: return true;
        default: return false;
    }
}

bool can_decode(ContentFormat format) { return can_encode(format); }

Result<Bytes> encode(ContentFormat format, const Content& content, const Lookup&, bool) {
    switch (format) {
        case ContentFormat::text: return only_value(content).and_then([](const Value* value) { return encode_text(*value); });
        case ContentFormat::opaque:
            return only_value(content).and_then([](const Value* value) { return encode_opaque(*value); });
        default:
            return fail(Errc::not_acceptable,
                        fmt::format("content format {} is not spoken here", static_cast<unsigned>(format)));
    }
}

Result<Decoded> decode(ContentFormat format, const Target& base, ByteView payload, const Lookup& lookup) {
    switch (format) {
        case ContentFormat::text:
            return decode_only(base, lookup, [payload](const Type* type) { return decode_text(payload, type); });
        case ContentFormat::opaque:
            return decode_only(base, lookup,
                               [payload](const Type*) { return Result<Value>(Bytes(payload.begin(), payload.end())); });
        default:
            return fail(Errc::unsupported_format,
                        fmt::format("content format {} is not spoken here", static_cast<unsigned>(format)));
    }
}

Result<std::vector<Target>> decode_targets(ContentFormat format, ByteView) {
    return fail(Errc::unsupported_format, fmt::format("content format {} is not spoken here", static_cast<unsigned>(format)));
}

Result<Bytes> encode_composite(ContentFormat format, const std::vector<Entry>&, const Lookup&, bool) {
    return fail(Errc::not_acceptable, fmt::format("content format {} is not spoken here", static_cast<unsigned>(format)));
}

}  // namespace lwm2m::codec
