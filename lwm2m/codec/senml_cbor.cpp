#include "lwm2m/codec/cbor_value.hpp"
#include "lwm2m/codec/hierarchical.hpp"
#include "lwm2m/codec/senml.hpp"

#include <fmt/format.h>

/// application/senml+cbor and senml-etch+cbor: RFC 8428 6, RFC 8790, OMA Core 1.2 7.5.7.
namespace lwm2m::codec {

namespace {

using Kind = CborItem::Kind;

constexpr unsigned deepest = 8;  // of what an unknown field holds
constexpr std::int64_t label_bt = -3, label_bn = -2, label_n = 0, label_v = 2, label_vs = 3, label_vb = 4, label_t = 6,
                       label_vd = 8;
constexpr std::string_view label_vlo = "vlo";  // the one label that is text in CBOR too

tl::unexpected<Error> wrong(std::string_view what) { return fail(Errc::bad_request, fmt::format("SenML CBOR: {}", what)); }

void write_label(CborWriter& writer, const Value& value) {
    struct {
        CborWriter& writer;
        void operator()(std::monostate) const {}
        void operator()(bool) const { writer.integer(label_vb); }
        void operator()(std::int64_t) const { writer.integer(label_v); }
        void operator()(std::uint64_t) const { writer.integer(label_v); }
        void operator()(double) const { writer.integer(label_v); }
        void operator()(const std::string&) const { writer.integer(label_vs); }
        void operator()(const Bytes&) const { writer.integer(label_vd); }
        void operator()(ObjectLink) const { writer.text(label_vlo); }
    } labels{writer};
    std::visit(labels, value);
}

void write_seconds(CborWriter& writer, std::int64_t milliseconds) {
    if (milliseconds % 1000 == 0)
        writer.integer(milliseconds / 1000);
    else
        writer.floating(static_cast<double>(milliseconds) / 1000);
}

Result<SenmlField> read_label(CborReader& reader) {
    const auto label = reader.next();
    if (!label) return wrong("truncated or malformed");
    if (label->kind == Kind::text) {
        const std::string_view text = base::as_text(label->data);
        if (text == label_vlo) return SenmlField::vlo;
        return text.ends_with('_') ? SenmlField::must_understand : SenmlField::ignored;
    }
    const auto number = integer_of(*label);
    if (!number) return wrong("a label is neither a number nor text");
    const auto* small = std::get_if<std::int64_t>(&*number);
    return small == nullptr ? SenmlField::ignored : senml_field(*small);
}

Result<Value> read_field(CborReader& reader) {
    const auto item = reader.next();
    if (!item) return wrong("truncated or malformed");
    switch (item->kind) {
        case Kind::unsigned_integer:
        case Kind::negative:
            if (const auto number = integer_of(*item)) return *number;
            return wrong("an integer below -2^63");
        case Kind::floating: return Value(item->real);
        case Kind::boolean: return Value(item->number == 1);
        case Kind::text: return Value(std::string(base::as_text(item->data)));
        case Kind::bytes: return Value(Bytes(item->data.begin(), item->data.end()));
        case Kind::null: return Value();
        case Kind::array:
        case Kind::map:
        case Kind::tag:
        case Kind::other:
        case Kind::stop: break;
    }
    return wrong("a field has a value of the wrong kind");
}

}  // namespace

Bytes encode_senml_cbor(const Content& content, bool with_time) {
    const SenmlNames names(content);
    std::vector<const Entry*> entries;
    entries.reserve(content.entries.size());
    for (const Entry& entry : content.entries)
        if (names.has(entry)) entries.push_back(&entry);
    const SenmlTimes times(entries, with_time);

    Bytes out;
    out.reserve(48 + 20 * entries.size());
    CborWriter writer(out);
    writer.array(entries.size());
    bool first = true;
    for (const Entry* entry : entries) {
        const SenmlNames::Name name = names.of(*entry);
        const auto time = times.of(*entry);
        const bool base_time = first && times.base;
        writer.map(1U + (first ? 1 : 0) + (base_time ? 1 : 0) + (name.empty() ? 0 : 1) + (time ? 1 : 0));
        if (first) {
            writer.integer(label_bn);
            writer.text(names.base());
        }
        if (base_time) {
            writer.integer(label_bt);
            write_seconds(writer, *times.base);
        }
        if (!name.empty()) {
            writer.integer(label_n);
            writer.text(name.prefix, name.path());
        }
        if (time) {
            writer.integer(label_t);
            write_seconds(writer, *time);
        }
        write_label(writer, entry->value);
        write_cbor(writer, entry->value);
        first = false;
    }
    return out;
}

Result<void> parse_senml_cbor(ByteView payload, const SenmlSink& sink) {
    CborReader reader(payload);
    const auto top = reader.next();
    if (!top || top->kind != Kind::array) return wrong("the payload is no array");
    for (CborItems records(reader, *top); records.more();) {
        const auto head = reader.next();
        if (!head || head->kind != Kind::map) return wrong("a record is no map");
        SenmlRecord record;
        for (CborItems pairs(reader, *head); pairs.more();) {
            const auto field = read_label(reader);
            if (!field) return tl::unexpected(field.error());
            Value value;
            if (*field == SenmlField::ignored || *field == SenmlField::harmless) {
                if (!reader.skip(deepest)) return wrong("truncated, malformed or nested too deep");
            } else if (*field != SenmlField::must_understand) {
                auto found = read_field(reader);
                if (!found) return tl::unexpected(std::move(found.error()));
                value = std::move(*found);
            }
            if (auto set = record.set(*field, std::move(value)); !set) return set;
        }
        if (auto done = sink(std::move(record)); !done) return done;
    }
    if (!reader.empty()) return wrong("bytes behind the pack");
    return {};
}

}  // namespace lwm2m::codec
