// What one report, or one value of a characteristic, costs: from bytes to the values of a device's points. Prints a table.
#include "adapters/ble/beacon.hpp"
#include "adapters/ble/gatt_value.hpp"
#include "config/yaml_reader.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

namespace {

using namespace adapters::ble;

struct Case {
    std::string_view name, section;
    std::vector<std::string_view> points;
    std::string_view source;  // "manufacturer:0499", "service:fcd2"; "": a characteristic
    std::string_view data, address;
    bool again = false;  // the same report once more
};

const std::vector<Case> cases{
    {"RuuviTag 5",
     "{decode: ruuvi-5}",
     {"temperature", "humidity", "pressure", "battery_voltage"},
     "manufacturer:0499",
     "0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F",
     "CB:B8:33:4C:88:4F"},
    {"RuuviTag 5, a repeat",
     "{decode: ruuvi-5}",
     {"temperature", "humidity", "pressure", "battery_voltage"},
     "manufacturer:0499",
     "0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F",
     "CB:B8:33:4C:88:4F",
     true},
    {"RuuviTag 3",
     "{decode: ruuvi-3}",
     {"temperature", "humidity", "pressure", "battery_voltage"},
     "manufacturer:0499",
     "03291A1ECE1EFC18F94202CA0B53",
     "CB:B8:33:4C:88:4F"},
    {"BTHome",
     "{decode: bthome}",
     {"temperature", "humidity", "battery"},
     "service:fcd2",
     "40016102CA0903BF13",
     "54:48:E6:8F:80:A5"},
    {"BTHome, encrypted",
     "{decode: bthome, key: 231d39c1d7cc1ab1aee224cd096db932}",
     {"temperature", "humidity", "battery"},
     "service:fcd2",
     "41A47266C95F730011223378237214",
     "54:48:E6:8F:80:A5"},
    {"BTHome, wrong key",
     "{decode: bthome, key: 331d39c1d7cc1ab1aee224cd096db932}",
     {"temperature", "humidity", "battery"},
     "service:fcd2",
     "41A47266C95F730011223378237214",
     "54:48:E6:8F:80:A5"},
    {"MiBeacon",
     "{decode: mibeacon}",
     {"temperature", "humidity", "battery"},
     "service:fe95",
     "50305b05034c94b438c1a40d10041001ea01",
     "A4:C1:38:B4:94:4C"},
    {"MiBeacon, encrypted",
     "{decode: mibeacon, key: e9ea895fac7cca6d30532432a516f3a8}",
     {"temperature", "humidity", "battery"},
     "service:fe95",
     "58585b0550f4830238c1a495ef58763c26000097e2abb5",
     "A4:C1:38:02:83:F4"},
    {"Eddystone TLM",
     "{decode: eddystone}",
     {"temperature", "battery_voltage", "uptime"},
     "service:feaa",
     "20000BB815800000010200000E10",
     "C4:7C:8D:00:00:01"},
    {"iBeacon",
     "{decode: ibeacon}",
     {"uuid", "major", "minor"},
     "manufacturer:004c",
     "0215E2C56DB5DFFB48D2B060D0F5A71096E000010203C5",
     "C4:7C:8D:00:00:01"},
    {"own bytes (PVVX)",
     "{service: 0x181A, length: 15, counter: {at: service:13}}",
     {"{at: service:6, type: int16}", "{at: service:8, type: uint16}", "{at: service:10, type: uint16}", "{at: service:12}"},
     "service:181a",
     "56341238C1A466088813B80B640504",
     "A4:C1:38:12:34:56"},
    {"nothing of ours",
     "{decode: bthome}",
     {"temperature", "humidity", "battery"},
     "manufacturer:004c",
     "1005031C0B4D2A",
     "C4:7C:8D:00:00:01"},
    {"0x2A6E Temperature", "", {"{char: 0x181A/0x2A6E}"}, "", "6608", ""},
    {"0x2A37 Heart Rate", "", {"{char: 0x180D/0x2A37}"}, "", "1E4805000003", ""},
    {"0x2A1C Temperature Measurement", "", {"{char: 0x1809/0x2A1C}"}, "", "066E0100FFE80706030F1E2D02", ""},
    {"own characteristic, uint16", "", {"{char: 0x1234/0x1235, type: uint16}"}, "", "3C00", ""},
};

Shape make(const Case& one) {
    base::Diagnostics diagnostics;
    std::string order;
    const auto section = config::read_yaml(one.section.empty() ? "{}" : std::string(one.section), "section", diagnostics);
    base::Fields fields(*section, "section", diagnostics);
    Shape shape = read_shape("bench/bench@1", &fields, diagnostics, order).value();
    for (const auto text : one.points) {
        const std::string keys = text.front() == '{' ? std::string(text) : fmt::format("{{field: {}}}", text);
        const auto node = config::read_yaml(keys, "point", diagnostics);
        base::Fields point(*node, "point", diagnostics);
        shape.points.push_back(read_point(shape, order, point, nullptr, {true, false}).value());
    }
    return shape;
}

Advertisement report_of(const Case& one) {
    Advertisement advertisement;
    advertisement.address = Address::parse(one.address).value();
    advertisement.at = base::Instant{} + std::chrono::hours(1);
    auto data = base::from_hex(one.data).value();
    const auto number = Uuid::parse(one.source.substr(one.source.find(':') + 1)).value();
    if (one.source.starts_with("service"))
        advertisement.service_data.emplace_back(number, std::move(data));
    else
        advertisement.manufacturer.emplace_back(number.short_form().value(), std::move(data));
    return advertisement;
}

template <class Work>
double nanoseconds(Work work) {
    constexpr int rounds = 7, calls = 50'000;
    double best = 1e18;
    for (int round = 0; round < rounds; ++round) {
        const auto begin = std::chrono::steady_clock::now();
        for (int i = 0; i < calls; ++i) work();
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
        best = std::min(best, took.count() / calls);
    }
    return best;
}

}  // namespace

int main() {
    std::size_t values = 0;  // what comes out is used, so that nothing is left out
    fmt::print("{:<32}{:>7}{:>8}{:>12}{:>8}\n", "one report", "bytes", "points", "outcome", "ns");
    for (const Case& one : cases) {
        const Shape shape = make(one);
        if (one.source.empty()) {
            const auto bytes = base::from_hex(one.data).value();
            const auto& point = shape.points.front();
            const bool good = value_of(point, bytes).has_value();
            const double ns = nanoseconds([&] { values += value_of(point, bytes).has_value() ? 1U : 0U; });
            fmt::print("{:<32}{:>7}{:>8}{:>12}{:>8.0f}\n", one.name, bytes.size(), 1, good ? "value" : "malformed", ns);
            continue;
        }
        const auto report = report_of(one);
        Memory heard;
        auto outcome = hear(shape, report, heard).outcome;
        if (one.again) outcome = hear(shape, report, heard).outcome;
        const double ns = nanoseconds([&] {
            Memory memory = one.again ? heard : Memory{};
            values += hear(shape, report, memory).values.size();
        });
        fmt::print("{:<32}{:>7}{:>8}{:>12}{:>8.0f}\n", one.name, one.data.size() / 2, one.points.size(), name(outcome), ns);
    }
    std::fprintf(stderr, "%zu values\n", values);
    return 0;
}
