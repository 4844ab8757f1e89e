#pragma once

#include "mapping/plan.hpp"

#include <map>
#include <string>
#include <vector>

namespace mapping {

/// Stands for `every: start` among periods.
constexpr Milliseconds read_at_start = Milliseconds::max();
/// What a device of this type is asked for, by period; at start last.
std::map<Milliseconds, std::vector<adapters::PointIndex>> polls_of(const DeviceType&);

/// How much of a link's time the polls of all its devices take. Points that are read at start only count nothing.
struct BusLoad {
    double busy = 0;       ///< 0.62: 62 % of the time; over 1: more than there is
    double limit = 1;      ///< what the site allows (`busy: 70%`)
    bool measured = true;  ///< all of it with the devices' own turnaround; else at least one is assumed
    bool counted = false;  ///< the link is a bottleneck at all: false for a broker, and then nothing is refused
    bool fits() const { return !counted || busy <= limit; }
    /// "62 % busy (limit 70 %), turnaround assumed, not measured yet"; empty when it is not counted.
    std::string str() const;
};

/// Of each link, in their order.
std::vector<BusLoad> bus_loads(const Plan&);

/// Reports each link whose polls need more than its limit, with what takes most and what would fit. For compile()'s callers:
/// a plan with such a link is not run.
void check_bus_load(const Plan&, base::Diagnostics&);

}  // namespace mapping
