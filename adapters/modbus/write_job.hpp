#pragma once

#include "adapters/modbus/request_queue.hpp"
#include "adapters/modbus/shape.hpp"

namespace adapters::modbus {

/// One call of write(). Refused functions are tried the other way once (5 and 15, 6 and 16; a mask by reading, changing
/// and writing), which is kept for the device type; a time-out is never followed by another try. Bits without a mask:
/// the register is read, changed and written while nobody else has the line.
class WriteJob final : public Job {
public:
    /// Errc::bad_request when the value does not fit.
    static Result<std::unique_ptr<WriteJob>> make(Shape&, PointIndex, std::uint8_t unit, bool broadcast, Scalar, Instant until,
                                                  std::function<void(Result<void>)> done);

    Request request() override { return request_; }
    bool take(Result<Bytes>) override;
    void give_up(const base::Error& error) override { written_ = tl::unexpected(error); }
    void deliver() override { done_(std::move(written_)); }
    bool holds_line() const override { return changing_; }

private:
    WriteJob(Shape& shape, PointIndex point, Request request, Scalar value, Instant until,
             std::function<void(Result<void>)> done);

    std::optional<Using> other_way() const;

    Shape& shape_;
    const PointIndex index_;
    const Scalar value_;
    Request request_;
    std::function<void(Result<void>)> done_;
    Result<void> written_;
    bool changing_ = false;  // read, and about to be written
    bool other_tried_ = false;
};

}  // namespace adapters::modbus
