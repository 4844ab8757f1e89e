// BTHome version 2: bthome.io, "Format" and "Encryption".
#include "adapters/ble/aes_ccm.hpp"
#include "adapters/ble/decoders.hpp"
#include "adapters/ble/scaled.hpp"

#include <algorithm>

namespace adapters::ble {

namespace {

constexpr Uuid service_uuid = Uuid::of(0xFCD2);
constexpr std::uint8_t most = 8;  // of one kind in a report

enum : std::uint16_t {
    packet_id,
    battery,
    temperature,
    humidity,
    pressure,
    illuminance,
    mass,
    dew_point,
    count,
    energy,
    power,
    voltage,
    pm25,
    pm10,
    co2,
    tvoc,
    moisture,
    rotation,
    distance,
    duration,
    current,
    speed,
    uv_index,
    volume,
    volume_flow,
    gas,
    water,
    timestamp,
    acceleration,
    gyroscope,
    volume_storage,
    conductivity,
    direction,
    precipitation,
    channel,
    rotational_speed,
    light_level,
    button,
    dimmer,
    dimmer_steps,
    text,
    raw,
    device_type,
    firmware,
    first_binary
};

// From first_binary on, in the order of their object ids.
constexpr std::string_view binaries[] = {"generic",         "power_on",  "opening",      "battery_low", "battery_charging",
                                         "carbon_monoxide", "cold",      "connectivity", "door",        "garage_door",
                                         "gas_detected",    "heat",      "light",        "lock",        "moisture_detected",
                                         "motion",          "moving",    "occupancy",    "plug",        "presence",
                                         "problem",         "running",   "safety",       "smoke",       "sound",
                                         "tamper",          "vibration", "window"};
constexpr std::uint8_t binary_ids[] = {0x0F, 0x10, 0x11, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F,
                                       0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x2B, 0x2C, 0x2D};
static_assert(std::size(binaries) == std::size(binary_ids));

constexpr auto all = [] {
    std::array<Field, first_binary + std::size(binaries)> fields{};
    const auto number = [&](std::uint16_t field, std::string_view name, std::string_view unit) {
        fields[field] = {name, Kind::float64, unit, most};
    };
    const auto whole = [&](std::uint16_t field, std::string_view name, std::string_view unit = "") {
        fields[field] = {name, Kind::int64, unit, most};
    };
    fields[packet_id] = {"packet_id", Kind::int64, "", 1};
    whole(battery, "battery", "%");
    number(temperature, "temperature", "Cel");
    number(humidity, "humidity", "%RH");
    number(pressure, "pressure", "Pa");
    number(illuminance, "illuminance", "lx");
    number(mass, "mass", "kg");
    number(dew_point, "dew_point", "Cel");
    whole(count, "count", "count");
    number(energy, "energy", "Wh");
    number(power, "power", "W");
    number(voltage, "voltage", "V");
    number(pm25, "pm25", "ug/m3");
    number(pm10, "pm10", "ug/m3");
    number(co2, "co2", "ppm");
    number(tvoc, "tvoc", "ug/m3");
    number(moisture, "moisture", "%");
    number(rotation, "rotation", "deg");
    number(distance, "distance", "m");
    number(duration, "duration", "s");
    number(current, "current", "A");
    number(speed, "speed", "m/s");
    number(uv_index, "uv_index", "");
    number(volume, "volume", "l");
    number(volume_flow, "volume_flow", "");  // m³/h, which SenML has not
    number(gas, "gas", "m3");
    number(water, "water", "l");
    whole(timestamp, "timestamp", "s");
    number(acceleration, "acceleration", "m/s2");
    number(gyroscope, "gyroscope", "");  // °/s
    number(volume_storage, "volume_storage", "l");
    number(conductivity, "conductivity", "S/m");
    number(direction, "direction", "deg");
    number(precipitation, "precipitation", "mm");
    whole(channel, "channel");
    number(rotational_speed, "rotational_speed", "1/min");
    whole(light_level, "light_level");
    whole(button, "button");
    whole(dimmer, "dimmer");
    whole(dimmer_steps, "dimmer_steps");
    fields[text] = {"text", Kind::string, "", most};
    fields[raw] = {"raw", Kind::bytes, "", most};
    whole(device_type, "device_type");
    fields[firmware] = {"firmware", Kind::string, "", 1};
    for (std::size_t i = 0; i < std::size(binaries); ++i) fields[first_binary + i] = {binaries[i], Kind::boolean, "", most};
    return fields;
}();

enum class As : std::uint8_t { number, boolean, text, raw, dimmer, firmware };

/// One kind of object. Units are turned into those of SenML: 0.01 hPa is 1 Pa, 0.001 kWh is 1 Wh.
struct Object {
    std::uint8_t id = 0;
    std::uint16_t field = 0;
    std::uint8_t size = 1;  ///< bytes; of text and raw the first says
    bool is_signed = false;
    Scale scale{};
    As as = As::number;
};
constexpr Object numbers[] = {
    {0x00, packet_id, 1},
    {0x01, battery, 1},
    {0x02, temperature, 2, true, {1, 100}},
    {0x03, humidity, 2, false, {1, 100}},
    {0x04, pressure, 3},
    {0x05, illuminance, 3, false, {1, 100}},
    {0x06, mass, 2, false, {1, 100}},
    {0x07, mass, 2, false, {45'359'237, 10'000'000'000}},  // pounds
    {0x08, dew_point, 2, true, {1, 100}},
    {0x09, count, 1},
    {0x0A, energy, 3},
    {0x0B, power, 3, false, {1, 100}},
    {0x0C, voltage, 2, false, {1, 1'000}},
    {0x0D, pm25, 2},
    {0x0E, pm10, 2},
    {0x12, co2, 2},
    {0x13, tvoc, 2},
    {0x14, moisture, 2, false, {1, 100}},
    {0x2E, humidity, 1},
    {0x2F, moisture, 1},
    {0x3A, button, 1},
    {0x3C, dimmer, 2, false, {}, As::dimmer},
    {0x3D, count, 2},
    {0x3E, count, 4},
    {0x3F, rotation, 2, true, {1, 10}},
    {0x40, distance, 2, false, {1, 1'000}},
    {0x41, distance, 2, false, {1, 10}},
    {0x42, duration, 3, false, {1, 1'000}},
    {0x43, current, 2, false, {1, 1'000}},
    {0x44, speed, 2, false, {1, 100}},
    {0x45, temperature, 2, true, {1, 10}},
    {0x46, uv_index, 1, false, {1, 10}},
    {0x47, volume, 2, false, {1, 10}},
    {0x48, volume, 2, false, {1, 1'000}},
    {0x49, volume_flow, 2, false, {1, 1'000}},
    {0x4A, voltage, 2, false, {1, 10}},
    {0x4B, gas, 3, false, {1, 1'000}},
    {0x4C, gas, 4, false, {1, 1'000}},
    {0x4D, energy, 4},
    {0x4E, volume, 4, false, {1, 1'000}},
    {0x4F, water, 4, false, {1, 1'000}},
    {0x50, timestamp, 4},
    {0x51, acceleration, 2, false, {1, 1'000}},
    {0x52, gyroscope, 2, false, {1, 1'000}},
    {0x53, text, 0, false, {}, As::text},
    {0x54, raw, 0, false, {}, As::raw},
    {0x55, volume_storage, 4, false, {1, 1'000}},
    {0x56, conductivity, 2, false, {1, 10'000}},  // µS/cm
    {0x57, temperature, 1, true},
    {0x58, temperature, 1, true, {35, 100}},
    {0x59, count, 1, true},
    {0x5A, count, 2, true},
    {0x5B, count, 4, true},
    {0x5C, power, 4, true, {1, 100}},
    {0x5D, current, 2, true, {1, 1'000}},
    {0x5E, direction, 2, false, {1, 100}},
    {0x5F, precipitation, 2, false, {1, 10}},
    {0x60, channel, 1},
    {0x61, rotational_speed, 2},
    {0x62, speed, 4, true, {1, 1'000'000}},
    {0x63, acceleration, 4, true, {1, 1'000'000}},
    {0x64, light_level, 1},
    {0xF0, device_type, 2},
    {0xF1, firmware, 4, false, {}, As::firmware},
    {0xF2, firmware, 3, false, {}, As::firmware},
};

constexpr std::uint8_t unknown = 0xFF;

constexpr auto objects = [] {
    std::array<Object, std::size(numbers) + std::size(binaries)> table{};
    std::copy(std::begin(numbers), std::end(numbers), table.begin());
    for (std::size_t i = 0; i < std::size(binaries); ++i)
        table[std::size(numbers) + i] = {binary_ids[i], static_cast<std::uint16_t>(first_binary + i), 1, false, {},
                                         As::boolean};
    return table;
}();
/// Object id → its place in the table.
constexpr auto places = [] {
    std::array<std::uint8_t, 256> by_id{};
    by_id.fill(unknown);
    for (std::size_t i = 0; i < objects.size(); ++i) by_id[objects[i].id] = static_cast<std::uint8_t>(i);
    return by_id;
}();

/// "4.2.1.0": the most significant byte, which comes last, first.
std::string version_text(base::ByteView data) {
    std::string version;
    for (std::size_t i = data.size(); i-- > 0;) version += fmt::format("{}{}", version.empty() ? "" : ".", data[i]);
    return version;
}

/// All that the objects say. Nothing: they cannot be.
bool take_objects(base::ByteView rest, Report& report) {
    std::array<std::uint8_t, all.size()> seen{};
    const auto add = [&](std::uint16_t field, Scalar value) {
        if (seen[field] < all[field].most) report.values.push_back({{field, seen[field]}, std::move(value)});
        ++seen[field];
    };
    while (!rest.empty()) {
        const std::uint8_t place = places[rest.front()];
        if (place == unknown) {  // a newer object, whose length nobody knows: what came before it counts
            report.why = fmt::format("object 0x{:02x} is not known, and what follows it is lost", rest.front());
            return true;
        }
        const Object& object = objects[place];
        rest = rest.subspan(1);
        std::size_t size = object.size;
        if (size == 0) {
            if (rest.empty()) return false;
            size = rest.front();
            rest = rest.subspan(1);
        }
        if (rest.size() < size) return false;
        const auto data = rest.first(size);
        rest = rest.subspan(size);
        switch (object.as) {
            case As::number: {
                const std::uint64_t bits = unsigned_of(data);
                const std::int64_t number =
                    object.is_signed ? signed_of(bits, 8U * object.size) : static_cast<std::int64_t>(bits);
                if (all[object.field].kind == Kind::float64)
                    add(object.field, object.scale(number));
                else
                    add(object.field, number);
                break;
            }
            case As::boolean:
                if (data[0] > 1) return false;
                add(object.field, data[0] == 1);
                break;
            case As::text:
                if (!base::is_utf8(base::as_text(data))) return false;
                add(object.field, std::string(base::as_text(data)));
                break;
            case As::raw: add(object.field, base::Bytes(data.begin(), data.end())); break;
            case As::dimmer:
                add(dimmer, std::int64_t{data[0]});
                add(dimmer_steps, std::int64_t{data[1]});
                break;
            case As::firmware: add(object.field, version_text(data)); break;
        }
    }
    return true;
}

class BtHome final : public Decoder {
public:
    std::string_view name() const override { return "bthome"; }
    std::span<const Field> fields() const override { return all; }
    std::optional<Uuid> service() const override { return service_uuid; }
    bool encrypts() const override { return true; }

    Report decode(const Advertisement& advertisement, const Security& security, Memory& memory) const override {
        const auto* bytes = advertisement.of_service(service_uuid);
        if (bytes == nullptr || bytes->empty()) return {};
        base::ByteView rest(*bytes);
        const std::uint8_t info = rest.front();
        rest = rest.subspan(1);
        if (info >> 5 != 2) return malformed(fmt::format("BTHome of version {}", info >> 5));
        Address address = advertisement.address;
        if ((info & 0x02) != 0) {
            if (rest.size() < 6) return malformed("BTHome without the address that it promises");
            std::reverse_copy(rest.begin(), rest.begin() + 6, address.bytes.begin());
            rest = rest.subspan(6);
        }
        if ((info & 0x01) != 0) return decrypted(rest, info, address, advertisement.at, security, memory);
        if (security.key) return {Outcome::not_encrypted, {}, "not encrypted, and the profile has a key"};
        Report report{Outcome::values, {}, {}};
        if (!take_objects(rest, report)) return malformed("BTHome objects that cannot be");
        if (const auto* id = packet(report);
            id != nullptr && is_repeat(memory, static_cast<std::uint32_t>(*id), advertisement.at))
            return {Outcome::repeat, {}, {}};
        return report;
    }

private:
    static const std::int64_t* packet(const Report& report) {
        for (const auto& value : report.values)
            if (value.field.field == packet_id) return std::get_if<std::int64_t>(&value.value);
        return nullptr;
    }

    static Report decrypted(base::ByteView rest, std::uint8_t info, const Address& address, base::Instant now,
                            const Security& security, Memory& memory) {
        if (rest.size() < 4 + tag_size) return malformed("encrypted BTHome, too short for counter and tag");
        if (!security.key) return {Outcome::no_key, {}, "encrypted, and the profile has no key"};
        const auto text = rest.first(rest.size() - 4 - tag_size);
        const auto counter = rest.subspan(text.size(), 4);
        const auto number = static_cast<std::uint32_t>(unsigned_of(counter));
        if (const auto judged = judge_counter(memory, number, security.replay, now); judged != Outcome::values)
            return {judged, {}, judged == Outcome::replayed ? fmt::format("counter {} after {}", number, *memory.replay) : ""};
        std::array<std::uint8_t, 13> nonce;
        std::copy(address.bytes.begin(), address.bytes.end(), nonce.begin());
        nonce[6] = 0xD2;
        nonce[7] = 0xFC;
        nonce[8] = info;
        std::copy(counter.begin(), counter.end(), nonce.begin() + 9);
        const auto plain = decrypt(*security.key, nonce, {}, text, rest.last(tag_size));
        if (!plain) return {Outcome::wrong_key, {}, "the key does not fit"};
        Report report{Outcome::values, {}, {}};
        if (!take_objects(*plain, report)) return malformed("BTHome objects that cannot be");
        note_authentic(memory, number, now);
        return report;
    }
};

}  // namespace

const Decoder& bthome() {
    static const BtHome decoder;
    return decoder;
}

}  // namespace adapters::ble
