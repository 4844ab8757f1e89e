#include "adapters/ble/reading.hpp"
#include "adapters/ble/sig_format.hpp"

#include <algorithm>

namespace adapters::ble {

namespace {

using base::Node;

struct RadioFieldRow {
    std::string_view name;
    RadioField field;
    Kind kind;
    std::string_view unit;
};
constexpr RadioFieldRow radio_fields[] = {{"address", RadioField::address, Kind::string, ""},
                                          {"name", RadioField::name, Kind::string, ""},
                                          {"rssi", RadioField::rssi, Kind::int64, "dBm"},
                                          {"last_seen", RadioField::last_seen, Kind::int64, "s"}};

void refuse(Fields& fields, std::initializer_list<std::string_view> keys, std::string_view beside) {
    for (const auto key : keys)
        if (fields.has(key))
            fields.error(key, fmt::format("'{}' has no meaning with {}", key, beside), fmt::format("remove '{}'", key));
}

std::string field_list(const std::vector<std::string_view>& names) {
    std::string text;
    for (const auto name : names) text += (text.empty() ? "" : ", ") + std::string(name);
    return text;
}

/// `field` of a beacon: the decoder's, or the radio's own.
bool read_field(const Shape& shape, Fields& point, PointShape& made) {
    refuse(point, {"type", "length", "order", "notify"}, "'field'");
    const auto name = point.text("field");
    if (!name) return false;
    if (shape.decoder != nullptr) {
        if (const auto found = shape.decoder->find(*name)) {
            const Field& field = shape.decoder->field(*found);
            made.from = *found;
            made.kind = field.kind;
            made.unit = field.unit;
            return true;
        }
    }
    for (const auto& row : radio_fields)
        if (row.name == *name) {
            made.from = row.field;
            made.kind = row.kind;
            made.unit = row.unit;
            return true;
        }
    std::vector<std::string_view> known;
    if (shape.decoder != nullptr)
        for (const auto& field : shape.decoder->fields()) known.push_back(field.name);
    for (const auto& row : radio_fields) known.push_back(row.name);
    const auto near = base::nearest(*name, known);
    point.error("field",
                shape.decoder != nullptr ? fmt::format("{} has no field '{}'", shape.decoder->name(), *name)
                                         : fmt::format("there is no field '{}' without 'decode'", *name),
                !near.empty()              ? fmt::format("did you mean '{}'?", near)
                : shape.decoder == nullptr ? "add decode: to the section ble:, or use one of " + field_list(known)
                : known.size() <= 16       ? "there are: " + field_list(known)
                                           : "adapters/ble/README.md has the list");
    return false;
}

bool read_at(const Shape& shape, std::string_view default_order, Fields& point, PointShape& made) {
    refuse(point, {"notify"}, "'at'");
    auto place = read_byte_place(point, default_order, Kind::uint8);
    if (!place) return false;
    const bool of_service = place->of == BytePlace::Of::service;
    if (shape.decoder != nullptr) {
        point.error("at", fmt::format("'at' with decode: {}", shape.decoder->name()), "name a field of the format: field: …");
        return false;
    }
    if (of_service ? !shape.service : !shape.company) {
        point.error("at", fmt::format("no '{}' says whose data that are", of_service ? "service" : "company"),
                    of_service ? "add service: 0x… to the section ble:" : "add company: 0x… to the section ble:");
        return false;
    }
    made.kind = place->encoding.kind;
    made.from = std::move(*place);
    return true;
}

/// Where the value begins: `at: byte:2`.
std::optional<std::uint16_t> read_byte(Fields& point) {
    const auto text = point.text("at");
    if (!text) return std::nullopt;
    std::uint16_t byte = 0;
    bool good = text->starts_with("byte:") && text->size() > 5 && text->size() <= 8;
    for (std::size_t i = 5; good && i < text->size(); ++i) {
        good = (*text)[i] >= '0' && (*text)[i] <= '9';
        byte = static_cast<std::uint16_t>(byte * 10 + (*text)[i] - '0');
    }
    if (good && byte < longest_value) return byte;
    point.error("at", fmt::format("'{}' is no place in a characteristic", *text), "write at: byte:2, counted from 0 to 511");
    return std::nullopt;
}

/// A characteristic: the SIG's own format, or what the point says.
std::optional<GattPlace> read_gatt(std::string_view default_order, Fields& point, std::string_view key, Fields& where,
                                   Kind& kind, std::string_view& unit) {
    const auto its = read_characteristic(where, key);
    if (!its) return std::nullopt;
    GattPlace place;
    place.at = *its;
    const SigFormat* format = sig_format(its->characteristic);
    const bool own = point.has("type") || point.has("length") || point.has("at") || point.has("order");
    if (format != nullptr && !own) {
        place.sig = format;
        if (const auto name = point.text("field")) {
            const auto found = format->find(*name);
            if (!found) {
                std::vector<std::string_view> names;
                for (const auto& field : format->fields)
                    if (std::find(names.begin(), names.end(), field.name) == names.end()) names.push_back(field.name);
                point.error("field", fmt::format("{} has no field '{}'", format->name, *name),
                            "there are: " + field_list(names));
                return std::nullopt;
            }
            place.field = *found;
        }
        kind = format->fields[place.field].kind();
        unit = format->fields[place.field].unit;
        return place;
    }
    if (point.has("field")) {
        point.error("field",
                    format == nullptr ? fmt::format("nobody knows the fields of {}", its->characteristic.text())
                                      : std::string("'field' beside 'type' or 'at'"),
                    "write at: byte:0 and type: …, or remove 'field'");
        return std::nullopt;
    }
    const std::size_t before = point.diagnostics().count();
    if (point.has("at")) {
        place.byte = read_byte(point).value_or(0);
        place.partial = true;
    }
    auto encoding = read_bytes(point, default_order, Kind::bytes);
    if (!encoding || point.diagnostics().count() != before) return std::nullopt;
    if (place.byte + std::size_t{encoding->length} > longest_value) {
        point.error(point.has("length") ? "length" : "at", fmt::format("a characteristic has at most {} bytes", longest_value),
                    "check place and length");
        return std::nullopt;
    }
    place.encoding = std::move(*encoding);
    kind = place.encoding.kind;
    return place;
}

/// The bits that a write of the point changes. The mapping reads the same keys, and reports what is wrong with them.
std::optional<std::pair<std::uint8_t, std::uint8_t>> read_bits(Fields& point, const Encoding& encoding) {
    if (encoding.kind < Kind::int8 || encoding.kind > Kind::uint64) return std::nullopt;
    const auto number = [&](const Node& node) -> std::optional<std::uint8_t> {
        if (node.kind() != Node::Kind::integer || node.integer() < 0 || node.integer() >= width(encoding.kind))
            return std::nullopt;
        return static_cast<std::uint8_t>(node.integer());
    };
    if (const Node* bit = point.find("bit"))
        if (const auto at = number(*bit)) return std::pair(*at, *at);
    const Node* bits = point.find("bits");
    if (bits == nullptr || bits->kind() != Node::Kind::list || bits->items().size() != 2) return std::nullopt;
    const auto low = number(bits->items()[0]), high = number(bits->items()[1]);
    if (!low || !high || *low > *high) return std::nullopt;
    return std::pair(*low, *high);
}

void read_write(std::string_view default_order, Fields& point, Fields* write, PointShape& made) {
    if (write != nullptr) {
        made.response = write->boolean("response").value_or(true);
        if (write->has("char")) {
            Kind kind = made.kind;
            std::string_view unit;
            made.to = read_gatt(default_order, point, "char", *write, kind, unit);
            if (made.to && kind != made.kind)
                write->error("char", fmt::format("it takes {}, and the point reads {}", name(kind), name(made.kind)),
                             "give the point a type");
        }
    }
    const GattPlace& place = made.write_place();
    if (place.sig != nullptr && !place.sig->writable(place.field))
        point.error("char", fmt::format("{} cannot be written", place.sig->name), "remove 'write', or give the point a type");
    if (place.sig == nullptr) made.bits = read_bits(point, place.encoding);
    if (place.partial && place.encoding.length == 0)
        point.error("at", "a part without a length cannot be written", "add length:");
}

}  // namespace

std::optional<PointShape> read_point(Shape& shape, std::string_view default_order, Fields& point, Fields* write,
                                     Access access) {
    const std::size_t before = point.diagnostics().count();
    PointShape made;
    made.access = access;
    for (const std::string_view key : {"char", "at", "field", "type", "length", "order", "notify"}) point.known(key);
    if (write != nullptr)
        for (const std::string_view key : {"char", "response"}) write->known(key);
    const bool gatt = point.has("char");
    bool good = false;
    if (gatt) {
        if (auto place = read_gatt(default_order, point, "char", point, made.kind, made.unit)) {
            made.from = std::move(*place);
            made.notify = point.boolean("notify").value_or(false);
            if (access.write) read_write(default_order, point, write, made);
            good = true;
        }
    } else if (point.has("field")) {
        refuse(point, {"at"}, "'field'");
        good = read_field(shape, point, made);
    } else if (point.has("at")) {
        good = read_at(shape, default_order, point, made);
    } else {
        point.error("char", "nothing says where the value comes from",
                    shape.decoder != nullptr ? "add field: with a name of the format"
                                             : "add char: 0x181A/0x2A6E, at: manufacturer:0, at: service:0, or field:");
    }
    if (access.write && !gatt && good)
        point.error(point.has("field") ? "field" : "at", "what a device advertises can only be read",
                    "remove 'write', or name a characteristic: char: …");
    if (!good || point.diagnostics().count() != before) return std::nullopt;
    shape.connects = shape.connects || gatt;
    shape.listens =
        shape.listens || std::holds_alternative<BytePlace>(made.from) || std::holds_alternative<FieldRef>(made.from);
    return made;
}

}  // namespace adapters::ble
