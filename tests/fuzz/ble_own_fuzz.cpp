// Own beacons, rules and characteristics: any report and any value, by profiles that use every key.
#include "adapters/ble/discovery.hpp"
#include "adapters/ble/replay.hpp"
#include "adapters/ble/sig_format.hpp"
#include "config/yaml_reader.hpp"
#include "tests/fakes/paper_ble.hpp"

#include <cstdlib>

using namespace adapters::ble;

namespace {

struct Type {
    Shape shape;
    std::string order;
};

Type make(const char* section, std::initializer_list<const char*> points) {
    base::Diagnostics diagnostics;
    Type type;
    const auto node = config::read_yaml(section, "ble", diagnostics).value();
    base::Fields fields(node, "section", diagnostics);
    type.shape = read_shape("x/y@1", &fields, diagnostics, type.order).value();
    for (const auto* text : points) {
        const auto keys = config::read_yaml(text, "point", diagnostics).value();
        base::Fields point(keys, "point", diagnostics);
        type.shape.points.push_back(read_point(type.shape, type.order, point, nullptr, {true, true}).value());
    }
    return type;
}

Type make_beacon() {
    base::Diagnostics diagnostics;
    Type type = make("{company: 0xFFFF, service: 0x181A, starts_with: A1, counter: {at: manufacturer:1}}", {});
    for (const auto* text :
         {"{at: manufacturer:2}", "{at: manufacturer:3, type: int16}", "{at: service:6, type: float32}",
          "{at: manufacturer:4, type: string}", "{at: service:1, type: bytes, length: 3}", "{field: rssi}"}) {
        const auto keys = config::read_yaml(text, "point", diagnostics).value();
        base::Fields point(keys, "point", diagnostics);
        type.shape.points.push_back(read_point(type.shape, type.order, point, nullptr, {true, false}).value());
    }
    return type;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto beacon = make_beacon();
    static const auto gatt = make(
        "{connect: stay}", {"{char: 1234/1235, type: uint16, at: byte:1}", "{char: 1234/1235, type: uint8, bits: [1, 4]}",
                            "{char: 1234/1235}", "{char: 1234/1235, type: string}", "{char: 0x1805/0x2A2B}",
                            "{char: 0x181A/0x2A6E}", "{char: 0x1800/0x2A00}", "{char: 1234/1235, type: float32, order: big}"});
    static const auto rule = [] {
        base::Diagnostics diagnostics;
        const auto node =
            config::read_yaml("{match: {name: \"A*?\", company: 0xFFFF, rssi: -90}}", "rule", diagnostics).value();
        base::Fields fields(node, "rule", diagnostics);
        return read_rule(fields).value();
    }();
    const base::ByteView input(data, size);
    const base::ByteView head = input.first(std::min<std::size_t>(size, 40)), tail = input.subspan(head.size());

    Advertisement advertisement;
    advertisement.name = std::string(base::as_text(head));
    advertisement.rssi = std::int16_t{-60};
    advertisement.manufacturer.emplace_back(0xFFFF, base::Bytes(head.begin(), head.end()));
    advertisement.service_data.emplace_back(Uuid::of(0x181A), base::Bytes(tail.begin(), tail.end()));
    Memory memory;
    for (const auto& [index, value] : hear(beacon.shape, advertisement, memory).values)
        if (index >= beacon.shape.points.size()) std::abort();
    matches(rule, advertisement);
    if (found(advertisement).note.size() > 200) std::abort();

    for (const auto& point : gatt.shape.points) {
        const auto value = value_of(point, input);
        if (!value || !*value || !point.access.write) continue;
        if (point.bits) continue;  // its own bits only
        const auto bytes = bytes_of(point, **value, input);
        if (!bytes) continue;
        const auto again = value_of(point, *bytes);
        if (!again || !*again) std::abort();
        const auto* number = std::get_if<double>(&**value);
        if (number == nullptr && point.kind != adapters::Kind::string && **again != **value) std::abort();
    }
    for (const auto& format : sig_formats())
        for (std::uint16_t field = 0; field < format.fields.size(); ++field) {
            const auto value = take(format, field, input);
            if (value && *value && format.writable(field)) (void)put(format, field, **value, input);
        }
    const std::string text(base::as_text(input));
    if (const auto uuid = Uuid::parse(text); uuid && Uuid::parse(uuid->str()) != uuid) std::abort();
    if (const auto address = Address::parse(text); address && Address::parse(address->str()) != address) std::abort();
    ReplayBook book;
    book.recall({{"replay 00", text}});
    return 0;
}
