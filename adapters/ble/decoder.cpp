#include "adapters/ble/decoders.hpp"

#include <algorithm>
#include <charconv>

namespace adapters::ble {

namespace {

using namespace std::chrono_literals;

using Maker = const Decoder& (*)();
constexpr Maker makers[] = {&ruuvi_3, &ruuvi_5, &bthome, &mibeacon, &eddystone, &ibeacon};

constexpr std::uint32_t first_counts = 256;  // of a device that has just got a new battery
constexpr auto silence_of_a_restart = 60s;

}  // namespace

std::string_view name(Outcome outcome) {
    constexpr std::string_view names[outcomes] = {"values", "repeat",    "foreign",  "malformed",
                                                  "no key", "wrong key", "replayed", "not encrypted"};
    return names[static_cast<std::size_t>(outcome)];
}

const std::vector<std::string_view>& decoder_names() {
    static const std::vector<std::string_view> names = [] {
        std::vector<std::string_view> all;
        for (const auto make : makers) all.push_back(make().name());
        return all;
    }();
    return names;
}

const Decoder& decoder(std::size_t number) { return makers[number](); }

std::optional<FieldRef> Decoder::find(std::string_view wanted) const {
    const auto all = fields();
    const auto at = [&](std::string_view its) {
        return std::find_if(all.begin(), all.end(), [&](const Field& f) { return f.name == its; });
    };
    if (const auto found = at(wanted); found != all.end()) return FieldRef{static_cast<std::uint16_t>(found - all.begin()), 0};
    const auto line = wanted.rfind('_');
    if (line == std::string_view::npos) return std::nullopt;
    const auto found = at(wanted.substr(0, line));
    unsigned which = 0;
    const auto [end, error] = std::from_chars(wanted.data() + line + 1, wanted.data() + wanted.size(), which);
    if (found == all.end() || error != std::errc{} || end != wanted.data() + wanted.size() || which < 2 || which > found->most)
        return std::nullopt;
    return FieldRef{static_cast<std::uint16_t>(found - all.begin()), static_cast<std::uint8_t>(which - 1)};
}

bool is_repeat(Memory& memory, std::uint32_t count, base::Instant now, base::Milliseconds for_so_long) {
    if (memory.count == count && now - memory.heard < for_so_long) return true;
    memory.count = count;
    memory.heard = now;
    return false;
}

Outcome judge_counter(const Memory& memory, std::uint32_t counter, Replay replay, base::Instant now) {
    if (!memory.replay || counter > *memory.replay) return Outcome::values;
    // The last one of an earlier run: its values are not known any more, and nothing newer can have been missed.
    if (counter == *memory.replay) return memory.count == counter ? Outcome::repeat : Outcome::values;
    if (replay == Replay::ignored) return Outcome::values;
    const bool silent = memory.authentic == base::Instant{} || now - memory.authentic >= silence_of_a_restart;
    return replay == Replay::restarts && counter < first_counts && silent ? Outcome::values : Outcome::replayed;
}

void note_authentic(Memory& memory, std::uint32_t counter, base::Instant now) {
    memory.count = memory.replay = counter;
    memory.heard = memory.authentic = now;
}

}  // namespace adapters::ble
