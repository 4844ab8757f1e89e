#pragma once

#include "gateway/base/bytes.hpp"

#include <string>
#include <vector>

namespace gateway::control {

/// One way to take the bytes of some registers.
struct Guess {
    std::string type, order;  ///< as a point says them; order "" where there is but one
    std::size_t registers = 0;
    std::string value;    ///< "229.01", "\"SN-00042\""; "no number" for NaN
    int score = 0;        ///< 0 to 100
    std::string reason;   ///< why it is likely, or why not
    bool likely = false;  ///< the first of those with the highest score
};

/// All types and orders that begin with the first register and fit into what was read, in a fixed order; at most one is
/// marked as likely, none when nothing speaks for any. What it goes by: text that can be printed; a float of everyday
/// size with few digits; an integer whose upper registers are zero; decimal digits in all places; a small negative
/// number; that the caller asked for exactly so many registers. `bytes`: 1 to 125 registers of two.
std::vector<Guess> guess(base::ByteView bytes);

/// The point's line for a profile: `value: {at: "holding:10", type: float32, order: CDAB}`.
std::string point_line(const std::string& at, const Guess&);

}  // namespace gateway::control
