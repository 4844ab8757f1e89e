#include "adapters/modbus/write_job.hpp"

#include "gateway/base/log.hpp"

#include <algorithm>

namespace adapters::modbus {

using base::Errc;
using base::fail;

WriteJob::WriteJob(Shape& shape, PointIndex point, Request first, Scalar value, Instant until,
                   std::function<void(Result<void>)> done)
    : Job(first.unit, until),
      shape_(shape),
      index_(point),
      value_(std::move(value)),
      request_(std::move(first)),
      done_(std::move(done)),
      written_(fail(Errc::timeout, "not written in time")) {}

Result<std::unique_ptr<WriteJob>> WriteJob::make(Shape& shape, PointIndex index, std::uint8_t its_unit, bool broadcast,
                                                 Scalar value, Instant until, std::function<void(Result<void>)> done) {
    const PointShape& point = shape.points[index];
    auto request = write_request(point, point.write_using, its_unit, value);
    if (!request) return tl::unexpected(request.error());
    if (broadcast && (is_read(request->function) || request->function == Function::write_read))
        return fail(Errc::not_allowed, "nobody answers a broadcast: bits need using: mask");
    request->broadcast = broadcast;
    return std::unique_ptr<WriteJob>(new WriteJob(shape, index, std::move(*request), std::move(value), until, std::move(done)));
}

/// How else this could be written, when the device does not know the function. Refused means: not done.
std::optional<Using> WriteJob::other_way() const {
    const PointShape& point = shape_.points[index_];
    if (other_tried_ || is_read(request_.function) || point.extent.count != 1) return std::nullopt;
    if (request_.function == Function::mask_write) return Using::single;
    if (point.using_is_given && point.write_using != Using::single && point.write_using != Using::multiple) return std::nullopt;
    if (point.using_is_given && !point.bits) return std::nullopt;
    const bool single = request_.function == Function::write_coil || request_.function == Function::write_register;
    return single ? Using::multiple : Using::single;
}

bool WriteJob::take(Result<Bytes> result) {
    PointShape& point = shape_.points[index_];
    if (result && is_read(request_.function)) {  // the register whose bits are to change
        auto store = store_request(point, point.write_using, unit, value_, *result);
        if (store) {
            request_ = std::move(*store);
            changing_ = true;
            return false;
        }
        written_ = tl::unexpected(store.error());
        return true;
    }
    if (result) {
        written_ = {};
        if (request_.function == Function::write_read && *result != request_.values)
            written_ =
                fail(Errc::internal, fmt::format("unit {}: {} holds {} after it was written with {}", unit, request_.where(),
                                                 base::to_hex(*result), base::to_hex(request_.values)));
        return true;
    }
    if (result.error().code == Errc::not_allowed) {
        if (const auto other = other_way()) {
            other_tried_ = true;
            if (request_.function == Function::mask_write)
                base::log().info("unit {} does not know function 22 (mask write): bits are read, changed and written", unit);
            point.write_using = *other;
            // The bits of a changed register are still those that were read: nobody had the line since.
            if (changing_) {
                request_.function = *other == Using::single ? Function::write_register : Function::write_registers;
                return false;
            }
            if (auto request = write_request(point, *other, unit, value_)) {
                request_ = std::move(*request);
                return false;
            }
        }
    }
    written_ = tl::unexpected(
        base::in(fmt::format("unit {}: {} {}", unit, is_read(request_.function) ? "reading" : "writing", request_.where()),
                 std::move(result.error())));
    return true;
}

}  // namespace adapters::modbus
