#include "tests/unit/modbus/stage.hpp"

/// What a profile's own tests say, without a device.
namespace adapters::modbus {
namespace {

class Profile {
public:
    explicit Profile(const std::string& section = "") : shape(stage.shape(section)) {}

    PointIndex point(const std::string& keys) { return stage.point(shape, keys).value(); }
    /// What each point is: "24.5", "-" when the test says nothing of it.
    std::vector<std::string> pretend(const std::string& given) {
        std::vector<std::string> shown;
        for (const auto& value : stage.adapter->pretend(device(), stage.node(given), stage.diagnostics))
            shown.push_back(value ? show(*value) : "-");
        return shown;
    }
    std::string sends(PointIndex index, const Scalar& value) {
        const auto lines = stage.adapter->sends(device(), index, value);
        return lines ? fmt::format("{}", fmt::join(*lines, " | ")) : lines.error().message;
    }

    Stage stage{"modbus: tcp://host"};
    ShapeId shape;

private:
    DeviceId device() {
        if (!device_) device_ = stage.device(shape, "unit: 7");
        return device_.value();
    }
    std::optional<DeviceId> device_;
};

using Shown = std::vector<std::string>;

TEST(Pretend, ValuesAreWhatTheRegistersGivenMake) {
    Profile profile("order: CDAB");
    profile.point("{at: holding:0, type: int16}");
    profile.point("{at: holding:1, type: float32}");
    profile.point("at: coil:0");
    profile.point("{at: holding:300, type: string, length: 4}");
    profile.point("at: input:7");
    profile.point("identify: revision");
    EXPECT_EQ(profile.pretend(R"({"holding:0": [0x00F5, 0x028F, 0x4365], "coil:0": [1], "holding:300": EM24-7, "holding:303": 0,
                                 "input:7": 9, "identify:revision": 1.20})"),
              (Shown{"245", "229.01", "on", "\"EM24-7\"", "9", "\"1.20\""}));
    EXPECT_EQ(profile.pretend(R"({"holding:0": [-1, 0x028F], "coil:0": false})"), (Shown{"-1", "-", "off", "-", "-", "-"}))
        << "half a float is no float";
    EXPECT_EQ(profile.stage.diagnostics.str(), "");
}

TEST(Pretend, AddressesCountAsTheProfileDoes) {
    Profile one("addresses: one");
    one.point("at: holding:11");
    EXPECT_EQ(one.pretend(R"({"holding:11": 5})"), Shown{"5"});
    Profile modicon("addresses: modicon");
    modicon.point("at: 40011");
    EXPECT_EQ(modicon.pretend("{40011: 5}"), Shown{"5"});
    EXPECT_EQ(one.stage.diagnostics.str() + modicon.stage.diagnostics.str(), "");
}

TEST(Pretend, MistakesAreToldAllAtOnce) {
    Profile profile;
    profile.point("at: holding:0");
    profile.pretend(R"({"holdin:0": 1, "holding:1": [65536, 1.5], "coil:0": 2, "holding:9": [1, 2], "holding:10": 3,
"holding:65535": [1, 2], "identify:vendr": x, 40011: 1})");
    EXPECT_EQ(profile.stage.diagnostics.str(),
              "p.yaml:1:2: 'holdin:0' names no Modbus table; did you mean 'holding:0'?\n"
              "p.yaml:1:31: '65536' cannot be the content of a register; write a whole number from -32768 to 65535, such as "
              "0x00F5\n"
              "p.yaml:1:38: '1.5' cannot be the content of a register; write a whole number from -32768 to 65535, such as "
              "0x00F5\n"
              "p.yaml:1:54: '2' cannot be the content of a single bit; write 0 or 1\n"
              "p.yaml:1:92: holding 10 is given twice; remove one of the two\n"
              "p.yaml:2:22: this value lies past the last address, 65535; check the address\n"
              "p.yaml:2:26: 'vendr' is no text of the device identification; did you mean 'identify:vendor'?\n"
              "p.yaml:2:47: '40011' looks like a modicon address; write holding:10, or set 'addresses: modicon' in the "
              "profile's 'modbus' section\n");
}

TEST(Sends, ShowsTheRequestOfAWrite) {
    Profile profile("order: CDAB");
    const std::tuple<const char*, Scalar, const char*> table[] = {
        {"{at: coil:0, write: {}}", true, "05 0000 FF00"},
        {"{at: coil:0, write: {}}", false, "05 0000 0000"},
        {"{at: coil:9, write: {using: multiple}}", true, "0F 0009 0001 01 01"},
        {"{at: holding:100, write: {}}", std::int64_t{160}, "06 0064 00A0"},
        {"{at: holding:100, write: {using: multiple}}", std::int64_t{160}, "10 0064 0001 02 00A0"},
        {"{at: holding:100, type: float32, write: {}}", 229.01, "10 0064 0002 04 028F 4365"},
        {"{at: holding:100, write: {using: write_read}}", std::int64_t{160}, "17 0064 0001 0064 0001 02 00A0"},
        {"{at: holding:100, type: string, length: 2, write: {}}", std::string("abc"), "10 0064 0002 04 6162 6300"},
        {"{at: holding:100, type: bcd16, write: {}}", std::int64_t{1234}, "06 0064 1234"},
        {"{at: holding:100, type: sunssf, write: {}}", std::int64_t{-2}, "06 0064 FFFE"},
        {"{at: holding:21, bit: 3, write: {using: mask}}", true, "16 0015 FFF7 0008"},
        {"{at: holding:21, bit: 3, write: {using: mask}}", false, "16 0015 FFF7 0000"},
        {"{at: holding:21, bits: [4, 6], write: {using: mask}}", std::int64_t{5}, "16 0015 FF8F 0050"},
        {"{at: holding:21, bit: 3, order: BA, write: {using: mask}}", true, "16 0015 F7FF 0800"},
        {"{at: holding:21, bit: 3, write: {}}", true, "03 0015 0001 | 06 0015 0008"},
        {"{at: holding:21, bit: 3, write: {using: multiple}}", true, "03 0015 0001 | 10 0015 0001 02 0008"},
        {"{at: holding:21, bit: 20, type: uint32, write: {}}", true, "03 0015 0002 | 10 0015 0002 04 0000 0010"},
        {"{at: holding:21, bits: [0, 3], write: {}}", std::int64_t{16}, "bits 0 to 3 take a whole number from 0 to 15"},
        {"{at: holding:21, bit: 3, write: {}}", std::int64_t{2}, "bit 3 takes true or false"},
        {"at: holding:0", std::int64_t{2}, "this point is only read"},
    };
    std::vector<PointIndex> points;
    for (const auto& [keys, value, text] : table) points.push_back(profile.point(keys));
    for (std::size_t i = 0; i < points.size(); ++i) {
        const auto& [keys, value, text] = table[i];
        EXPECT_EQ(profile.sends(points[i], value), text) << keys;
    }
}

TEST(Binding, OfBitsAndTextsSaysWhatIsWrong) {
    Profile profile;
    for (const char* keys :
         {"{at: coil:0, write: {using: mask}}", "{at: holding:0, write: {using: mask}}",
          "{at: holding:0, type: uint32, bit: 3, write: {using: mask}}", "{at: holding:0, bit: 3, write: {using: write_read}}",
          "{identify: serial}", "{identify: vendor, at: holding:0}", "{identify: vendor, write: {}}"})
        EXPECT_FALSE(profile.stage.point(profile.shape, keys)) << keys;
    EXPECT_EQ(
        profile.stage.diagnostics.str(),
        "p.yaml:1:12: point 'p': 'identify' cannot be 'serial'; write one of vendor, product, revision, url, name, model, "
        "application\n"
        "p.yaml:1:12: point 'p': what a device tells of itself can only be read; remove 'write'\n"
        "p.yaml:1:24: point 'p': 'at' beside 'identify'; keep one of the two: identify is a text of its own\n"
        "p.yaml:1:29: 'write': a coil is one bit already; write using: single or multiple, or remove 'using'\n"
        "p.yaml:1:32: 'write': a mask changes some bits of a register, this point is the whole of it; add bit: or bits: to "
        "the point, or remove 'using'\n"
        "p.yaml:1:40: 'write': some bits of a register cannot be written and read in one request; write using: mask\n"
        "p.yaml:1:54: 'write': a mask write reaches one register, this point has 2; bind the register that holds the bits, "
        "or remove 'using'\n");
}

}  // namespace
}  // namespace adapters::modbus
