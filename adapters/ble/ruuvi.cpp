// Formats 3 and 5 of the RuuviTag: docs.ruuvi.com, "Data format 3 (RAWv1)" and "Data format 5 (RAWv2)".
#include "adapters/ble/decoders.hpp"
#include "adapters/ble/scaled.hpp"

namespace adapters::ble {

namespace {

constexpr std::uint16_t company_number = 0x0499;
constexpr std::size_t size_3 = 14, size_5 = 24;
constexpr Scale acceleration{980'665, 100'000'000};  // thousandths of g in m/s²

enum : std::uint16_t { temperature, humidity, pressure, x, y, z, battery, tx_power, movements, sequence, mac };
constexpr Field fields_of_5[] = {{"temperature", Kind::float64, "Cel"},
                                 {"humidity", Kind::float64, "%RH"},
                                 {"pressure", Kind::float64, "Pa"},
                                 {"acceleration_x", Kind::float64, "m/s2"},
                                 {"acceleration_y", Kind::float64, "m/s2"},
                                 {"acceleration_z", Kind::float64, "m/s2"},
                                 {"battery_voltage", Kind::float64, "V"},
                                 {"tx_power", Kind::int64, "dBm"},
                                 {"movement_counter", Kind::int64, "count"},
                                 {"measurement_sequence", Kind::int64, ""},
                                 {"mac", Kind::string, ""}};
constexpr std::span<const Field> fields_of_3(fields_of_5, 7);

constexpr Placed table_3[] = {{humidity, 1, 1, false, {5, 10}}, {pressure, 4, 2, false, {1, 1, 50'000}},
                              {x, 6, 2, true, acceleration},    {y, 8, 2, true, acceleration},
                              {z, 10, 2, true, acceleration},   {battery, 12, 2, false, {1, 1'000}}};
constexpr Placed table_5[] = {{temperature, 1, 2, true, {5, 1'000}, -0x8000},
                              {humidity, 3, 2, false, {25, 10'000}, 0xFFFF},
                              {pressure, 5, 2, false, {1, 1, 50'000}, 0xFFFF},
                              {x, 7, 2, true, acceleration, -0x8000},
                              {y, 9, 2, true, acceleration, -0x8000},
                              {z, 11, 2, true, acceleration, -0x8000},
                              {battery, 13, 2, false, {1, 1'000, 1'600}, 0x7FF, 5, 11},
                              {tx_power, 13, 2, false, {2, 1, -40}, 0x1F, 0, 5},
                              {movements, 15, 1, false, {}, 0xFF},
                              {sequence, 16, 2, false, {}, 0xFFFF}};

/// Null when the report is not of that format.
const base::Bytes* data_of(const Advertisement& advertisement, std::uint8_t format) {
    const auto* data = advertisement.of_company(company_number);
    return data != nullptr && !data->empty() && data->front() == format ? data : nullptr;
}

class Ruuvi3 final : public Decoder {
public:
    std::string_view name() const override { return "ruuvi-3"; }
    std::span<const Field> fields() const override { return fields_of_3; }
    std::optional<std::uint16_t> company() const override { return company_number; }
    Report decode(const Advertisement& advertisement, const Security&, Memory&) const override {
        const auto* data = data_of(advertisement, 3);
        if (data == nullptr) return {};
        if (data->size() != size_3) return malformed(fmt::format("format 3 with {} bytes instead of {}", data->size(), size_3));
        Report report{Outcome::values, {}, {}};
        report.values.reserve(fields_of_3.size());
        // Sign and whole degrees, then hundredths: no two's complement.
        const int whole = (*data)[2] & 0x7F, hundredths = (*data)[3];
        if (hundredths > 99) return malformed(fmt::format("format 3 with {} hundredths of a degree", hundredths));
        const Scale hundredth{(*data)[2] & 0x80 ? -1 : 1, 100};
        report.values.push_back({{temperature, 0}, hundredth(whole * 100 + hundredths)});
        take_all(table_3, *data, fields_of_3, report.values);
        return report;
    }
};

class Ruuvi5 final : public Decoder {
public:
    std::string_view name() const override { return "ruuvi-5"; }
    std::span<const Field> fields() const override { return fields_of_5; }
    std::optional<std::uint16_t> company() const override { return company_number; }
    Report decode(const Advertisement& advertisement, const Security&, Memory& memory) const override {
        const auto* data = data_of(advertisement, 5);
        if (data == nullptr) return {};
        if (data->size() != size_5) return malformed(fmt::format("format 5 with {} bytes instead of {}", data->size(), size_5));
        const auto count = static_cast<std::uint32_t>(unsigned_of(base::ByteView(*data).subspan(16, 2), true));
        if (count != 0xFFFF && is_repeat(memory, count, advertisement.at)) return {Outcome::repeat, {}, {}};
        Report report{Outcome::values, {}, {}};
        report.values.reserve(std::size(fields_of_5));
        take_all(table_5, *data, fields_of_5, report.values);
        Address address;
        std::copy(data->begin() + 18, data->end(), address.bytes.begin());
        const bool said = address.number() != 0xFFFF'FFFF'FFFF;
        report.values.push_back({{mac, 0}, said ? Scalar(address.str()) : not_available()});
        return report;
    }
};

}  // namespace

const Decoder& ruuvi_3() {
    static const Ruuvi3 decoder;
    return decoder;
}

const Decoder& ruuvi_5() {
    static const Ruuvi5 decoder;
    return decoder;
}

}  // namespace adapters::ble
