#include "tests/unit/codec/stage.hpp"

#include <cmath>
#include <cstdlib>
#include <random>

/// There and back over random content. The seed is printed; ROUND_TRIP_SEED runs one again.
using namespace stage;

namespace {

std::uint64_t seed() {
    static const std::uint64_t chosen = [] {
        const char* wanted = std::getenv("ROUND_TRIP_SEED");
        const std::uint64_t value = wanted != nullptr ? std::strtoull(wanted, nullptr, 0) : std::random_device{}();
        std::cout << "ROUND_TRIP_SEED=" << value << '\n';
        return value;
    }();
    return chosen;
}

class Dice {
public:
    explicit Dice(std::uint64_t start) : engine_(start) {}
    std::uint64_t bits() { return engine_(); }
    std::size_t below(std::size_t limit) { return static_cast<std::size_t>(engine_() % limit); }
    bool one_in(std::size_t n) { return below(n) == 0; }

    Value value(Type type) {
        switch (type) {
            case Type::none: break;
            case Type::string:
            case Type::corelnk: return string();
            case Type::integer:
            case Type::time: return Value(static_cast<std::int64_t>(bits()) >> below(64));
            case Type::unsigned_integer: return Value(bits() >> below(64));
            case Type::floating: return floating();
            case Type::boolean: return Value(one_in(2));
            case Type::opaque: {
                Bytes data(one_in(40) ? below(70'000) : below(300));
                for (auto& byte : data) byte = static_cast<std::uint8_t>(bits());
                return data;
            }
            case Type::objlnk: return ObjectLink{static_cast<std::uint16_t>(bits()), static_cast<std::uint16_t>(bits())};
        }
        return {};
    }

private:
    Value string() {
        static constexpr const char* pieces[] = {
            "a", "Z", "0", "\"", "\\", "\n", "\x01", "\x7F", "/", ",", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x8C\xA1", " "};
        std::string value;
        for (std::size_t left = one_in(10) ? below(1000) : below(20); left > 0; --left)
            value += pieces[below(std::size(pieces))];
        return value;
    }
    Value floating() {
        switch (below(4)) {
            case 0: return Value(static_cast<double>(static_cast<std::int64_t>(bits()) >> below(64)));
            case 1: return Value(static_cast<double>(static_cast<std::int64_t>(below(2'000'000)) - 1'000'000) / 1000);
            case 2: return Value(std::ldexp(static_cast<double>(below(2048)), static_cast<int>(below(60)) - 40));
            default: break;
        }
        const double any = std::bit_cast<double>(bits());
        return Value(std::isfinite(any) ? any : 0.5);
    }

    std::mt19937_64 engine_;
};

/// Values of some of the object's resources, in order.
void fill(Dice& dice, Content& content, const Target& instance) {
    for (const ResourceDef& resource : models().find(instance.path.object())->resources) {
        if (resource.type == Type::none || dice.one_in(3)) continue;
        const Target target{instance.prefix, *instance.path.child(resource.id)};
        if (!resource.multiple) {
            content.entries.push_back({target, dice.value(resource.type)});
            continue;
        }
        std::uint32_t id = 0;
        for (std::size_t left = 1 + dice.below(3); left > 0; --left, id += 1 + static_cast<std::uint32_t>(dice.below(400)))
            content.entries.push_back({{instance.prefix, *target.path.child(id)}, dice.value(resource.type)});
    }
}

Content random_content(Dice& dice) {
    static constexpr ObjectId objects[] = {3, 4, 6, 25, 3303, 3305, 3336, 3339, 16, 65, 4242};
    const ObjectId object = objects[dice.below(std::size(objects))];
    const std::string prefix = dice.one_in(2) ? "" : dice.one_in(2) ? "dev1" : "a-very_long-prefix-of-32-charactr";
    Content content;
    content.base = {prefix, Path::of({object})};
    std::uint32_t instance = static_cast<std::uint32_t>(dice.below(3));
    switch (dice.below(3)) {
        case 0:
            for (std::size_t left = dice.below(4); left > 0;
                 --left, instance += 1 + static_cast<std::uint32_t>(dice.below(300)))
                fill(dice, content, {prefix, *content.base.path.child(instance)});
            break;
        case 1:
            content.base.path = *content.base.path.child(instance);
            fill(dice, content, content.base);
            break;
        default: {
            fill(dice, content, {prefix, *content.base.path.child(instance)});
            if (content.entries.empty()) break;
            const Path chosen = content.entries[dice.below(content.entries.size())].target.path;
            const bool whole = chosen.level() == Path::Level::resource_instance && dice.one_in(2);
            content.base.path = whole ? chosen.parent() : chosen;
            content.base_is_multiple = whole;
            std::erase_if(content.entries, [&](const Entry& entry) { return !content.base.path.covers(entry.target.path); });
        }
    }
    return content;
}

void expect_same(ContentFormat format, const Content& content, bool with_time = false) {
    const auto bytes = codec::encode(format, content, lookup(), with_time);
    ASSERT_TRUE(bytes) << bytes.error().message;
    const auto back = codec::decode(format, content.base, *bytes, lookup());
    ASSERT_TRUE(back) << back.error().message << "\nin " << base::to_hex(*bytes);
    EXPECT_TRUE(back->entries == content.entries) << say(back) << "\nis not\n" << say(Decoded{content.entries, false, {}});
    EXPECT_FALSE(back->no_instance);
}

class EveryFormat : public testing::TestWithParam<ContentFormat> {};

}  // namespace

TEST_P(EveryFormat, brings_random_content_back) {  // CORE-150
    Dice dice(seed() ^ static_cast<std::uint64_t>(GetParam()));
    for (int i = 0; i < 2'000 && !HasFailure(); ++i) expect_same(GetParam(), random_content(dice));
}

INSTANTIATE_TEST_SUITE_P(Codec, EveryFormat,
                         testing::Values(ContentFormat::tlv, ContentFormat::senml_json, ContentFormat::senml_cbor,
                                         ContentFormat::lwm2m_cbor),
                         [](const auto& format) {
                             switch (format.param) {
                                 case ContentFormat::tlv: return "tlv";
                                 case ContentFormat::senml_json: return "senml_json";
                                 case ContentFormat::senml_cbor: return "senml_cbor";
                                 default: return "lwm2m_cbor";
                             }
                         });

TEST(RoundTrip, brings_single_values_back) {
    Dice dice(seed());
    for (int i = 0; i < 5'000 && !testing::Test::HasFailure(); ++i) {
        const std::uint32_t resource = static_cast<std::uint32_t>(dice.below(9));
        const Target target{dice.one_in(2) ? "" : "dev1", *Path::of({4242, 0}).child(resource)};
        const Type type = models().find(target.path)->type;
        const Content content{target, {{target, dice.value(type)}}};
        expect_same(ContentFormat::text, content);
        expect_same(ContentFormat::cbor, content);
        if (type == Type::opaque) expect_same(ContentFormat::opaque, content);
    }
}

TEST(RoundTrip, brings_times_back_to_the_millisecond) {
    Dice dice(seed());
    for (int i = 0; i < 2'000 && !testing::Test::HasFailure(); ++i) {
        Content content = random_content(dice);
        const std::int64_t start = 1'700'000'000'000 + static_cast<std::int64_t>(dice.below(100'000'000'000));
        for (Entry& entry : content.entries)
            entry.at = WallTime(
                std::chrono::milliseconds(start + (i % 2 == 0 ? 0 : static_cast<std::int64_t>(dice.below(100'000)) - 50'000)));
        expect_same(ContentFormat::senml_json, content, true);
        expect_same(ContentFormat::senml_cbor, content, true);
    }
}

TEST(RoundTrip, brings_composites_back) {
    Dice dice(seed());
    for (int i = 0; i < 500 && !testing::Test::HasFailure(); ++i) {
        std::vector<Entry> entries;
        for (int part = 0; part < 3; ++part)
            for (Entry& entry : random_content(dice).entries) entries.push_back(std::move(entry));
        std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.target < b.target; });
        entries.erase(
            std::unique(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.target == b.target; }),
            entries.end());
        for (const auto format : {ContentFormat::senml_json, ContentFormat::senml_cbor, ContentFormat::lwm2m_cbor}) {
            const auto bytes = codec::encode_composite(format, entries, lookup());
            ASSERT_TRUE(bytes);
            const auto back = codec::decode(format, Target{}, *bytes, lookup());
            ASSERT_TRUE(back) << back.error().message;
            EXPECT_TRUE(back->entries == entries) << say(back);
        }
    }
}
