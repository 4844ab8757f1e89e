// Google's "Eddystone Protocol Specification": UID, URL, plain TLM and EID frames.
#include "adapters/ble/decoders.hpp"
#include "adapters/ble/scaled.hpp"

namespace adapters::ble {

namespace {

constexpr Uuid service_uuid = Uuid::of(0xFEAA);

enum : std::uint16_t { tx_power, name_space, instance, url, ephemeral, battery, temperature, count, uptime };
constexpr Field all[] = {{"tx_power", Kind::int64, "dBm"},  // at no distance
                         {"namespace", Kind::string, ""},
                         {"instance", Kind::string, ""},
                         {"url", Kind::string, ""},
                         {"ephemeral_id", Kind::string, ""},
                         {"battery_voltage", Kind::float64, "V"},
                         {"temperature", Kind::float64, "Cel"},
                         {"advertisement_count", Kind::int64, "count"},
                         {"uptime", Kind::float64, "s"}};
constexpr Placed telemetry[] = {{battery, 2, 2, false, {1, 1'000}, 0},
                                {temperature, 4, 2, true, {1, 256}, -0x8000},
                                {count, 6, 4},
                                {uptime, 10, 4, false, {1, 10}}};
constexpr Placed power[] = {{tx_power, 1, 1, true}};

constexpr std::string_view schemes[] = {"http://www.", "https://www.", "http://", "https://"};
constexpr std::string_view endings[] = {".com/", ".org/", ".edu/", ".net/", ".info/", ".biz/", ".gov/",
                                        ".com",  ".org",  ".edu",  ".net",  ".info",  ".biz",  ".gov"};

Report with_power(base::ByteView data) {
    Report report{Outcome::values, {}, {}};
    take_all(power, data, all, report.values);
    return report;
}

Report uid_frame(base::ByteView data) {
    if (data.size() != 18 && data.size() != 20)  // two reserved bytes at the end may be left out
        return malformed(fmt::format("an Eddystone UID with {} bytes", data.size()));
    auto report = with_power(data);
    report.values.push_back({{name_space, 0}, base::to_hex(data.subspan(2, 10))});
    report.values.push_back({{instance, 0}, base::to_hex(data.subspan(12, 6))});
    return report;
}

Report url_frame(base::ByteView data) {
    if (data.size() < 4 || data.size() > 20 || data[2] >= std::size(schemes))
        return malformed("an Eddystone URL that cannot be");
    std::string text(schemes[data[2]]);
    for (const std::uint8_t byte : data.subspan(3)) {
        if (byte < std::size(endings))
            text += endings[byte];
        else if (byte > 0x20 && byte < 0x7F)
            text += static_cast<char>(byte);
        else
            return malformed("an Eddystone URL with a byte that no address has");
    }
    auto report = with_power(data);
    report.values.push_back({{url, 0}, std::move(text)});
    return report;
}

Report telemetry_frame(base::ByteView data, Memory& memory, base::Instant now) {
    if (data.size() < 2) return malformed("an Eddystone TLM without version");
    if (data[1] == 1) return {Outcome::no_key, {}, "encrypted Eddystone TLM: such beacons are not read"};
    if (data[1] != 0 || data.size() != 14)
        return malformed(fmt::format("an Eddystone TLM of version {} with {} bytes", data[1], data.size()));
    if (is_repeat(memory, static_cast<std::uint32_t>(unsigned_of(data.subspan(6, 4), true)), now))
        return {Outcome::repeat, {}, {}};
    Report report{Outcome::values, {}, {}};
    take_all(telemetry, data, all, report.values);
    return report;
}

class Eddystone final : public Decoder {
public:
    std::string_view name() const override { return "eddystone"; }
    std::span<const Field> fields() const override { return all; }
    std::optional<Uuid> service() const override { return service_uuid; }
    Report decode(const Advertisement& advertisement, const Security&, Memory& memory) const override {
        const auto* bytes = advertisement.of_service(service_uuid);
        if (bytes == nullptr || bytes->empty()) return {};
        const base::ByteView data(*bytes);
        switch (data[0]) {
            case 0x00: return uid_frame(data);
            case 0x10: return url_frame(data);
            case 0x20: return telemetry_frame(data, memory, advertisement.at);
            case 0x30: {
                if (data.size() != 10) return malformed(fmt::format("an Eddystone EID with {} bytes", data.size()));
                auto report = with_power(data);
                report.values.push_back({{ephemeral, 0}, base::to_hex(data.subspan(2))});
                return report;
            }
            default: return malformed(fmt::format("an Eddystone frame of type 0x{:02x}", data[0]));
        }
    }
};

}  // namespace

const Decoder& eddystone() {
    static const Eddystone decoder;
    return decoder;
}

}  // namespace adapters::ble
