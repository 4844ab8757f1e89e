#pragma once

#include "adapters/api/encoding.hpp"
#include "adapters/modbus/address.hpp"
#include "adapters/modbus/read_plan.hpp"

#include <memory>
#include <optional>

/// A device type as Modbus sees it, from a profile's `modbus:` section and its points' keys.
namespace adapters::modbus {

using base::Milliseconds;

enum class Using : std::uint8_t {
    single,      ///< functions 5 and 6
    multiple,    ///< functions 15 and 16
    mask,        ///< function 22: some bits of a register
    write_read,  ///< function 23: written and read back in one request; another value than was written is a failure
};

/// A field of a whole number, from the lowest bit 0 on.
struct Bits {
    std::uint8_t low = 0, high = 0;
};

struct PointShape {
    Extent extent;      ///< unless it has an `object`
    Encoding encoding;  ///< registers only
    Access access;
    Using write_using = Using::single;
    bool using_is_given = false;  ///< else the other is tried once when the device does not know this function
    /// Of a writable point with `bit` or `bits`: a write changes these and keeps the others as they are. Without
    /// Using::mask that takes a read before the write.
    std::optional<Bits> bits{};
    std::optional<std::uint8_t> object{};  ///< a text of function 43/14 instead of an address
};

/// What the devices of a profile refuse, found while running.
struct LearnedHoles {
    std::string profile;  ///< "acme/em24@3"
    Holes known;
    base::Instant retry{};  ///< then all of it is forgotten and found anew: firmware changes
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
    std::shared_ptr<LearnedHoles> holes = std::make_shared<LearnedHoles>();  ///< of all shapes of the profile together
};

/// Keys of the section: addresses, order, limits, pause, timeout, never. `section` may be null.
std::optional<Shape> read_shape(Fields* section, base::Diagnostics&);
/// What `identify` may name: vendor, product, revision, url, name, model, application; by the number of the object.
const std::vector<std::string_view>& identify_names();
/// Keys: at, type, order, length, and bit or bits of a writable point; or identify. Of `write`: using.
std::optional<PointShape> read_point(const Shape&, Fields& point, Fields* write, Access);

/// The request that writes `value` into the point of `unit`; for bits without a mask the read that comes first.
/// Errc::bad_request when the value does not fit its type.
Result<Request> write_request(const PointShape&, Using, std::uint8_t unit, const Scalar& value);
/// The write that follows such a read, which brought `held`.
Result<Request> store_request(const PointShape&, Using, std::uint8_t unit, const Scalar& value, ByteView held);
/// "float32 CDAB", "bool": how the bytes are taken.
std::string taken_as(const PointShape&);
/// The point's value out of the answer to a block that holds it.
Result<Scalar> value_of(const PointShape&, const Block&, ByteView data);

}  // namespace adapters::modbus
