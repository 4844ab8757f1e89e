#include "lwm2m/codec/cbor_value.hpp"
#include "lwm2m/codec/hierarchical.hpp"

#include <fmt/format.h>
#include <algorithm>

/// application/vnd.oma.lwm2m+cbor: OMA Core 1.2 7.5.4, with the prefix in the keys as LwM2M Gateway 1.1 section 9 adds.
namespace lwm2m::codec {

namespace {

using Kind = CborItem::Kind;
using Entries = std::span<const Entry* const>;

constexpr std::uint32_t choose_instance = 65535;  // "the client chooses", in a Create

// ---- writing: {[prefix, object, instance]: {resource: value, resource: {resource instance: value}}, …}

/// How many of the first entries share prefix and the first `depth` ids.
std::size_t group_size(Entries entries, std::size_t depth) {
    const auto key = entries[0]->target.path.ids().first(std::min(depth, entries[0]->target.path.ids().size()));
    std::size_t size = 1;
    for (; size < entries.size(); ++size) {
        const Target& other = entries[size]->target;
        if (other.prefix != entries[0]->target.prefix || other.path.ids().size() < key.size()) break;
        if (!std::equal(key.begin(), key.end(), other.path.ids().begin())) break;
    }
    return size;
}

std::size_t group_count(Entries entries, std::size_t depth) {
    std::size_t count = 0;
    for (; !entries.empty(); ++count) entries = entries.subspan(group_size(entries, depth));
    return count;
}

void write_key(CborWriter& writer, const Target& target, std::size_t depth) {
    const auto ids = target.path.ids().first(depth);
    const std::size_t elements = depth + (target.prefix.empty() ? 0 : 1);
    if (elements != 1) writer.array(elements);
    if (!target.prefix.empty()) writer.text(target.prefix);
    for (const std::uint16_t id : ids) writer.unsigned_integer(id);
}

/// The entries share their first `depth` ids; their next id is the key.
void write_map(CborWriter& writer, Entries entries, std::size_t depth) {
    writer.map(group_count(entries, depth + 1));
    while (!entries.empty()) {
        const std::size_t size = group_size(entries, depth + 1);
        const Entry& first = *entries[0];
        writer.unsigned_integer(first.target.path.ids()[depth]);
        if (first.target.path.ids().size() == depth + 1)
            write_cbor(writer, first.value);
        else
            write_map(writer, entries.first(size), depth + 1);
        entries = entries.subspan(size);
    }
}

// ---- reading

class Reader {
public:
    Reader(ByteView payload, Collector& collector) : cbor_(payload), collector_(&collector) {}

    Result<void> read() {
        const auto top = cbor_.next();
        if (!top || top->kind != Kind::map) return wrong("the payload is no map");
        if (auto done = read_map(*top, {}); !done) return done;
        if (!cbor_.empty()) return wrong("bytes behind the map");
        if (with_instance_ && without_instance_) return wrong("values with and without an instance");
        if (without_instance_) collector_->without_instance();
        return {};
    }

private:
    /// A path while it grows; each level of nesting adds at least one element, so nesting ends at five.
    struct Place {
        std::string prefix;
        std::array<std::uint32_t, 4> ids{};
        std::size_t depth = 0;
    };

    Result<void> read_map(const CborItem& head, const Place& above) {
        for (CborItems pairs(cbor_, head); pairs.more();) {
            Place place = above;
            if (auto key = read_key(place); !key) return key;
            if (cbor_.map_is_next()) {
                const auto nested = cbor_.next();
                if (!nested) return wrong("truncated or malformed");
                if (auto done = read_map(*nested, place); !done) return done;
            } else if (auto done = read_value(std::move(place)); !done) {
                return done;
            }
        }
        return {};
    }

    Result<void> read_key(Place& place) {
        const auto key = cbor_.next();
        if (!key) return wrong("truncated or malformed");
        if (key->kind != Kind::array) return read_element(*key, place);
        std::size_t elements = 0;
        for (CborItems items(cbor_, *key); items.more(); ++elements) {
            const auto element = cbor_.next();
            if (!element) return wrong("truncated or malformed");
            if (auto done = read_element(*element, place); !done) return done;
        }
        if (elements == 0) return wrong("an empty key");
        return {};
    }

    static Result<void> read_element(const CborItem& element, Place& place) {
        if (element.kind == Kind::text) {
            if (place.depth != 0 || !place.prefix.empty()) return wrong("a prefix stands at the start of a path only");
            // One rule for what a prefix may be: the one of paths.
            const std::string text(base::as_text(element.data));
            const auto target = Target::parse("/" + text);
            if (!target || target->prefix != text || text.empty()) return wrong("a text key is no prefix");
            place.prefix = text;
            return {};
        }
        if (element.kind != Kind::unsigned_integer) return wrong("a key is neither an id nor a prefix");
        if (element.number > choose_instance) return wrong("an id above 65535");
        if (place.depth == place.ids.size()) return wrong("a path deeper than a resource instance");
        place.ids[place.depth++] = static_cast<std::uint32_t>(element.number);
        return {};
    }

    Result<void> read_value(Place place) {
        if (place.depth > 1 && place.ids[1] == choose_instance) {
            if (collector_->base().path.level() != Path::Level::object) return wrong("instance 65535 outside of a Create");
            place.ids[1] = 0;
            without_instance_ = true;
        } else {
            with_instance_ = true;
        }
        Target named{std::move(place.prefix), {}};
        for (std::size_t i = 0; i < place.depth; ++i) {
            auto longer = named.path.child(place.ids[i]);
            if (!longer) return tl::unexpected(in_payload(std::move(longer.error())));
            named.path = *longer;
        }
        auto target = collector_->place(std::move(named));
        if (!target) return tl::unexpected(std::move(target.error()));
        const ResourceDef* definition = collector_->definition(*target);
        auto value = read_cbor(cbor_, definition == nullptr ? nullptr : &definition->type);
        if (!value) return tl::unexpected(in(target->str(), std::move(value.error())));
        return collector_->add(std::move(*target), definition, std::move(*value));
    }

    static tl::unexpected<Error> wrong(std::string_view what) {
        return fail(Errc::bad_request, fmt::format("LwM2M CBOR: {}", what));
    }

    CborReader cbor_;
    Collector* collector_;
    bool with_instance_ = false, without_instance_ = false;
};

}  // namespace

Bytes encode_lwm2m_cbor(const Content& content) {
    const std::vector<const Entry*> ordered = in_order(content);
    Bytes out;
    out.reserve(32 + 16 * ordered.size());
    CborWriter writer(out);
    // A multiple resource keeps its own map, also around one instance.
    const std::size_t depth = content.base_is_multiple ? 3 : 2;
    Entries entries(ordered);
    writer.map(group_count(entries, depth));
    while (!entries.empty()) {
        const std::size_t size = group_size(entries, depth);
        const Entry& first = *entries[0];
        if (size == 1 && !content.base_is_multiple) {
            write_key(writer, first.target, first.target.path.ids().size());
            write_cbor(writer, first.value);
        } else {
            write_key(writer, first.target, depth);
            write_map(writer, entries.first(size), depth);
        }
        entries = entries.subspan(size);
    }
    return out;
}

Result<void> decode_lwm2m_cbor(ByteView payload, Collector& collector) { return Reader(payload, collector).read(); }

}  // namespace lwm2m::codec
