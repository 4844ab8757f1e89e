#include "lwm2m/codec/hierarchical.hpp"

#include <fmt/format.h>
#include <bit>
#include <cmath>
#include <limits>

/// application/vnd.oma.lwm2m+tlv: OMA Core 1.2 7.5.5. The prefix is in the Uri-Path only.
namespace lwm2m::codec {

namespace {

enum class Kind : std::uint8_t { instance = 0, resource_instance = 1, multiple = 2, resource = 3 };

constexpr std::size_t most_octets = (1U << 24) - 1;

// ---- writing

void append_big_endian(Bytes& out, std::uint64_t number, unsigned width) {
    for (unsigned shift = 8 * width; shift != 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(number >> (shift - 8)));
}

struct AppendValue {
    Bytes& out;
    void operator()(std::monostate) const {}
    void operator()(bool flag) const { out.push_back(flag ? 1 : 0); }
    void operator()(std::int64_t number) const {
        unsigned width = 8;
        for (const unsigned shorter : {4U, 2U, 1U}) {
            const std::int64_t limit = std::int64_t{1} << (8 * shorter - 1);
            if (number >= -limit && number < limit) width = shorter;
        }
        append_big_endian(out, static_cast<std::uint64_t>(number), width);
    }
    void operator()(std::uint64_t number) const {
        unsigned width = 8;
        for (const unsigned shorter : {4U, 2U, 1U})
            if (number >> (8 * shorter) == 0) width = shorter;
        append_big_endian(out, number, width);
    }
    void operator()(double number) const {
        const bool in_range = !(std::abs(number) > std::numeric_limits<float>::max()) || std::isinf(number);
        const float shorter = in_range ? static_cast<float>(number) : 0.0F;
        if (in_range && (static_cast<double>(shorter) == number || std::isnan(number)))
            append_big_endian(out, std::bit_cast<std::uint32_t>(shorter), 4);
        else
            append_big_endian(out, std::bit_cast<std::uint64_t>(number), 8);
    }
    void operator()(const std::string& text) const { out.insert(out.end(), text.begin(), text.end()); }
    void operator()(const Bytes& data) const { out.insert(out.end(), data.begin(), data.end()); }
    void operator()(ObjectLink link) const {
        append_big_endian(out, link.object, 2);
        append_big_endian(out, link.instance, 2);
    }
};

class Writer {
public:
    Result<Bytes> write(const Content& content) {
        const std::vector<const Entry*> ordered = in_order(content);
        out_.reserve(16 * ordered.size() + 8);
        const Path& base = content.base.path;
        bool fits = true;
        switch (base.level()) {
            case Path::Level::root: return fail(Errc::not_acceptable, "TLV has no place for several objects");
            case Path::Level::object: fits = groups(ordered, 1, Kind::instance); break;
            case Path::Level::instance: fits = groups(ordered, 2, Kind::resource); break;
            case Path::Level::resource:
                fits = content.base_is_multiple && ordered.empty() ? wrap(0, Kind::multiple, base.resource())
                                                                   : groups(ordered, 2, Kind::resource);
                break;
            case Path::Level::resource_instance: fits = groups(ordered, 3, Kind::resource_instance); break;
        }
        if (!fits) return fail(Errc::not_acceptable, fmt::format("TLV carries values of up to {} octets", most_octets));
        return std::move(out_);
    }

private:
    using Entries = std::span<const Entry* const>;

    /// One element for each id at `depth`. `kind`: what stands there; a resource with instances becomes a multiple one.
    bool groups(Entries entries, std::size_t depth, Kind kind) {
        while (!entries.empty()) {
            const std::uint16_t id = entries[0]->target.path.ids()[depth];
            std::size_t size = 1;
            while (size < entries.size() && entries[size]->target.path.ids()[depth] == id) ++size;
            const std::size_t start = out_.size();
            const bool leaf = entries[0]->target.path.ids().size() == depth + 1;
            bool fits = true;
            if (leaf)
                std::visit(AppendValue{out_}, entries[0]->value);
            else
                fits =
                    groups(entries.first(size), depth + 1, kind == Kind::instance ? Kind::resource : Kind::resource_instance);
            if (!fits || !wrap(start, kind == Kind::resource && !leaf ? Kind::multiple : kind, id)) return false;
            entries = entries.subspan(size);
        }
        return true;
    }

    /// Puts the header in front of what was written from `start` on.
    bool wrap(std::size_t start, Kind kind, std::uint16_t id) {
        const std::size_t length = out_.size() - start;
        if (length > most_octets) return false;
        std::array<std::uint8_t, 6> header{};
        std::size_t size = 1;
        auto first = static_cast<std::uint8_t>(static_cast<unsigned>(kind) << 6);
        if (id > 255) {
            first |= 0x20;
            header[size++] = static_cast<std::uint8_t>(id >> 8);
        }
        header[size++] = static_cast<std::uint8_t>(id);
        if (length < 8) {
            first |= static_cast<std::uint8_t>(length);
        } else {
            const unsigned octets = length > 0xFFFF ? 3 : length > 0xFF ? 2 : 1;
            first |= static_cast<std::uint8_t>(octets << 3);
            for (unsigned shift = 8 * octets; shift != 0; shift -= 8)
                header[size++] = static_cast<std::uint8_t>(length >> (shift - 8));
        }
        header[0] = first;
        out_.insert(out_.begin() + static_cast<std::ptrdiff_t>(start), header.begin(),
                    header.begin() + static_cast<std::ptrdiff_t>(size));
        return true;
    }

    Bytes out_;
};

// ---- reading

tl::unexpected<Error> wrong(std::string_view what) { return fail(Errc::bad_request, fmt::format("TLV: {}", what)); }

struct Element {
    Kind kind{};
    std::uint16_t id = 0;
    ByteView value;
};

Result<Element> take_element(base::Cursor& cursor) {
    const auto first = cursor.byte();
    if (!first) return wrong("truncated");
    const auto id = cursor.big_endian((*first & 0x20) != 0 ? 2 : 1);
    const unsigned octets = *first >> 3 & 3U;
    // With a length field the lowest three bits mean nothing.
    const auto length = octets == 0 ? std::optional<std::uint64_t>(*first & 7) : cursor.big_endian(octets);
    if (!id || !length) return wrong("truncated");
    const auto value = cursor.take(static_cast<std::size_t>(*length));
    if (!value) return wrong("a length runs over the end");
    return Element{static_cast<Kind>(*first >> 6), static_cast<std::uint16_t>(*id), *value};
}

Result<Value> value_of(ByteView bytes, const Type* type) {
    base::Cursor cursor(bytes);
    const std::size_t size = bytes.size();
    const bool integer_size = size == 1 || size == 2 || size == 4 || size == 8;
    switch (type == nullptr ? Type::none : *type) {
        case Type::integer:
        case Type::time: {
            if (!integer_size) return wrong("an integer has 1, 2, 4 or 8 octets");
            const auto shift = static_cast<unsigned>(64 - 8 * size);
            return Value(static_cast<std::int64_t>(*cursor.big_endian(size) << shift) >> shift);
        }
        case Type::unsigned_integer:
            if (!integer_size) return wrong("an integer has 1, 2, 4 or 8 octets");
            return Value(*cursor.big_endian(size));
        case Type::floating:
            if (size == 4)
                return Value(static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(*cursor.big_endian(4)))));
            if (size == 8) return Value(std::bit_cast<double>(*cursor.big_endian(8)));
            return wrong("a float has 4 or 8 octets");
        case Type::boolean:
            if (size != 1 || bytes[0] > 1) return wrong("a boolean is one octet, 0 or 1");
            return Value(bytes[0] == 1);
        case Type::objlnk:
            if (size != 4) return wrong("a link has 4 octets");
            return Value(ObjectLink{static_cast<std::uint16_t>(*cursor.big_endian(2)),
                                    static_cast<std::uint16_t>(*cursor.big_endian(2))});
        case Type::string:
        case Type::corelnk:
            if (!base::is_utf8(base::as_text(bytes))) return wrong("a string is not UTF-8");
            return Value(std::string(base::as_text(bytes)));
        case Type::none:
        case Type::opaque: break;
    }
    return Value(Bytes(bytes.begin(), bytes.end()));
}

class Reader {
public:
    explicit Reader(Collector& collector) : collector_(&collector) {}

    Result<void> read(ByteView payload) {
        const Path& base = collector_->base().path;
        if (base.level() == Path::Level::root) return wrong("has no place for several objects");
        bool wrapped = false;
        bool bare = false;
        for (base::Cursor cursor(payload); !cursor.empty();) {
            const auto element = take_element(cursor);
            if (!element) return tl::unexpected(element.error());
            Result<void> done;
            switch (element->kind) {
                case Kind::instance:
                    wrapped = true;
                    done = read_instance(*element, base);
                    break;
                case Kind::multiple:
                case Kind::resource:
                    bare = bare || base.level() == Path::Level::object;
                    done = read_resource(*element, bare ? Path::of({base.object(), 0}) : base.ancestor(Path::Level::instance));
                    break;
                case Kind::resource_instance:
                    if (base.level() < Path::Level::resource) return wrong("a resource instance outside of its resource");
                    done = read_value(*element, base.ancestor(Path::Level::resource));
                    break;
            }
            if (!done) return done;
        }
        if (wrapped && bare) return wrong("resources with and without an instance");
        if (bare) collector_->without_instance();
        return {};
    }

private:
    Result<void> read_instance(const Element& element, const Path& base) {
        if (base.level() > Path::Level::instance) return wrong("an instance inside of a resource");
        auto instance = base.ancestor(Path::Level::object).child(element.id);
        if (!instance) return tl::unexpected(in_payload(std::move(instance.error())));
        for (base::Cursor cursor(element.value); !cursor.empty();) {
            const auto inner = take_element(cursor);
            if (!inner) return tl::unexpected(inner.error());
            if (inner->kind != Kind::multiple && inner->kind != Kind::resource)
                return wrong("an instance holds resources only");
            if (auto done = read_resource(*inner, *instance); !done) return done;
        }
        return {};
    }

    Result<void> read_resource(const Element& element, const Path& instance) {
        if (element.kind == Kind::resource) return read_value(element, instance);
        auto resource = instance.child(element.id);
        if (!resource) return tl::unexpected(in_payload(std::move(resource.error())));
        if (auto placed = collector_->place({collector_->base().prefix, *resource});
            !placed && !resource->covers(collector_->base().path))
            return tl::unexpected(std::move(placed.error()));
        for (base::Cursor cursor(element.value); !cursor.empty();) {
            const auto inner = take_element(cursor);
            if (!inner) return tl::unexpected(inner.error());
            if (inner->kind != Kind::resource_instance) return wrong("a multiple resource holds resource instances only");
            if (auto done = read_value(*inner, *resource); !done) return done;
        }
        return {};
    }

    Result<void> read_value(const Element& element, const Path& parent) {
        auto path = parent.child(element.id);
        if (!path) return tl::unexpected(in_payload(std::move(path.error())));
        auto target = collector_->place({collector_->base().prefix, *path});
        if (!target) return tl::unexpected(std::move(target.error()));
        const ResourceDef* definition = collector_->definition(*target);
        auto value = value_of(element.value, definition == nullptr ? nullptr : &definition->type);
        if (!value) return tl::unexpected(in(target->str(), std::move(value.error())));
        return collector_->add(std::move(*target), definition, std::move(*value));
    }

    Collector* collector_;
};

}  // namespace

Result<Bytes> encode_tlv(const Content& content) { return Writer().write(content); }

Result<void> decode_tlv(ByteView payload, Collector& collector) { return Reader(collector).read(payload); }

}  // namespace lwm2m::codec
