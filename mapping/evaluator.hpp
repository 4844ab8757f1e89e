#pragma once

#include "mapping/formula.hpp"
#include "mapping/plan.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace mapping {

/// Which points of a type hang together; made once by the compiler, shared by all its devices.
struct Wiring {
    static constexpr std::uint16_t none = 0xFFFF;
    /// Where an Evaluator keeps what it must know of a point; none: nothing.
    struct Place {
        std::uint16_t own = none, input = none, counter = none, told = none;
        std::uint16_t rank = none;  ///< in `order`; none: nothing else has a part in it
    };
    std::vector<Place> places;                          ///< by point
    std::vector<std::uint16_t> order;                   ///< points that wait for others, inputs before what needs them
    std::vector<std::vector<std::uint16_t>> followers;  ///< by point: ranks of those that need it
    std::uint16_t owns = 0, inputs = 0, counters = 0, tolds = 0;

    /// Of complete points (formula, deadband); null when none of them needs an Evaluator. `order` names the points with
    /// `calc` or `exponent`, inputs first.
    static std::shared_ptr<const Wiring> of(const std::vector<PointSpec>& points, std::vector<std::uint16_t> order);
};

/// The slot by which an expression names the point's own value (`value`).
constexpr std::uint16_t own_value = 0xFFFF;

/// What raw values of one device mean, with all that needs a memory: inputs of `calc` and `exponent`, the counter of
/// `monotonic`, the base of `deadband`. Pure: no clock, no I/O. A device of a type without these needs none
/// (needed()); then Conversion does it all.
///
/// feed() each value as it comes, settle() after the values that came together: so a power made of a voltage and a
/// current never sees a new one beside an old one.
class Evaluator {
public:
    static bool needed(const DeviceType& type) { return type.wiring != nullptr; }
    explicit Evaluator(std::shared_ptr<const DeviceType>);

    struct Outcome {
        std::uint16_t point = 0;  ///< number
        Reading reading;
    };
    using Outcomes = std::vector<Outcome>;

    /// A raw value of a point with an address. Appends its reading when nothing else has a part in it; else settle()
    /// tells it. Errc::malformed as Conversion::read, and nothing is kept of it.
    base::Result<void> feed(std::uint16_t point, const adapters::Scalar& raw, Outcomes& out);
    /// Appends the readings of all points that wait for it, each once, inputs before what is made of them.
    void settle(Outcomes& out);
    bool waiting() const { return !waiting_.empty(); }

    /// As Conversion::write, for any point; `write.calc` and `exponent` may need inputs: Errc::busy while one has no
    /// value.
    base::Result<adapters::Scalar> write(std::uint16_t point, const lwm2m::Value& value) const;

    const std::shared_ptr<const DeviceType>& type() const { return type_; }

private:
    struct Count {
        bool known = false, doubted = false;
        Number last{}, doubt{};
    };
    struct Kept {  // a value before the resource's type, as expressions see it
        Expression::Value value{};
        Quality quality = Quality::never;
    };

    /// What others need of a point; `worst` becomes its quality if that is worse.
    Expression::Value input(std::uint16_t point, Quality& worst) const;
    /// The power of ten of `exponent`; nothing without one.
    std::optional<int> power(std::uint16_t point, Quality& worst) const;
    Kept work_out(std::uint16_t point) const;
    /// Range, monotonic, deadband; keeps what others need and wakes them.
    base::Result<void> finish(std::uint16_t point, const Taken& taken, Quality worst, Outcomes& out);
    bool goes_on(Count& count, const Monotonic& rule, const Number& now) const;
    void wake(std::uint16_t rank);

    std::shared_ptr<const DeviceType> type_;
    // By the wiring's slots, so that other points cost nothing.
    std::vector<Kept> own_;     // of points with `calc` or `exponent`, before these
    std::vector<Kept> inputs_;  // readings that others need
    std::vector<Count> counters_;
    std::vector<lwm2m::Value> told_;      // base of `deadband`
    std::vector<std::uint16_t> waiting_;  // ranks in the wiring's order, ascending, each once
};

}  // namespace mapping
