#pragma once

#include "adapters/ble/decoder.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>

namespace adapters::ble {

inline base::Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

inline const Decoder& named(std::string_view name) {
    const auto& names = decoder_names();
    const auto found = std::find(names.begin(), names.end(), name);
    EXPECT_NE(found, names.end()) << name;
    return decoder(static_cast<std::size_t>(found - names.begin()));
}

/// One device, as a decoder hears it.
class Device {
public:
    explicit Device(std::string_view decoder, std::string_view address = "C4:7C:8D:00:00:01", std::string_view key = "")
        : decoder_(named(decoder)), address_(*Address::parse(address)) {
        if (key.empty()) return;
        security.key.emplace();
        const auto bytes = hex(key);
        std::copy_n(bytes.begin(), 16, security.key->begin());
    }
    Report company(std::uint16_t number, std::string_view data) {
        Advertisement advertisement;
        advertisement.manufacturer.emplace_back(number, hex(data));
        return hear(std::move(advertisement));
    }
    Report service(std::uint16_t number, const base::Bytes& data) {
        Advertisement advertisement;
        advertisement.service_data.emplace_back(Uuid::of(number), data);
        return hear(std::move(advertisement));
    }
    Report service(std::uint16_t number, std::string_view data) { return service(number, hex(data)); }

    /// The field's value as text, "-" for one that is not available, "" for one that was not said.
    std::string say(const Report& report, std::string_view field) const {
        const auto ref = decoder_.find(field);
        EXPECT_TRUE(ref) << field;
        for (const auto& value : report.values)
            if (ref && value.field == *ref) return text(value.value);
        return "";
    }
    static std::string text(const Scalar& value) {
        if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
        if (const auto* whole = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *whole);
        if (const auto* whole = std::get_if<std::uint64_t>(&value)) return fmt::format("{}", *whole);
        if (const auto* number = std::get_if<double>(&value)) return std::isnan(*number) ? "-" : fmt::format("{}", *number);
        if (const auto* words = std::get_if<std::string>(&value)) return *words;
        return base::to_hex(std::get<base::Bytes>(value));
    }

    Security security;
    Memory memory;
    base::Instant now = base::Instant{} + std::chrono::hours(1);

private:
    Report hear(Advertisement advertisement) {
        advertisement.address = address_;
        advertisement.at = now;
        now += std::chrono::seconds(1);
        return decoder_.decode(advertisement, security, memory);
    }
    const Decoder& decoder_;
    Address address_;
};

}  // namespace adapters::ble
