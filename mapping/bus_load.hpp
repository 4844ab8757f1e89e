#pragma once

#include "mapping/plan.hpp"

#include <chrono>
#include <vector>

namespace mapping {

/// How much of a link's time the polls of all its devices take.
struct BusLoad {
    double busy = 0;       ///< 0.62: 62 % of the time; over 1: more than there is
    double limit = 1;      ///< what the site allows (`busy: 70%`)
    bool measured = true;  ///< all of it with the devices' own turnaround; else at least one is assumed
    bool counted = false;  ///< the link is a bottleneck at all: false for a broker, and then nothing is refused
    bool fits() const { return busy <= limit; }
};

/// Of one link: each device's periods, with the cost that the adapter tells. Points read at start only take nothing.
BusLoad bus_load(const Plan&, std::size_t link);

/// Reports each link whose polls need more than its limit, with what takes most and what would fit. For compile()'s callers:
/// a plan with such a link is not run.
void check_bus_load(const Plan&, base::Diagnostics&);

}  // namespace mapping
