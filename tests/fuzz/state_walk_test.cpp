#include <gtest/gtest.h>
#include <random>
#include <vector>

/// A state machine's fuzz target as a unit test: a million random steps, the same ones each time, in each run of the tests.
/// What it must never do, it aborts at. libFuzzer goes further, by hand: `tests/run fuzz`.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern std::uint64_t fuzz_steps;

// The macro is a suite of each target's own: StateWalkOfMachines, StateWalkOfExchanges.
TEST(STATE_WALK, a_million_steps_in_any_order_hold_what_must_hold) {
    std::mt19937 random(1);
    std::uniform_int_distribution<unsigned> byte(0, 255);
    std::vector<std::uint8_t> input;
    while (fuzz_steps < 1'000'000) {
        input.resize(64 + random() % 4096);  // lives of a few steps and of a thousand
        for (std::uint8_t& each : input) each = static_cast<std::uint8_t>(byte(random));
        const std::uint64_t before = fuzz_steps;
        ASSERT_EQ(LLVMFuzzerTestOneInput(input.data(), input.size()), 0);
        ASSERT_GT(fuzz_steps, before);
    }
}
