#include "tests/unit/modbus/stage.hpp"

namespace adapters::modbus {
namespace {

std::string complaints(const std::string& link) {
    Stage stage(link);
    return stage.diagnostics.str();
}

TEST(Link, GoesWhereItsAddressSays) {
    const std::pair<const char*, const char*> table[] = {
        {"modbus: tcp://192.0.2.10", "tcp 192.0.2.10:502"},
        {"modbus: tcp://192.0.2.10:1502", "tcp 192.0.2.10:1502"},
        {"modbus: \"tcp://[2001:db8::1]\"", "tcp [2001:db8::1]:502"},
        {"modbus: \"tcp://[2001:db8::1]:5020\"", "tcp [2001:db8::1]:5020"},
        {"modbus: tcp://meter.example", "tcp meter.example:502"},
        {"modbus: rtu:/dev/ttyUSB0", "rtu /dev/ttyUSB0 9600 8N1"},
        {"{modbus: rtu:/dev/ttyUSB0, line: 19200 8E1}", "rtu /dev/ttyUSB0 19200 8E1"},
        {"{modbus: rtu:/dev/ttyUSB0, line: 115200 8O2, timeout: 200ms, pause: 5ms, connections: 1}",
         "rtu /dev/ttyUSB0 115200 8O2"},
    };
    for (const auto& [link, where] : table) {
        Stage stage(link);
        ASSERT_TRUE(stage.adapter) << stage.diagnostics.str();
        EXPECT_EQ(stage.adapter->where(), where);
        EXPECT_EQ(stage.diagnostics.str(), "");
    }
}

TEST(Link, SaysWhatIsWrongAndWhatToDo) {
    const std::pair<const char*, const char*> table[] = {
        {"{timeout: 1s}",
         "gateway.yaml:1:1: link 'bus': 'modbus' is missing; write tcp://HOST, rtu:/dev/DEVICE, rtu+tcp://HOST:PORT, "
         "tls://HOST or dial-in://ADDRESS:PORT\n"},
        {"modbus: tcp://",
         "gateway.yaml:1:9: link 'bus': 'tcp://' is no address; write tcp://192.0.2.10, tcp://[2001:db8::1] or "
         "tcp://meter.example, with "
         ":PORT when it is not 502\n"},
        {"modbus: tcp://host:0",
         "gateway.yaml:1:9: link 'bus': 'tcp://host:0' is no address; write tcp://192.0.2.10, tcp://[2001:db8::1] or "
         "tcp://meter.example, "
         "with :PORT when it is not 502\n"},
        {"modbus: udp://192.0.2.20",
         "gateway.yaml:1:9: link 'bus': 'udp://192.0.2.20' is a transport that this version does not speak; write tcp://HOST, "
         "rtu:/dev/DEVICE, rtu+tcp://HOST:PORT, tls://HOST or dial-in://ADDRESS:PORT\n"},
        {"modbus: rtu:ttyUSB0",
         "gateway.yaml:1:9: link 'bus': 'rtu:ttyUSB0' names no device file; write its whole path: rtu:/dev/serial/by-id/…\n"},
        {"modbus: 192.0.2.10",
         "gateway.yaml:1:9: link 'bus': '192.0.2.10' is no Modbus link; write tcp://HOST, rtu:/dev/DEVICE, "
         "rtu+tcp://HOST:PORT, tls://HOST or dial-in://ADDRESS:PORT\n"},
        {"{modbus: rtu:/dev/ttyS0, line: 19201 8E1}",
         "gateway.yaml:1:32: link 'bus': '19201 8E1' is no line setting; write speed, 8, parity N, E or O and stop bits 1 or "
         "2: \"19200 8E1\"\n"},
        {"{modbus: rtu:/dev/ttyS0, line: 19200 7E1}",
         "gateway.yaml:1:32: link 'bus': '19200 7E1' is no line setting; write speed, 8, parity N, E or O and stop bits 1 or "
         "2: \"19200 8E1\"\n"},
        {"{modbus: tcp://host, line: 19200 8E1}",
         "gateway.yaml:1:28: link 'bus': 'line' belongs to a serial line; remove it, or write modbus: rtu:/dev/DEVICE\n"},
        {"{modbus: tcp://host, timeout: 5ms, connections: 2, paus: 1s}",
         "gateway.yaml:1:31: link 'bus': 'timeout' is 5ms, out of range; write a span from 10ms to 1m\n"
         "gateway.yaml:1:49: link 'bus': 'connections' is 2, out of range; write a whole number from 1 to 1\n"
         "gateway.yaml:1:52: unknown key 'paus' in link 'bus'; did you mean 'pause'?\n"},
    };
    for (const auto& [link, text] : table) EXPECT_EQ(complaints(link), text);
}

std::string of_section(const std::string& section) {
    Stage stage("modbus: tcp://host");
    stage.shape(section);
    return stage.diagnostics.str();
}

TEST(Section, TakesAllItsKeys) {
    EXPECT_EQ(
        of_section("{addresses: one, order: CDAB, limits: {registers: 60, bits: 512, gap: auto}, pause: 5ms, timeout: 3s, "
                   "never: [\"holding:100\", \"coil:1-16\"]}"),
        "");
    EXPECT_EQ(of_section("{addresses: modicon, never: [40100, \"40200-40210\"]}"), "");
}

TEST(Section, SaysWhatIsWrongAndWhatToDo) {
    EXPECT_EQ(
        of_section("{adresses: one, order: ABDC, limits: {registers: 126, bits: 0, gap: wide, gaps: 1}, pause: 5, timeout: 2m, "
                   "never: [\"holding:\", \"holding:9-3\"]}"),
        "p.yaml:1:2: unknown key 'adresses' in 'modbus'; did you mean 'addresses'?\n"
        "p.yaml:1:24: 'modbus': 'order' cannot be 'ABDC'; did you mean 'ABCD'?\n"
        "p.yaml:1:50: 'modbus': limits: 'registers' is 126, out of range; write a whole number from 1 to 125\n"
        "p.yaml:1:61: 'modbus': limits: 'bits' is 0, out of range; write a whole number from 1 to 2000\n"
        "p.yaml:1:69: 'modbus': limits: 'gap' cannot be wide; write auto, or the registers that a request may read in vain, 0 "
        "to 124\n"
        "p.yaml:1:75: unknown key 'gaps' in 'modbus': limits; did you mean 'gap'?\n"
        "p.yaml:1:92: 'modbus': 'pause' is a bare number; write its unit: 5s or 5ms\n"
        "p.yaml:1:104: 'modbus': 'timeout' is 2m, out of range; write a span from 10ms to 1m\n"
        "p.yaml:1:116: 'modbus': never: 'holding:' has no number after the colon; write holding:10 or holding:0x0A\n"
        "p.yaml:1:128: 'modbus': never: 'holding:9-3' is no range; write the smaller address first: holding:100-110\n");
}

/// The request that a point makes, or the complaint about it.
std::string of_point(const std::string& section, const std::string& keys) {
    Stage stage("modbus: tcp://host");
    const ShapeId shape = stage.shape(section);
    const auto point = stage.point(shape, keys);
    if (!point) return stage.diagnostics.str();
    const auto device = stage.device(shape, "{unit: 1}");
    const auto lines = stage.adapter->explain(*device, {*point});
    return stage.diagnostics.str() + (lines.empty() ? "" : lines[0]);
}

TEST(Point, LiesWhereItsAddressSays) {
    const std::tuple<const char*, const char*, const char*> table[] = {
        {"", "at: holding:10", "holding 10"},
        {"", "at: holding:0x0A", "holding 10"},
        {"", "at: holding:65535", "holding 65535"},
        {"", "at: holding:40070+0x10", "holding 40086"},
        {"addresses: one", "at: input:1+2+3", "input 5"},
        {"", "at: coil:0", "coil 0"},
        {"", "{at: discrete:7, type: bool}", "discrete 7"},
        {"", "{at: input:2, type: uint64}", "input 2..5  4 registers"},
        {"", "{at: holding:300, type: string, length: 8}", "holding 300..307  8 registers"},
        {"addresses: one", "at: holding:1", "holding 0"},
        {"addresses: one", "at: holding:65536", "holding 65535"},
        {"addresses: modicon", "at: 40011", "holding 10"},
        {"addresses: modicon", "at: 400011", "holding 10"},
        {"addresses: modicon", "at: 465536", "holding 65535"},
        {"addresses: modicon", "at: 30001", "input 0"},
        {"addresses: modicon", "at: 10001", "discrete 0"},
        {"addresses: modicon", "at: \"00001\"", "coil 0"},
        {"order: CDAB", "{at: holding:1, type: float32, write: {using: multiple}}", "holding 1..2  2 registers"},
    };
    for (const auto& [section, keys, says] : table) EXPECT_EQ(of_point(section, keys), says) << section << " " << keys;
}

TEST(Point, SaysWhatIsWrongAndWhatToDo) {
    const std::tuple<const char*, const char*, const char*> table[] = {
        {"", "at: holding:40070+",
         "p.yaml:1:5: point 'p': 'holding:40070+' has no number after the colon; write holding:10 or holding:0x0A\n"},
        {"", "at: holding:65535+1", "p.yaml:1:5: point 'p': 'holding:65535+1' is out of range; addresses go from 0 to 65535\n"},
        {"", "type: uint16", "p.yaml:1:1: point 'p': 'at' is missing; write holding:10, input:10, coil:10 or discrete:10\n"},
        {"", "at: [holding, 10]",
         "p.yaml:1:5: point 'p': 'at' must be an address, not a list; write holding:10, input:10, coil:10 or discrete:10\n"},
        {"", "at: holdng:10", "p.yaml:1:5: point 'p': 'holdng:10' names no Modbus table; did you mean 'holding:10'?\n"},
        {"", "at: temperature:10",
         "p.yaml:1:5: point 'p': 'temperature:10' names no Modbus table; write holding:10, input:10, coil:10 or discrete:10\n"},
        {"", "at: holding:ten",
         "p.yaml:1:5: point 'p': 'holding:ten' has no number after the colon; write holding:10 or holding:0x0A\n"},
        {"", "at: holding:65536", "p.yaml:1:5: point 'p': 'holding:65536' is out of range; addresses go from 0 to 65535\n"},
        {"addresses: one", "at: holding:0",
         "p.yaml:1:5: point 'p': 'holding:0' is out of range; addresses go from 1 to 65536\n"},
        {"", "at: 40011",
         "p.yaml:1:5: point 'p': '40011' looks like a modicon address; write holding:10, or set 'addresses: modicon' in the "
         "profile's "
         "'modbus' section\n"},
        {"addresses: one", "at: 40011",
         "p.yaml:1:5: point 'p': '40011' looks like a modicon address; write holding:11, or set 'addresses: modicon' in the "
         "profile's "
         "'modbus' section\n"},
        {"", "at: 12",
         "p.yaml:1:5: point 'p': '12' is no Modbus address; write holding:10, input:10, coil:10 or discrete:10\n"},
        {"addresses: modicon", "at: holding:10",
         "p.yaml:1:5: point 'p': 'holding:10' in a profile with modicon addresses; write 40011, or set 'addresses: one' or "
         "'zero' for the "
         "form with a colon\n"},
        {"addresses: modicon", "at: coil:16",
         "p.yaml:1:5: point 'p': 'coil:16' in a profile with modicon addresses; write \"00017\", or set 'addresses: one' or "
         "'zero' for the "
         "form with a colon\n"},
        {"addresses: modicon", "at: 40000",
         "p.yaml:1:5: point 'p': '40000' is no modicon address; write five or six digits, 4xxxx holding, 3xxxx input, 1xxxx "
         "discrete, "
         "\"0xxxx\" coil in quotes\n"},
        {"addresses: modicon", "at: 50001",
         "p.yaml:1:5: point 'p': '50001' is no modicon address; write five or six digits, 4xxxx holding, 3xxxx input, 1xxxx "
         "discrete, "
         "\"0xxxx\" coil in quotes\n"},
        {"", "{at: holding:65535, type: uint32}",
         "p.yaml:1:6: point 'p': 2 registers from 65535 reach past the last address, 65535; check the address and the type\n"},
        {"", "{at: holding:1, type: int8}",
         "p.yaml:1:23: point 'p': int8 is half a register; write type: uint16, with bits: [0, 7] or [8, 15]\n"},
        {"", "{at: holding:1, type: bool}",
         "p.yaml:1:23: point 'p': a register is no bool; write type: uint16 and map: {0: false, 1: true}, or bit: 0\n"},
        {"", "{at: coil:1, type: uint16, order: BA}",
         "p.yaml:1:20: point 'p': 'type' cannot be 'uint16'; write one of bool\n"
         "p.yaml:1:35: point 'p': 'order' says nothing about a single bit; remove 'order'\n"},
        {"", "{at: input:1, write: {}}", "p.yaml:1:6: point 'p': input can only be read; remove 'write', or use holding:\n"},
        {"", "{at: discrete:1, write: {}}", "p.yaml:1:6: point 'p': discrete can only be read; remove 'write', or use coil:\n"},
        {"", "{at: holding:1, type: uint32, write: {using: single}}",
         "p.yaml:1:46: 'write': a single write reaches one register, this point has 2; write using: multiple\n"},
        {"limits: {registers: 4}", "{at: holding:1, type: string, length: 5}",
         "p.yaml:1:39: point 'p': 5 registers are more than one request may read; the most is 4; limits: {registers: …} of the "
         "profile can "
         "raise it to 125\n"},
        {"", "{at: holding:1, type: string, length: 124, write: {}}",
         "p.yaml:1:39: point 'p': 124 registers are more than one request can write; the most is 123\n"},
        {"never: [\"holding:10-20\"]", "{at: holding:20, write: {}}",
         "p.yaml:1:6: point 'p': holding 20 must never be written, says the profile's 'modbus' section; remove 'write', or the "
         "entry of "
         "'never'\n"},
        {"", "{at: holdng:1, type: uint61, lenght: 2}",
         "p.yaml:1:6: point 'p': 'holdng:1' names no Modbus table; did you mean 'holding:1'?\n"
         "p.yaml:1:22: point 'p': 'type' cannot be 'uint61'; did you mean 'uint16'?\n"
         "p.yaml:1:30: unknown key 'lenght' in point 'p'; did you mean 'length'?\n"},
    };
    for (const auto& [section, keys, says] : table) EXPECT_EQ(of_point(section, keys), says) << section << " " << keys;
}

std::string of_devices(const std::string& link, const std::vector<std::string>& devices) {
    Stage stage(link);
    const ShapeId shape = stage.shape();
    for (std::size_t i = 0; i < devices.size(); ++i) stage.device(shape, devices[i], fmt::format("meter-{}", i + 1));
    return stage.diagnostics.str();
}

TEST(Device, HasAUnitOfItsOwn) {
    EXPECT_EQ(of_devices("modbus: tcp://host", {"{unit: 0}", "{unit: 1}", "{unit: 255}"}), "");
    EXPECT_EQ(of_devices("modbus: rtu:/dev/ttyS0", {"{unit: 1}", "{unit: 247}"}), "");
    EXPECT_EQ(of_devices("modbus: tcp://host", {"{unit: 7}", "{unit: 8}", "{unit: 7}"}),
              "devices.yaml:1:8: device 'meter-3': unit 7 on tcp host:502 is taken by device 'meter-1' (devices.yaml:1); give "
              "each device of "
              "a link its own unit\n");
}

TEST(Device, SaysWhatIsWrongAndWhatToDo) {
    EXPECT_EQ(of_devices("modbus: tcp://host", {"{unit: 256}"}),
              "devices.yaml:1:8: device 'meter-1': 'unit' is 256, out of range; write a whole number from 0 to 255\n");
    EXPECT_EQ(of_devices("modbus: rtu:/dev/ttyS0", {"{unit: 248}"}),
              "devices.yaml:1:8: device 'meter-1': 'unit' is 248, out of range; write a whole number from 1 to 247\n");
    EXPECT_EQ(of_devices("modbus: rtu:/dev/ttyS0", {"{unit: 0}"}),
              "devices.yaml:1:8: device 'meter-1': unit 0 is the broadcast of a serial line, nobody answers to it; write the "
              "number that is set at the device, 1 to 247; or unit: broadcast, to write to all of them\n");
    EXPECT_EQ(of_devices("modbus: tcp://host", {"{}"}),
              "devices.yaml:1:1: device 'meter-1': 'unit' is missing; write the number that is set at the device; one with an "
              "address of its "
              "own is mostly unit: 1 or 255\n");
}

TEST(Explain, ShowsTheRequestsOfARead) {
    Stage stage("{modbus: rtu:/dev/ttyS0, line: 19200 8E1}");
    const ShapeId shape = stage.shape("{order: CDAB, limits: {registers: 60}}");
    std::vector<PointIndex> points;
    for (const char* keys : {"{at: holding:1, type: float32}", "{at: holding:14, type: int16}", "at: holding:20",
                             "at: holding:21", "at: coil:0", "{at: holding:100, write: {}}"})
        points.push_back(stage.point(shape, keys).value());
    points.push_back(stage.point(shape, "at: coil:15", true, false).value());  // only written
    const auto device = stage.device(shape, "{unit: 7}");
    EXPECT_EQ(stage.adapter->explain(*device, points),
              (std::vector<std::string>{"coil 0", "holding 1..21  21 registers, 2 gaps", "holding 100"}));
}

}  // namespace
}  // namespace adapters::modbus
