#pragma once

#include "mapping/bench.hpp"

#include <string>
#include <vector>

/// The `tests` that travel with a profile: run without a device, through the same compiler, adapter and conversions as the
/// gateway itself.
namespace mapping {

/// One entry of `tests`.
struct VectorResult {
    std::string name;
    base::SourceLoc at;
    /// What is not as the test says, one line each: "3303/0/5700: expected 24.5, got 24.6"; or a mistake in the test itself,
    /// with its place. Empty: passed.
    std::vector<std::string> differences;
    bool passed() const { return differences.empty(); }
};

struct VectorRun {
    std::string profile;                ///< "acme/em24@3"
    std::vector<VectorResult> results;  ///< in the order of the file; empty: the profile has no tests
    std::size_t failed() const;
};

/// Runs all tests of one profile file. Nothing: the profile itself has mistakes, and they are reported.
/// Whole numbers, texts and booleans must be equal; floats when they print alike in their shortest decimal form as a double
/// or as a float32 (a register of 32 bits holds no more).
std::optional<VectorRun> run_vectors(const base::Node& profile, const Bench&, base::Diagnostics&);

}  // namespace mapping
