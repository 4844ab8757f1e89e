// Apple's "Proximity Beacon Specification" (release R1).
#include "adapters/ble/decoders.hpp"
#include "adapters/ble/scaled.hpp"

namespace adapters::ble {

namespace {

constexpr std::uint16_t company_number = 0x004C;
constexpr std::size_t size = 23;

enum : std::uint16_t { uuid, major, minor, tx_power };
constexpr Field all[] = {{"uuid", Kind::string, ""},
                         {"major", Kind::int64, ""},
                         {"minor", Kind::int64, ""},
                         {"tx_power", Kind::int64, "dBm"}};  // at one metre
constexpr Placed table[] = {{major, 18, 2}, {minor, 20, 2}, {tx_power, 22, 1, true}};

class IBeacon final : public Decoder {
public:
    std::string_view name() const override { return "ibeacon"; }
    std::span<const Field> fields() const override { return all; }
    std::optional<std::uint16_t> company() const override { return company_number; }
    Report decode(const Advertisement& advertisement, const Security&, Memory&) const override {
        const auto* data = advertisement.of_company(company_number);
        if (data == nullptr || data->size() < 2 || (*data)[0] != 0x02 || (*data)[1] != 0x15) return {};
        if (data->size() != size) return malformed(fmt::format("an iBeacon with {} bytes instead of {}", data->size(), size));
        Report report{Outcome::values, {}, {}};
        report.values.reserve(std::size(all));
        report.values.push_back({{uuid, 0}, Uuid::of_bytes(base::ByteView(*data).subspan<2, 16>()).str()});
        take_all(table, *data, all, report.values);
        return report;
    }
};

}  // namespace

const Decoder& ibeacon() {
    static const IBeacon decoder;
    return decoder;
}

}  // namespace adapters::ble
