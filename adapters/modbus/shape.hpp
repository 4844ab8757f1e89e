#pragma once

#include "adapters/api/encoding.hpp"
#include "adapters/modbus/read_plan.hpp"

#include <optional>

/// A device type as Modbus sees it, from a profile's `modbus:` section and its points' keys.
namespace adapters::modbus {

using base::Milliseconds;

/// How the profile's author counts.
enum class Addressing : std::uint8_t {
    zero,    ///< holding:10 is 10 on the wire
    one,     ///< holding:10 is 9 on the wire
    modicon  ///< 40011 or 400011 is holding 10 on the wire
};

enum class Using : std::uint8_t { single, multiple };  ///< functions 5 and 6, or 15 and 16

struct PointShape {
    Extent extent;
    Encoding encoding;  ///< registers only
    Access access;
    Using write_using = Using::single;
    bool using_is_given = false;  ///< else the other is tried once when the device does not know this function
};

struct Shape {
    Addressing addressing = Addressing::zero;
    std::string order;                 ///< "" or the letters
    std::optional<std::uint16_t> gap;  ///< not given: from the line
    std::uint16_t most_registers = most_read_registers, most_bits = most_read_bits;
    Milliseconds pause{0};                ///< between two requests to one such device
    std::optional<Milliseconds> timeout;  ///< instead of the link's
    std::vector<Extent> never;            ///< registers that nothing may write
    std::vector<PointShape> points;
    Holes holes;  ///< learned while running
};

/// Keys of the section: addresses, order, limits, pause, timeout, never. `section` may be null.
std::optional<Shape> read_shape(Fields* section, base::Diagnostics&);
/// Keys: at, type, order, length; of `write`: using.
std::optional<PointShape> read_point(const Shape&, Fields& point, Fields* write, Access);

/// The request that writes `value` into the point of `unit`. Errc::bad_request when the value does not fit its type.
Result<Request> write_request(const PointShape&, Using, std::uint8_t unit, const Scalar& value);
/// The point's value out of the answer to a block that holds it.
Result<Scalar> value_of(const PointShape&, const Block&, ByteView data);

}  // namespace adapters::modbus
