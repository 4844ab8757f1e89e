#include "adapters/ble/reading.hpp"

#include <charconv>

namespace adapters::ble {

namespace {

using base::Node;

constexpr std::size_t last_byte = longest_data - 1;

struct Place {
    std::string_view of;
    std::uint16_t at = 0;
};
/// "manufacturer:3", "byte:0x10"
std::optional<Place> parse_place(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    Place place{text.substr(0, colon), 0};
    std::string_view number = text.substr(colon + 1);
    const int base = number.starts_with("0x") ? 16 : 10;
    if (base == 16) number.remove_prefix(2);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), place.at, base);
    if (number.empty() || error != std::errc{} || end != number.data() + number.size() || place.at > last_byte)
        return std::nullopt;
    return place;
}

}  // namespace

std::optional<Uuid> read_uuid(Fields& fields, std::string_view key) {
    const Node* node = fields.find(key);
    if (node == nullptr) return std::nullopt;
    if (node->kind() == Node::Kind::integer && node->integer() >= 0 && node->integer() <= 0xFFFF'FFFF)
        return Uuid::of(static_cast<std::uint32_t>(node->integer()));
    if (node->kind() == Node::Kind::text)
        if (const auto uuid = Uuid::parse(node->written())) return uuid;
    fields.error(key, fmt::format("'{}' is no UUID", node->written().empty() ? node->kind_name() : node->written()),
                 "write 0x180F, or \"5a1f0001-3c6e-4b21-9d5a-0c0ffee00001\"");
    return std::nullopt;
}

std::optional<Characteristic> read_characteristic(Fields& fields, std::string_view key) {
    const auto text = fields.text(key);
    if (!text) return std::nullopt;
    const auto slash = text->find('/');
    const std::string_view whole(*text);
    const auto service = Uuid::parse(whole.substr(0, slash));
    const auto its = slash != std::string::npos ? Uuid::parse(whole.substr(slash + 1)) : std::nullopt;
    if (service && its) return Characteristic{*service, *its};
    fields.error(key, fmt::format("'{}' is no characteristic", *text), char_forms);
    return std::nullopt;
}

std::optional<Encoding> read_bytes(Fields& fields, std::string_view default_order, Kind default_kind) {
    const Node* type = fields.find("type");
    const bool is_text = type != nullptr && type->written() == "string";
    const bool open = is_text || (type != nullptr ? type->written() == "bytes" : default_kind == Kind::bytes);
    if (!open || fields.has("length")) return read_encoding(fields, default_kind, default_order, 1);
    fields.known("order");
    if (fields.has("order"))
        fields.error("order", type == nullptr ? "'order' needs 'type'" : "the bytes of a text of any length stand as they come",
                     type == nullptr ? "add type: uint16, or remove 'order'" : "remove 'order'");
    return Encoding{is_text ? Kind::string : Kind::bytes, 0, {}};
}

std::optional<BytePlace> read_byte_place(Fields& fields, std::string_view default_order, Kind default_kind) {
    constexpr std::string_view forms = "write at: manufacturer:3 or at: service:3, counted from 0";
    const Node* at = fields.need("at", forms);
    auto encoding = read_bytes(fields, default_order, default_kind);
    if (at == nullptr) return std::nullopt;
    const auto place = at->kind() == Node::Kind::text ? parse_place(at->written()) : std::nullopt;
    if (!place || (place->of != "manufacturer" && place->of != "service")) {
        fields.error(
            "at", fmt::format("'{}' is no place in an advertisement", at->written().empty() ? at->kind_name() : at->written()),
            forms);
        return std::nullopt;
    }
    if (!encoding) return std::nullopt;
    return BytePlace{place->of == "service" ? BytePlace::Of::service : BytePlace::Of::manufacturer, place->at,
                     std::move(*encoding)};
}

}  // namespace adapters::ble
