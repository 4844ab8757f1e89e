#pragma once

#include "adapters/modbus/identity.hpp"
#include "adapters/modbus/request_queue.hpp"
#include "adapters/modbus/shape.hpp"

#include <deque>

namespace adapters::modbus {

/// What is known of one device beyond its type.
struct SelfTold {
    bool refuses = false;     ///< it does not know function 43/14; asked again after an absence
    unsigned unanswered = 0;  ///< times in a row that 43/14 had no answer
};

/// One call of read(): blocks of registers one after the other, refused ones halved; then the texts of 43/14.
class ReadJob final : public Job {
public:
    using Values = Adapter::Values;
    struct Context {
        Shape& shape;
        SelfTold& self_told;
        const RequestQueue& queue;
        std::function<void()> learned;  ///< the holes of the shape are others than before
    };
    /// `points` are of the shape and readable, or their place in `values` has an error already.
    ReadJob(Context, std::uint8_t unit, Instant until, const ReadLimits&, std::vector<PointIndex> points,
            std::function<void(Values)> done);

    Request request() override;
    bool take(Result<Bytes>) override;
    void give_up(const base::Error&) override;
    void deliver() override { done_(std::move(values_)); }
    bool nothing_left() const { return parts_.empty() && !identity_; }

private:
    /// A block that is still to be read, and the refused block that it is half of (index into halved_, or none).
    struct Part {
        Block block;
        std::optional<std::size_t> half_of{};
    };
    struct Halved {
        Block first, second;
        unsigned open = 2;
        bool sound = true;
    };

    void take_block(Result<Bytes>&);
    void take_identity(Result<Bytes>&);
    void divide(const Part&);
    void learn(const Part&, bool whole);
    void settle_identity(const base::Error&);

    Context context_;
    std::vector<PointIndex> points_;
    std::vector<Extent> extents_;  // of the points, in their order
    Values values_;
    std::function<void(Values)> done_;
    std::deque<Part> parts_;
    std::vector<Halved> halved_;
    std::optional<IdentityReader> identity_;
    std::vector<std::uint32_t> texts_;  // places of the points of 43/14
};

}  // namespace adapters::modbus
