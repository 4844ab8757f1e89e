#pragma once

#include "gateway/base/bytes.hpp"
#include "gateway/base/node.hpp"
#include "gateway/base/result.hpp"
#include "gateway/base/time.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// All that the author of an adapter reads. One adapter object is one link: a serial line, a host, a broker, a radio.
///
/// Threads: every method below is called on the core loop and must return at once; every call-back and every Sink call
/// must be made on the core loop too, through the executor given to `create`. An adapter with a blocking library owns a
/// thread and posts its results.
namespace adapters {

using base::Bytes;
using base::Diagnostics;
using base::Fields;
using base::Instant;
using base::Result;
using base::WallTime;

/// A value as the device said it, after order and type, before scale, map and limits (mapping/conversion does those).
using Scalar = std::variant<bool, std::int64_t, std::uint64_t, double, std::string, Bytes>;

using ShapeId = std::uint32_t;     ///< the adapter's number for a device type (a profile with its parameters)
using DeviceId = std::uint32_t;    ///< the adapter's number for one device on its link
using PointIndex = std::uint16_t;  ///< the n-th bound point of a shape, from 0 in the order of binding

enum class Kind : std::uint8_t;  ///< adapters/api/encoding.hpp

struct Access {
    bool read = true;
    bool write = false;
};

/// Towards the gateway.
class Sink {
public:
    /// A value that came unasked.
    virtual void value(DeviceId, PointIndex, Scalar, WallTime) = 0;
    /// The link came up or went down; `why` is one line for the operator. Only changes are told.
    virtual void link(bool up, std::string why) = 0;

protected:
    ~Sink() = default;
};

class Adapter {
public:
    virtual ~Adapter() = default;

    // -- Before start(): what there is. Mistakes go to the Fields' diagnostics, with place and remedy; nothing returned
    //    means that at least one was reported. An adapter reads its own keys only; the mapping reads the rest and then
    //    calls done().

    /// A device type. `section` is the profile's part that is named after the protocol (`modbus:`), null when absent.
    virtual std::optional<ShapeId> add_shape(Fields* section, Diagnostics&) = 0;
    /// One point of it: its address keys (`at`, `type`, `order`, `length` …) and, when it is writable, the adapter's
    /// keys of `write` (`write`, null when absent).
    virtual std::optional<PointIndex> add_point(ShapeId, Fields& point, Fields* write, Access) = 0;
    /// What a bound point's values are, so that the mapping can hold them against the resource's type and find the bits of
    /// `invalid: [0x8000]`; nothing when only running tells.
    virtual std::optional<Kind> kind(ShapeId, PointIndex) const { return std::nullopt; }
    /// One device: its keys of the site's list (`unit`, `address`).
    virtual std::optional<DeviceId> add_device(ShapeId, Fields& site) = 0;

    // -- Running.

    /// Connects, and reconnects by itself with back-off until stop(). Being away is told to the sink, never thrown.
    virtual void start(Sink&) = 0;
    /// Ends all waiting calls (Errc::offline), closes, then calls `stopped` once. No call-back after it.
    virtual void stop(std::function<void()> stopped) = 0;

    using Values = std::vector<Result<Scalar>>;  ///< one for each asked point, in the same order
    /// Reads points of one device; the adapter batches as the protocol allows. What cannot be read has an error of
    /// its own: timeout (no answer), offline (link away), malformed (answer that cannot be), or what the device says
    /// (not_allowed, not_found, bad_request, busy, internal). Answers exactly once, at `deadline` (Errc::timeout) at
    /// the latest.
    virtual void read(DeviceId, std::vector<PointIndex>, Instant deadline, std::function<void(Values)>) = 0;
    /// Writes one point; goes before waiting reads. Same errors. Never repeated after a timeout.
    virtual void write(DeviceId, PointIndex, Scalar, Instant deadline, std::function<void(Result<void>)>) = 0;

    // -- Telling.

    /// The requests that a read of these points makes, one line each: "holding 1..21  21 registers, 2 gaps".
    virtual std::vector<std::string> explain(DeviceId, const std::vector<PointIndex>&) const = 0;
    /// Where the link goes, for status and logs: "tcp 192.0.2.10:502". No secret.
    virtual std::string where() const = 0;
};

/// The other side of the link: a device made from a profile's points, for the verb `simulate`, the demo and tests.
class Simulator {
public:
    virtual ~Simulator() = default;
    /// Listens; the address in use ("127.0.0.1:1502"). Errc::bad_request for an address that cannot be.
    virtual Result<std::string> start() = 0;
    virtual Result<void> set(PointIndex, Scalar) = 0;
    virtual Result<Scalar> get(PointIndex) const = 0;
    virtual void stop() = 0;
};

/// What a plugin exports, by the C symbol `lwm2m_gateway_adapter`.
struct Descriptor {
    std::uint32_t api;  // adapter_api
    const char* build;  // adapters::adapter_build: compiler and version, since C++ plugins come from the same build
    const char* name;   // "modbus": the key in a link (`modbus: tcp://…`) and the profile's `protocol:`
    /// `link` is the link's map in gateway.yaml (or a map made from a device's own `address:`). Opens nothing.
    std::unique_ptr<Adapter> (*create)(boost::asio::any_io_executor, base::Timers&, base::Random&, Fields& link);
    /// Plays `device` of an adapter that this plugin made and the mapping has bound. `log` gets one line a request.
    /// Null: this protocol has no simulator.
    std::unique_ptr<Simulator> (*simulate)(boost::asio::any_io_executor, const Adapter&, DeviceId, std::string where,
                                           std::function<void(std::string)> log);
};

constexpr std::uint32_t adapter_api = 1;
constexpr const char* adapter_build = "api 1, " __VERSION__;

}  // namespace adapters
