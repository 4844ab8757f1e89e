// Xiaomi's MiBeacon: iot.mi.com, "BLE MiBeacon protocol v5" and "BLE object definition".
#include "adapters/ble/aes_ccm.hpp"
#include "adapters/ble/decoders.hpp"
#include "adapters/ble/scaled.hpp"

#include <algorithm>

namespace adapters::ble {

namespace {

constexpr Uuid service_uuid = Uuid::of(0xFE95);

// Frame control
constexpr unsigned encrypted = 1U << 3, with_address = 1U << 4, with_capability = 1U << 5, with_objects = 1U << 6,
                   mesh = 1U << 7;

enum : std::uint16_t {
    frame,
    product,
    temperature,
    humidity,
    illuminance,
    moisture,
    conductivity,
    battery,
    formaldehyde,
    consumable,
    idle,
    button,
    press,
    motion,
    opening,
    left_open,
    light,
    water_leak,
    smoke,
    gas,
    switched
};
constexpr Field all[] = {{"frame", Kind::int64, ""},
                         {"product", Kind::int64, ""},
                         {"temperature", Kind::float64, "Cel"},
                         {"humidity", Kind::float64, "%RH"},
                         {"illuminance", Kind::float64, "lx"},
                         {"moisture", Kind::int64, "%"},
                         {"conductivity", Kind::float64, "S/m"},
                         {"battery", Kind::int64, "%"},
                         {"formaldehyde", Kind::float64, ""},  // mg/m³
                         {"consumable", Kind::int64, "%"},
                         {"idle_time", Kind::int64, "s"},  // since the last motion
                         {"button", Kind::int64, ""},
                         {"press", Kind::int64, ""},  // 0 single, 1 double, 2 long, 3 triple
                         {"motion", Kind::boolean, ""},
                         {"opening", Kind::boolean, ""},
                         {"left_open", Kind::boolean, ""},
                         {"light", Kind::boolean, ""},
                         {"water_leak", Kind::boolean, ""},
                         {"smoke", Kind::boolean, ""},
                         {"gas", Kind::boolean, ""},
                         {"switch", Kind::boolean, ""}};

enum class As : std::uint8_t { number, real, boolean, moved, opened };

/// A number within an object.
struct Part {
    std::uint16_t object = 0;
    std::uint8_t length = 0;  ///< of the whole object
    std::uint16_t field = 0;
    std::uint8_t at = 0, size = 1;
    bool is_signed = false;
    Scale scale{};
    As as = As::number;
};
constexpr Part parts[] = {
    {0x0003, 1, motion, 0, 1, false, {}, As::moved},
    {0x000F, 3, motion, 0, 0, false, {}, As::moved},
    {0x000F, 3, illuminance, 0, 3},
    {0x1001, 3, button, 0, 2},
    {0x1001, 3, press, 2, 1},
    {0x1004, 2, temperature, 0, 2, true, {1, 10}},
    {0x1005, 2, switched, 0, 1, false, {}, As::boolean},
    {0x1005, 2, temperature, 1, 1},
    {0x1006, 2, humidity, 0, 2, false, {1, 10}},
    {0x1007, 3, illuminance, 0, 3},
    {0x1008, 1, moisture},
    {0x1009, 2, conductivity, 0, 2, false, {1, 10'000}},  // µS/cm
    {0x100A, 1, battery},
    {0x100D, 4, temperature, 0, 2, true, {1, 10}},
    {0x100D, 4, humidity, 2, 2, false, {1, 10}},
    {0x1010, 2, formaldehyde, 0, 2, false, {1, 100}},
    {0x1012, 1, switched, 0, 1, false, {}, As::boolean},
    {0x1013, 1, consumable},
    {0x1014, 1, water_leak, 0, 1, false, {}, As::boolean},
    {0x1015, 1, smoke, 0, 1, false, {}, As::boolean},
    {0x1016, 1, gas, 0, 1, false, {}, As::boolean},
    {0x1017, 4, idle, 0, 4},
    {0x1018, 1, light, 0, 1, false, {}, As::boolean},
    {0x1019, 1, opening, 0, 1, false, {}, As::opened},
    {0x101B, 4, idle, 0, 4},
    {0x4C01, 4, temperature, 0, 4, false, {}, As::real},
    {0x4C02, 1, humidity},
    {0x4C03, 1, battery},
    {0x4C08, 4, humidity, 0, 4, false, {}, As::real},
};
/// Objects from 0x4000 on mean another thing in each product; these thermometers use those of 0x4C.
constexpr std::uint16_t thermometers[] = {0x2542, 0x2832, 0x1203, 0x55B5};

bool means_the_same(std::uint16_t object, std::uint16_t product_id) {
    return object < 0x4000 || std::find(std::begin(thermometers), std::end(thermometers), product_id) != std::end(thermometers);
}

/// Nothing: the object says something that it cannot.
bool take_part(const Part& part, base::ByteView data, Report& report) {
    const auto add = [&](std::uint16_t field, Scalar value) { report.values.push_back({{field, 0}, std::move(value)}); };
    const auto bytes = data.subspan(part.at, part.size);
    const std::uint64_t bits = unsigned_of(bytes);
    switch (part.as) {
        case As::number: {
            const std::int64_t raw = part.is_signed ? signed_of(bits, 8U * part.size) : static_cast<std::int64_t>(bits);
            if (all[part.field].kind == Kind::float64)
                add(part.field, part.scale(raw));
            else
                add(part.field, raw);
            return true;
        }
        case As::real: {
            auto value = adapters::decode({Kind::float32, 4, {3, 2, 1, 0}}, bytes);
            if (!value) return false;
            add(part.field, std::move(*value));
            return true;
        }
        case As::boolean: add(part.field, bits != 0); return true;
        case As::moved: add(part.field, true); return true;
        case As::opened:  // 0 opened, 1 closed, 2 not closed in time, 3 reset
            if (bits > 3) return false;
            if (bits == 3) return true;
            add(opening, bits != 1);
            add(left_open, bits == 2);
            return true;
    }
    return false;
}

bool take_objects(base::ByteView rest, std::uint16_t product_id, Report& report) {
    while (!rest.empty()) {
        if (rest.size() < 3 || rest.size() < 3U + rest[2]) return false;
        const auto object = static_cast<std::uint16_t>(unsigned_of(rest.first(2)));
        const auto data = rest.subspan(3, rest[2]);
        rest = rest.subspan(3U + rest[2]);
        if (!means_the_same(object, product_id)) continue;
        const auto [from, to] = std::equal_range(std::begin(parts), std::end(parts), Part{object},
                                                 [](const Part& a, const Part& b) { return a.object < b.object; });
        for (auto part = from; part != to; ++part) {
            if (data.size() != part->length) return false;
            if (!take_part(*part, data, report)) return false;
        }
    }
    return true;
}

class MiBeacon final : public Decoder {
public:
    std::string_view name() const override { return "mibeacon"; }
    std::span<const Field> fields() const override { return all; }
    std::optional<Uuid> service() const override { return service_uuid; }
    bool encrypts() const override { return true; }

    Report decode(const Advertisement& advertisement, const Security& security, Memory& memory) const override {
        const auto* bytes = advertisement.of_service(service_uuid);
        if (bytes == nullptr) return {};
        const base::ByteView data(*bytes);
        if (data.size() < 5) return malformed("MiBeacon, too short for its head");
        const auto control = static_cast<unsigned>(unsigned_of(data.first(2)));
        const unsigned version = control >> 12;
        if ((control & mesh) != 0 || version < 2)
            return malformed(fmt::format("MiBeacon of version {}, or of a mesh", version));
        base::ByteView rest = data.subspan(5);
        if ((control & with_address) != 0) {
            if (rest.size() < 6) return malformed("MiBeacon without the address that it promises");
            if (!std::equal(rest.begin(), rest.begin() + 6, advertisement.address.bytes.rbegin()))
                return malformed("MiBeacon in the name of another address");
            rest = rest.subspan(6);
        }
        if ((control & with_capability) != 0) {
            if (rest.empty()) return malformed("MiBeacon without the capability that it promises");
            const std::size_t size = (rest.front() & 0x20) != 0 ? 2 : 1;  // what it can show and take in
            if (rest.size() < size) return malformed("MiBeacon without the capability that it promises");
            rest = rest.subspan(size);
        }
        Report report{Outcome::values, {}, {}};
        report.values.push_back({{frame, 0}, std::int64_t{data[4]}});
        const auto product_id = static_cast<std::uint16_t>(unsigned_of(data.subspan(2, 2)));
        report.values.push_back({{product, 0}, std::int64_t{product_id}});
        if ((control & with_objects) == 0) return report;
        if ((control & encrypted) != 0) {
            if (version < 4)
                return malformed(fmt::format("encryption of MiBeacon version {}: such beacons are not read", version));
            return decrypted(data, rest, advertisement, version, security, memory, std::move(report), product_id);
        }
        if (security.key) return {Outcome::not_encrypted, {}, "not encrypted, and the profile has a key"};
        if (!take_objects(rest, product_id, report)) return malformed("MiBeacon objects that cannot be");
        if (is_repeat(memory, data[4], advertisement.at)) return {Outcome::repeat, {}, {}};
        return report;
    }

private:
    /// Versions 4 and 5: the objects encrypted, 3 bytes that make the frame counter longer (5) or are drawn by lot (4), tag.
    static Report decrypted(base::ByteView data, base::ByteView rest, const Advertisement& advertisement, unsigned version,
                            const Security& security, Memory& memory, Report report, std::uint16_t product_id) {
        if (rest.size() < 3 + tag_size) return malformed("encrypted MiBeacon, too short for counter and tag");
        if (!security.key) return {Outcome::no_key, {}, "encrypted, and the profile has no key"};
        const auto text = rest.first(rest.size() - 3 - tag_size);
        const auto longer = rest.subspan(text.size(), 3);
        const auto counter = static_cast<std::uint32_t>(unsigned_of(longer) << 8 | data[4]);
        const Replay replay = version >= 5 ? security.replay : Replay::ignored;
        if (const auto judged = judge_counter(memory, counter, replay, advertisement.at); judged != Outcome::values)
            return {judged, {}, judged == Outcome::replayed ? fmt::format("counter {} after {}", counter, *memory.replay) : ""};
        std::array<std::uint8_t, 12> nonce;
        std::copy(advertisement.address.bytes.rbegin(), advertisement.address.bytes.rend(), nonce.begin());
        std::copy(data.begin() + 2, data.begin() + 5, nonce.begin() + 6);
        std::copy(longer.begin(), longer.end(), nonce.begin() + 9);
        constexpr std::uint8_t associated[] = {0x11};
        const auto plain = decrypt(*security.key, nonce, associated, text, rest.last(tag_size));
        if (!plain) return {Outcome::wrong_key, {}, "the key does not fit"};
        if (!take_objects(*plain, product_id, report)) return malformed("MiBeacon objects that cannot be");
        note_authentic(memory, counter, advertisement.at);
        return report;
    }
};

}  // namespace

const Decoder& mibeacon() {
    static const MiBeacon decoder;
    return decoder;
}

}  // namespace adapters::ble
