// Formats of the SIG's characteristics, each by bytes as its specification has them.
#include "adapters/ble/sig_format.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>

namespace adapters::ble {

namespace {

base::Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

std::string text_of(const Scalar& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
    if (const auto* whole = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *whole);
    if (const auto* number = std::get_if<double>(&value)) return std::isnan(*number) ? "-" : fmt::format("{}", *number);
    if (const auto* words = std::get_if<std::string>(&value)) return *words;
    return base::to_hex(std::get<base::Bytes>(value));
}

/// The value, "-" for not available, "" when the flags say that there is none, "!" when it cannot be.
std::string say(std::uint16_t number, std::string_view field, std::string_view bytes) {
    const auto* format = sig_format(Uuid::of(number));
    if (format == nullptr) return "no such format";
    const auto which = format->find(field);
    if (!which) return "no such field";
    const auto value = take(*format, *which, hex(bytes));
    if (!value) return "!";
    return *value ? text_of(**value) : "";
}

struct Vector {
    std::uint16_t uuid;
    std::string_view field, bytes, value;
};

constexpr Vector vectors[] = {
    {0x2A00, "text", "4C616D70", "Lamp"},
    {0x2A01, "value", "4005", "1344"},
    {0x2A06, "value", "02", "2"},
    {0x2A07, "power", "F4", "-12"},
    {0x2A08, "time", "E8070603 0F1E2D", "1717428645"},  // 2024-06-03 15:30:45
    {0x2A08, "time", "0000 0603 0F1E2D", "-"},
    {0x2A08, "time", "E807 021F 000000", "!"},  // 31 February
    {0x2A08, "time", "E807 0603 18 1E2D", "!"},
    {0x2A09, "value", "07", "7"},
    {0x2A0A, "time", "B2070101 000000 04", "0"},
    {0x2A0C, "fraction", "B2070101 000000 04 80", "0.5"},
    {0x2A0F, "zone", "04 04", "3600"},
    {0x2A0F, "zone", "80 04", "-"},
    {0x2A0F, "dst", "04 04", "3600"},
    {0x2A19, "level", "5D", "93"},
    {0x2A1D, "value", "02", "2"},
    {0x2A21, "interval", "3C00", "60"},
    {0x2A23, "organization", "0102030405 1A2B3C", "3943194"},
    {0x2A24, "text", "534831303000", "SH100"},
    {0x2A26, "text", "312E3400", "1.4"},
    {0x2A29, "text", "41636D65", "Acme"},
    {0x2A29, "text", "FFFE", "!"},
    {0x2A2B, "time", "E8070603 0F1E2D 01 80 00", "1717428645"},
    {0x2A2B, "reason", "E8070603 0F1E2D 01 80 02", "2"},
    {0x2A2C, "direction", "A00F", "40"},
    {0x2A38, "value", "01", "1"},
    {0x2A50, "product", "02 5E04 4002 0301", "576"},
    {0x2A6C, "elevation", "F0D8FF", "-100"},
    {0x2A6D, "pressure", "6A770F00", "101361"},
    {0x2A6D, "pressure", "6B770F00", "101361.1"},
    {0x2A6E, "temperature", "0CFE", "-5"},
    {0x2A6E, "temperature", "6608", "21.5"},
    {0x2A6E, "temperature", "0080", "-"},
    {0x2A6E, "temperature", "66", "!"},
    {0x2A6E, "temperature", "660800", "!"},
    {0x2A6F, "humidity", "8813", "50"},
    {0x2A6F, "humidity", "FFFF", "-"},
    {0x2A70, "speed", "D204", "12.34"},
    {0x2A71, "direction", "1027", "100"},
    {0x2A74, "factor", "0F", "1.5"},
    {0x2A75, "concentration", "A08601", "100000"},
    {0x2A76, "value", "07", "7"},
    {0x2A77, "irradiance", "7B03", "89.1"},
    {0x2A78, "rainfall", "7B00", "0.123"},
    {0x2A79, "temperature", "F6", "-10"},
    {0x2A7B, "temperature", "0C", "12"},
    {0x2A8E, "length", "B400", "1.8"},
    {0x2A98, "weight", "803E", "80"},
    {0x2AA0, "y", "0100 FEFF", "-2e-07"},
    {0x2AA1, "z", "0100 0200 E803", "0.0001"},
    {0x2AA3, "value", "01", "1"},
    {0x2AE2, "value", "01", "true"},
    {0x2AE2, "value", "02", "!"},
    {0x2AE9, "temperature", "8C0A", "2700"},
    {0x2AEA, "count", "3930", "12345"},
    {0x2AEA, "count", "FFFF", "-"},
    {0x2AEB, "count", "FFFFFF", "-"},
    {0x2AED, "date", "010000", "86400"},
    {0x2AED, "date", "000000", "-"},
    {0x2AEE, "current", "D204", "12.34"},
    {0x2AEE, "current", "FFFF", "-"},
    {0x2AEF, "maximum", "0A00 D204", "12.34"},
    {0x2AF0, "typical", "0A00 6400 D204", "1"},
    {0x2AF2, "energy", "393000", "12345000"},
    {0x2AF2, "energy", "FFFFFF", "-"},
    {0x2AFB, "illuminance", "393000", "123.45"},
    {0x2AFB, "illuminance", "FFFFFF", "-"},
    {0x2AFF, "flux", "2003", "800"},
    {0x2B01, "intensity", "0A00", "10"},
    {0x2B04, "percentage", "65", "50.5"},
    {0x2B04, "percentage", "FF", "-"},
    {0x2B05, "power", "393000", "1234.5"},
    {0x2B05, "power", "FFFFFF", "-"},
    {0x2B0D, "temperature", "2B", "21.5"},
    {0x2B0D, "temperature", "7F", "-"},
    {0x2B10, "minimum", "18FC 6608", "-10"},
    {0x2B12, "time", "0F", "1.5"},
    {0x2B14, "time", "100E00", "3600"},
    {0x2B15, "time", "DC0500", "1.5"},
    {0x2B16, "time", "3C00", "60"},
    {0x2B17, "time", "FF", "-"},
    {0x2B18, "voltage", "C000", "3"},
    {0x2B18, "voltage", "C100", "3.015625"},
    {0x2B18, "voltage", "FFFF", "-"},
    {0x2B19, "maximum", "0000 C000 4001", "5"},
    {0x2B1B, "flow", "0500", "5"},
    {0x2B8C, "concentration", "A401", "420"},
    {0x2B8C, "concentration", "FFFF", "-"},
    {0x2BD6, "concentration", "7B80", "1.23e-06"},  // 123 × 10^-8 kg/m³
    {0x2BD0, "concentration", "FF07", "-"},
    {0x2BD0, "concentration", "0008", "-"},
    {0x2BED, "power_state", "00 0102", "513"},
    {0x2BED, "level", "00 0102", ""},
    {0x2BED, "level", "02 0102 4B", "75"},
    {0x2BED, "level", "03 0102 0000 4B", "75"},
    // Health Thermometer Service: FLOAT, in Celsius or Fahrenheit, with time and place or without
    {0x2A1C, "temperature", "00 6E0100FF", "36.6"},
    {0x2A1C, "temperature", "01 DA0300FF", "37"},
    {0x2A1C, "temperature", "01 C00300FF", "35.5556"},
    {0x2A1C, "temperature", "00 FFFF7F00", "-"},
    {0x2A1C, "temperature", "00 00008000", "-"},
    {0x2A1C, "temperature", "00 02008000", "-"},
    {0x2A1C, "temperature", "00 9CFFFFFF", "-10"},
    {0x2A1C, "time", "00 6E0100FF", ""},
    {0x2A1C, "time", "02 6E0100FF E8070603 0F1E2D", "1717428645"},
    {0x2A1C, "type", "04 6E0100FF 02", "2"},
    {0x2A1C, "type", "06 6E0100FF E8070603 0F1E2D 03", "3"},
    {0x2A1C, "type", "04 6E0100FF", "!"},
    {0x2A1C, "temperature", "", "!"},
    {0x2A1E, "temperature", "00 6E0100FF", "36.6"},
    // Heart Rate Service
    {0x2A37, "rate", "00 48", "72"},
    {0x2A37, "rate", "01 2C01", "300"},
    {0x2A37, "contact", "00 48", ""},
    {0x2A37, "contact", "04 48", "false"},
    {0x2A37, "contact", "06 48", "true"},
    {0x2A37, "energy", "08 48 0500", "5000"},
    {0x2A37, "energy", "00 48", ""},
    {0x2A37, "rr_interval", "10 48 0004 0003", "1"},
    {0x2A37, "rr_interval", "18 48 0500 0003", "0.75"},
    {0x2A37, "rate", "01 2C", "!"},
    // Weight Scale Service
    {0x2A9D, "weight", "00 803E", "80"},
    {0x2A9D, "weight", "01 1027", "45.359237"},
    {0x2A9D, "weight", "00 FFFF", "-"},
    {0x2A9D, "bmi", "08 803E F700 0807", "24.7"},
    {0x2A9D, "height", "08 803E F700 0807", "1.8"},
    {0x2A9D, "height", "09 1027 F700 C502", "1.80086"},
    {0x2A9D, "user", "04 803E 03", "3"},
    {0x2A9D, "user", "04 803E FF", "-"},
    {0x2A9E, "value", "01000000", "1"},
    // Blood Pressure, Pulse Oximeter, Running and Cycling Services
    {0x2A35, "systolic", "00 7800 5000 5D00", "15998.6842"},
    {0x2A35, "diastolic", "01 1000 0B00 0C00", "11000"},
    {0x2A35, "pulse", "04 7800 5000 5D00 4600", "70"},
    {0x2A35, "pulse", "06 7800 5000 5D00 E8070603 0F1E2D 4600", "70"},
    {0x2A5F, "spo2", "00 6100 3C00", "97"},
    {0x2A5F, "spo2", "00 FF07 3C00", "-"},
    {0x2A53, "speed", "00 0003 5A", "3"},
    {0x2A53, "distance", "02 0003 5A E8030000", "100"},
    {0x2A53, "running", "04 0003 5A", "true"},
    {0x2A5B, "crank_turns", "03 01000000 0004 0500 0008", "5"},
    {0x2A5B, "crank_time", "02 0500 0008", "2"},
};

TEST(SigFormat, EveryVectorSaysWhatItMeans) {
    for (const auto& [uuid, field, bytes, value] : vectors)
        EXPECT_EQ(say(uuid, field, bytes), value) << fmt::format("0x{:04X} {} {}", uuid, field, bytes);
}

TEST(SigFormat, ManyAreKnownAndMostAreTried) {
    std::set<std::uint16_t> tried;
    for (const auto& vector : vectors) tried.insert(vector.uuid);
    EXPECT_GE(sig_formats().size(), 90U);
    EXPECT_GE(tried.size(), 60U);
    EXPECT_EQ(sig_format(Uuid::of(0x2A05)), nullptr);
    EXPECT_EQ(sig_format(*Uuid::parse("5a1f0001-3c6e-4b21-9d5a-0c0ffee00001")), nullptr);
}

TEST(SigFormat, TheReadmeListsThemAll) {
    std::ostringstream readme;
    readme << std::ifstream("adapters/ble/README.md").rdbuf();
    const auto text = readme.str();
    ASSERT_FALSE(text.empty()) << "run from the project's root";
    for (const auto& format : sig_formats()) {
        const auto row = text.find(fmt::format("| 0x{:04X} | {} | ", format.uuid, format.name));
        ASSERT_NE(row, std::string::npos) << format.name;
        const auto line = text.substr(row, text.find('\n', row) - row);
        for (const auto& field : format.fields)
            EXPECT_NE(line.find(fmt::format("`{}`", field.name)), std::string::npos) << format.name << " " << field.name;
    }
    for (std::size_t i = 0; i < decoder_names().size(); ++i) {
        const auto row = text.find(fmt::format("| `{}` | ", decoder_names()[i]));
        ASSERT_NE(row, std::string::npos) << decoder_names()[i];
        const auto line = text.substr(row, text.find('\n', row) - row);
        for (const auto& field : decoder(i).fields())
            EXPECT_NE(line.find(fmt::format("`{}`{}{}", field.name, field.unit.empty() ? "" : " ", field.unit)),
                      std::string::npos)
                << decoder_names()[i] << " " << field.name;
    }
}

/// Bytes that each field can have, so that a value can go out and come back.
TEST(SigFormat, WhatIsWrittenReadsBack) {
    std::size_t written = 0;
    for (const auto& [uuid, field, bytes, value] : vectors) {
        const auto& format = *sig_format(Uuid::of(uuid));
        const auto which = *format.find(field);
        if (value == "-" || value == "!" || value == "" || !format.writable(which)) continue;
        const auto present = hex(bytes);
        const auto scalar = take(format, which, present);
        ASSERT_TRUE(scalar && *scalar);
        const auto out = put(format, which, **scalar, present);
        ASSERT_TRUE(out) << format.name << ": " << out.error().message;
        const auto again = take(format, which, *out);
        ASSERT_TRUE(again && *again) << format.name;
        EXPECT_EQ(text_of(**again), value) << format.name;
        if (format.fields[which].type != SigType::text) {
            EXPECT_EQ(*out, present) << format.name;
        }
        ++written;
    }
    EXPECT_GT(written, 60U);
}

base::Result<base::Bytes> write(std::uint16_t number, std::string_view field, const Scalar& value,
                                std::string_view present = "") {
    const auto& format = *sig_format(Uuid::of(number));
    return put(format, *format.find(field), value, hex(present));
}

TEST(SigFormat, AWriteOfOneFieldKeepsTheOthers) {
    EXPECT_EQ(write(0x2AEF, "maximum", 10.0, "0A00 D204"), hex("0A00E803"));
    EXPECT_EQ(write(0x2A0F, "dst", std::int64_t{3600}, "04 00"), hex("0404"));
    EXPECT_FALSE(write(0x2AEF, "maximum", 10.0, "0A00 D2"));
    EXPECT_EQ(write(0x2A2B, "time", std::int64_t{1717428645}, "B2070101 000000 04 80 02"), hex("E80706030F1E2D018002"));
}

TEST(SigFormat, WhatDoesNotFitIsNotWritten) {
    EXPECT_EQ(write(0x2A21, "interval", std::int64_t{60}), hex("3C00"));
    EXPECT_EQ(write(0x2A21, "interval", 60.0), hex("3C00"));
    EXPECT_EQ(write(0x2A21, "interval", std::int64_t{65536}).error().code, base::Errc::bad_request);
    EXPECT_EQ(write(0x2A21, "interval", std::int64_t{-1}).error().code, base::Errc::bad_request);
    EXPECT_EQ(write(0x2A21, "interval", std::string("60")).error().code, base::Errc::bad_request);
    EXPECT_EQ(write(0x2A6E, "temperature", 327.68).error().code, base::Errc::bad_request);
    EXPECT_EQ(write(0x2A6E, "temperature", -327.68).error().code, base::Errc::bad_request) << "that would say 'not known'";
    EXPECT_EQ(write(0x2A6E, "temperature", not_available()).error().code, base::Errc::bad_request);
    EXPECT_EQ(write(0x2A6E, "temperature", -5.0), hex("0CFE"));
    EXPECT_EQ(write(0x2A00, "text", std::string(513, 'x')).error().code, base::Errc::bad_request);
    EXPECT_EQ(write(0x2A08, "time", 1e18).error().code, base::Errc::bad_request);
    EXPECT_EQ(write(0x2A37, "rate", std::int64_t{60}).error().code, base::Errc::not_allowed);
    EXPECT_EQ(write(0x2BD6, "concentration", 1e-6).error().code, base::Errc::not_allowed);
}

TEST(SigFormat, TimesGoThereAndBackOverAllYears) {
    const auto& format = *sig_format(Uuid::of(0x2A08));
    for (std::int64_t second = -12'219'292'800; second < 253'402'300'799; second += 86'399 * 97) {
        const auto bytes = put(format, 0, second, {});
        ASSERT_TRUE(bytes) << second;
        const auto back = take(format, 0, *bytes);
        ASSERT_TRUE(back && *back) << second;
        ASSERT_EQ(std::get<std::int64_t>(**back), second);
    }
}

TEST(SigFormat, AnyBytesOfAnyLengthAreTakenOrRefused) {
    std::uint64_t state = 7;
    for (const auto& format : sig_formats())
        for (std::size_t length = 0; length < 24; ++length)
            for (int round = 0; round < 20; ++round) {
                base::Bytes bytes(length);
                for (auto& byte : bytes) {
                    state = state * 6364136223846793005U + 1442695040888963407U;
                    byte = static_cast<std::uint8_t>(state >> 33);
                }
                for (std::uint16_t field = 0; field < format.fields.size(); ++field) {
                    const auto value = take(format, field, bytes);
                    if (!value) {
                        EXPECT_EQ(value.error().code, base::Errc::malformed);
                    }
                }
            }
}

}  // namespace

}  // namespace adapters::ble
