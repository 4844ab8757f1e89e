#include "lwm2m/codec/codec.hpp"

#include "lwm2m/codec/collector.hpp"
#include "lwm2m/codec/hierarchical.hpp"
#include "lwm2m/codec/senml.hpp"
#include "lwm2m/codec/single.hpp"

#include <fmt/format.h>
#include <algorithm>

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

std::string unknown(ContentFormat format) {
    return fmt::format("content format {} is not spoken here", static_cast<unsigned>(format));
}

}  // namespace

std::vector<const Entry*> in_order(const Content& content) {
    const Path& base = content.base.path;
    const Path::Level highest = content.base_is_multiple ? Path::Level::resource_instance : Path::Level::resource;
    std::vector<const Entry*> ordered;
    ordered.reserve(content.entries.size());
    for (const Entry& entry : content.entries)
        if (!std::holds_alternative<std::monostate>(entry.value) && entry.target.path.level() >= highest &&
            base.covers(entry.target.path))
            ordered.push_back(&entry);
    const auto before = [](const Entry* a, const Entry* b) { return a->target < b->target; };
    if (!std::is_sorted(ordered.begin(), ordered.end(), before)) std::stable_sort(ordered.begin(), ordered.end(), before);
    const auto same = [](const Entry* a, const Entry* b) { return a->target == b->target; };
    // unique() from behind keeps the last of each.
    const auto kept = std::unique(ordered.rbegin(), ordered.rend(), same);
    ordered.erase(ordered.begin(), kept.base());
    return ordered;
}

bool can_encode(ContentFormat format) {
    switch (format) {
        case ContentFormat::text:
        case ContentFormat::opaque:
        case ContentFormat::cbor:
        case ContentFormat::senml_json:
        case ContentFormat::senml_cbor:
        case ContentFormat::senml_etch_json:
        case ContentFormat::senml_etch_cbor:
        case ContentFormat::tlv:
        case ContentFormat::lwm2m_cbor: return true;
        case ContentFormat::link:
        case ContentFormat::lwm2m_json: break;
    }
    return false;
}

bool can_decode(ContentFormat format) { return can_encode(format); }

Result<Bytes> encode(ContentFormat format, const Content& content, const Lookup&, bool with_time) {
    switch (format) {
        case ContentFormat::text: return only_value(content).and_then([](const Value* value) { return encode_text(*value); });
        case ContentFormat::opaque:
            return only_value(content).and_then([](const Value* value) { return encode_opaque(*value); });
        case ContentFormat::cbor: return only_value(content).and_then([](const Value* value) { return encode_cbor(*value); });
        case ContentFormat::senml_json:
        case ContentFormat::senml_etch_json: return encode_senml_json(content, with_time);
        case ContentFormat::senml_cbor:
        case ContentFormat::senml_etch_cbor: return encode_senml_cbor(content, with_time);
        case ContentFormat::tlv: return encode_tlv(content);
        case ContentFormat::lwm2m_cbor: return encode_lwm2m_cbor(content);
        case ContentFormat::link:
        case ContentFormat::lwm2m_json: break;
    }
    return fail(Errc::not_acceptable, unknown(format));
}

Result<Decoded> decode(ContentFormat format, const Target& base, ByteView payload, const Lookup& lookup) {
    Collector collector(base, lookup);
    Result<void> read;
    switch (format) {
        case ContentFormat::text:
            return decode_only(base, lookup, [payload](const Type* type) { return decode_text(payload, type); });
        case ContentFormat::opaque:
            return decode_only(base, lookup,
                               [payload](const Type*) { return Result<Value>(Bytes(payload.begin(), payload.end())); });
        case ContentFormat::cbor:
            return decode_only(base, lookup, [payload](const Type* type) { return decode_cbor(payload, type); });
        case ContentFormat::senml_json: read = decode_senml(parse_senml_json, payload, false, collector); break;
        case ContentFormat::senml_etch_json: read = decode_senml(parse_senml_json, payload, true, collector); break;
        case ContentFormat::senml_cbor: read = decode_senml(parse_senml_cbor, payload, false, collector); break;
        case ContentFormat::senml_etch_cbor: read = decode_senml(parse_senml_cbor, payload, true, collector); break;
        case ContentFormat::tlv: read = decode_tlv(payload, collector); break;
        case ContentFormat::lwm2m_cbor: read = decode_lwm2m_cbor(payload, collector); break;
        case ContentFormat::link:
        case ContentFormat::lwm2m_json:
        default: return fail(Errc::unsupported_format, unknown(format));
    }
    if (!read) return tl::unexpected(std::move(read.error()));
    return collector.finish();
}

Result<std::vector<Target>> decode_targets(ContentFormat format, ByteView payload) {
    switch (format) {
        case ContentFormat::senml_json:
        case ContentFormat::senml_etch_json: return decode_senml_targets(parse_senml_json, payload);
        case ContentFormat::senml_cbor:
        case ContentFormat::senml_etch_cbor: return decode_senml_targets(parse_senml_cbor, payload);
        default:
            return fail(Errc::unsupported_format,
                        fmt::format("content format {} lists no names", static_cast<unsigned>(format)));
    }
}

Result<Bytes> encode_composite(ContentFormat format, const std::vector<Entry>& entries, const Lookup& lookup, bool with_time) {
    if (format == ContentFormat::tlv) return fail(Errc::not_acceptable, "TLV has no place for several objects");
    return encode(format, Content{Target{}, entries}, lookup, with_time);
}

}  // namespace lwm2m::codec
