#pragma once

#include "mapping/formula.hpp"
#include "mapping/plan.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace mapping {

/// Which points of a type hang together; made once by the compiler, shared by all its devices.
struct Wiring;

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
    Expression::Value input(std::uint16_t point, Quality& worst) const;
    std::optional<int> power(const Formula&, Quality& worst) const;
    base::Result<Reading> work_out(std::uint16_t point) const;
    Reading finish(std::uint16_t point, Reading reading);
    void wake(std::uint16_t point);

    std::shared_ptr<const DeviceType> type_;
    // By the wiring's slots, so that other points cost nothing.
    std::vector<Expression::Value> own_;  // before exponent and calc
    std::vector<Quality> own_quality_;
    std::vector<Expression::Value> inputs_;  // readings that others need
    std::vector<Quality> input_quality_;
    struct Count {
        bool known = false, doubted = false;
        Number last, doubt;
    };
    std::vector<Count> counters_;
    std::vector<lwm2m::Value> told_;      // base of `deadband`
    std::vector<std::uint16_t> waiting_;  // ranks in the wiring's order, ascending
};

}  // namespace mapping
