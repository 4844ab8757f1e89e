// A profile's tests: what the points are when the device advertises, or holds, what a test gives.
#include "adapters/ble/binding.hpp"

#include <algorithm>

namespace adapters::ble {

namespace {

using base::Bytes;
using base::Errc;
using base::fail;
using base::Node;

struct Held {
    Advertisement advertisement;
    std::vector<std::pair<Characteristic, Bytes>> characteristics;
    bool heard = false;
};

constexpr std::string_view forms =
    "write \"manufacturer:0x0499\", \"service:0xFCD2\", \"0x181A/0x2A6E\", rssi, name or last_seen";

void take_given(const Node::Member& member, Held& held, Diagnostics& diagnostics) {
    const std::string_view key = member.key;
    const auto& text = member.value.written();
    if (key == "rssi" || key == "last_seen") {
        const bool whole = member.value.kind() == Node::Kind::integer;
        if (whole && key == "rssi" && member.value.integer() >= -127 && member.value.integer() <= 20)
            held.advertisement.rssi = static_cast<std::int16_t>(member.value.integer());
        else if (whole && key == "last_seen" && member.value.integer() >= 0 && member.value.integer() < 1LL << 40)
            held.advertisement.wall = base::WallTime{std::chrono::seconds(member.value.integer())};
        else
            diagnostics.error(member.value.at(), fmt::format("'{}' cannot be {}", key, text),
                              key == "rssi" ? "write it in dBm: -67" : "write seconds since 1970");
        return;
    }
    if (key == "name") {
        held.advertisement.name = text;
        return;
    }
    const auto bytes = base::from_hex(text);
    if (!bytes || bytes->size() > longest_data) {
        diagnostics.error(member.value.at(), fmt::format("'{}' is not bytes in hex", text.substr(0, 64)),
                          "write them in quotes: \"0C FE\"");
        return;
    }
    const auto rest = key.substr(std::min(key.find(':') + 1, key.size()));
    if (key.starts_with("manufacturer:")) {
        const auto number = Uuid::parse(rest);  // the same digits
        if (const auto company = number ? number->short_form() : std::nullopt) {
            held.advertisement.manufacturer.emplace_back(*company, *bytes);
            return;
        }
    } else if (key.starts_with("service:")) {
        if (const auto uuid = Uuid::parse(rest)) {
            held.advertisement.service_data.emplace_back(*uuid, *bytes);
            return;
        }
    } else if (const auto slash = key.find('/'); slash != std::string_view::npos) {
        const auto service = Uuid::parse(key.substr(0, slash)), its = Uuid::parse(key.substr(slash + 1));
        if (service && its) {
            held.characteristics.emplace_back(Characteristic{*service, *its}, *bytes);
            return;
        }
    }
    diagnostics.error(member.at, fmt::format("'{}' is nothing that a device has", key), std::string(forms));
}

std::optional<Result<Scalar>> radio_value(RadioField field, const Advertisement& advertisement) {
    switch (field) {
        case RadioField::address: return Result<Scalar>(advertisement.address.str());
        case RadioField::name:
            if (advertisement.name.empty()) return std::nullopt;
            return Result<Scalar>(advertisement.name);
        case RadioField::rssi:
            if (!advertisement.rssi) return std::nullopt;
            return Result<Scalar>(std::int64_t{*advertisement.rssi});
        case RadioField::last_seen:
            if (advertisement.wall == base::WallTime{}) return std::nullopt;
            return Result<Scalar>(
                std::int64_t{std::chrono::duration_cast<std::chrono::seconds>(advertisement.wall.time_since_epoch()).count()});
    }
    return std::nullopt;
}

}  // namespace

std::vector<std::optional<Result<Scalar>>> Binding::pretend(DeviceId device, const Node& given, Diagnostics& diagnostics) {
    const Shape& shape = shape_of(device);
    std::vector<std::optional<Result<Scalar>>> values(shape.points.size());
    Held held;
    held.advertisement.address = devices_[device].address;
    for (const auto& member : given.members()) take_given(member, held, diagnostics);
    Memory memory;
    auto heard = hear(shape, held.advertisement, memory);
    for (auto& [index, value] : heard.values) values[index] = std::move(value);
    const bool advertised = !held.advertisement.manufacturer.empty() || !held.advertisement.service_data.empty();
    if (advertised && heard.outcome != Outcome::values)
        diagnostics.error(given.at(),
                          fmt::format("what is advertised cannot be read: {}{}{}", name(heard.outcome),
                                      heard.why.empty() ? "" : ", ", heard.why),
                          "compare it with the section ble:");
    for (std::size_t i = 0; i < shape.points.size(); ++i) {
        const PointShape& point = shape.points[i];
        if (const auto* field = std::get_if<RadioField>(&point.from)) values[i] = radio_value(*field, held.advertisement);
        const auto* place = point.gatt();
        if (place == nullptr) continue;
        for (const auto& [characteristic, bytes] : held.characteristics) {
            if (characteristic != place->at) continue;
            const auto value = value_of(point, bytes);
            if (!value)
                values[i] = Result<Scalar>(tl::unexpected(value.error()));
            else if (*value)
                values[i] = Result<Scalar>(**value);
        }
    }
    for (const auto& [characteristic, bytes] : held.characteristics)
        if (std::none_of(shape.points.begin(), shape.points.end(), [&its = characteristic](const PointShape& point) {
                return point.gatt() != nullptr && point.gatt()->at == its;
            }))
            diagnostics.error(given.at(), fmt::format("no point reads {}", characteristic.text()), "remove it from 'given'");
    return values;
}

}  // namespace adapters::ble
