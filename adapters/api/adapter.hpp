#pragma once

#include "gateway/base/bytes.hpp"
#include "gateway/base/node.hpp"
#include "gateway/base/result.hpp"
#include "gateway/base/time.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <map>
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

using RuleId = std::uint32_t;  ///< the adapter's number for a discovery rule
using Words = std::map<std::string, std::string, std::less<>>;

/// A device that a scan or a discovery rule came upon.
struct Found {
    /// What stays when it moves or is renamed (serial number, MAC address); where it has no such thing, its place: "unit 7".
    std::string key;
    Words site;        ///< the keys of a site's device that lead to it: {"unit", "7"}, {"address", "C4:7C:8D:00:00:01"}
    Words facts;       ///< what it says of itself, for a rule's ${…}: vendor, product, revision, serial, unit …
    std::string note;  ///< one line for a person: "answers exception 2 to holding 0"
};

/// What went over a link, for `trace`.
struct Traffic {
    bool sent = false;  ///< by us
    WallTime at{};
    Bytes bytes;       ///< as on the wire: an RTU frame with its CRC, a TCP frame with its header
    std::string text;  ///< the same in one line: "unit 7 read holding 1..21"
};

enum class Witness : std::uint8_t { alive, via };

/// Towards the gateway.
class Sink {
public:
    /// A value that came unasked.
    virtual void value(DeviceId, PointIndex, Scalar, WallTime) = 0;
    /// A value that lay there already when we came (a retained message): shown as kept from before (6042 says 3), and no
    /// proof that the device is there.
    virtual void old_value(DeviceId device, PointIndex point, Scalar scalar, WallTime at) {
        value(device, point, std::move(scalar), at);
    }
    /// What another witness says of a device (mapping format, section 4): its will message (`alive`), or the bridge or
    /// bus that it hangs on (`via`). Only changes are told; `why` is one line for the operator.
    virtual void witness(DeviceId, Witness, bool /*up*/, std::string /*why*/) {}
    /// The link came up or went down; `why` is one line for the operator. Only changes are told.
    virtual void link(bool up, std::string why) = 0;
    /// A rule's device is there (told again at each look).
    virtual void found(RuleId, Found) {}
    /// Something learned that is worth knowing after a restart (registers that a device type refuses). Kept under the
    /// link's name, at most 256 keys of 4 kB, written to flash with the next save; an empty value forgets the key.
    virtual void remember(std::string /*key*/, std::string /*value*/) {}

protected:
    ~Sink() = default;
};

class Adapter {
public:
    virtual ~Adapter() = default;

    // -- Before start(): what there is. Mistakes go to the Fields' diagnostics, with place and remedy; nothing returned
    //    means that at least one was reported. An adapter reads its own keys only; the mapping reads the rest and then
    //    calls done().

    /// A device type. `profile` is "acme/em24@3"; `section` is its part that is named after the protocol (`modbus:`), null
    /// when absent.
    virtual std::optional<ShapeId> add_shape(std::string_view profile, Fields* section, Diagnostics&) = 0;
    /// One point of it: its address keys (`at`, `type`, `order`, `length` …) and, when it is writable, the adapter's
    /// keys of `write` (`write`, null when absent). Also the texts of object 3 that the protocol tells (`identify`). A
    /// writable point with `bit` or `bits` is read as the whole value and written by the field's own: the adapter keeps
    /// the other bits as they are.
    virtual std::optional<PointIndex> add_point(ShapeId, Fields& point, Fields* write, Access) = 0;
    /// What a bound point's values are, so that the mapping can hold them against the resource's type and find the bits of
    /// `invalid: [0x8000]`; nothing when only running tells.
    virtual std::optional<Kind> kind(ShapeId, PointIndex) const { return std::nullopt; }
    /// The SenML unit that the values of a bound point have by themselves (a SIG characteristic); the profile's `unit` goes before.
    virtual std::optional<std::string> unit(ShapeId, PointIndex) const { return std::nullopt; }
    /// How often a bound point is read when the profile does not say; nothing: every 10 s.
    virtual std::optional<base::Milliseconds> period(ShapeId, PointIndex) const { return std::nullopt; }
    /// The values of a bound point come by themselves (a broker hands them on): it is read only as often as the profile says.
    virtual bool unasked(ShapeId, PointIndex) const { return false; }
    /// Something that is none of the devices stands between (a broker): while it is away nobody knows whether they are
    /// there, so the link being down makes them late, not offline.
    virtual bool apart() const { return false; }
    /// The keys of the profile's `health:` that the protocol knows (`alive`, `via`); the mapping reads the others.
    virtual void add_health(ShapeId, Fields& /*health*/) {}
    /// One device: its keys of the site's list (`unit`, `address`).
    virtual std::optional<DeviceId> add_device(ShapeId, Fields& site) = 0;
    /// One discovery rule: its protocol's keys (`units`, `every`, `share`, `identify`; `topic`, `take`; `match` …).
    virtual std::optional<RuleId> add_rule(Fields& rule) {
        rule.error("link", "nothing can be found on this kind of link", "list its devices under devices:");
        return std::nullopt;
    }
    /// The names that a find of this rule may have among its facts and site keys, so that a misspelt `${serail}` is told
    /// before anything is found; nothing when only running tells.
    virtual std::optional<std::vector<std::string>> facts(RuleId) const { return std::nullopt; }

    // -- Running.

    /// What was remembered in earlier runs, before start(). Whatever makes no sense any more is left alone.
    virtual void recall(const Words& /*remembered*/) {}
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

    // -- For the integrator's hands. What a protocol has not is refused with Errc::not_allowed.

    struct Raw {
        Bytes bytes;          ///< as the device sent them, in their order on the wire
        std::string request;  ///< what was asked: "unit 7 holding 10..11"
        /// Of a point: what read() would make of the bytes, and how they are taken ("float32 CDAB").
        std::optional<Scalar> value{};
        std::string taken_as{};
        bool text = false;  ///< the bytes are a text in UTF-8, and better shown so
    };
    using Fetched = std::function<void(Result<Raw>)>;
    /// The bytes of one point, past all caches.
    virtual void read_raw(DeviceId, PointIndex, Instant /*deadline*/, Fetched done) {
        done(base::fail(base::Errc::not_allowed, "this kind of link has no raw bytes"));
    }
    /// The bytes at an address that no profile names: {"unit", "7"}, {"at", "holding:10"}, {"count", "4"}.
    virtual void fetch(const Words& /*address*/, Instant /*deadline*/, Fetched done) {
        done(base::fail(base::Errc::not_allowed, "this kind of link has no addresses to look at"));
    }
    /// Writes at an address that no profile names: {"unit", "7"}, {"at", "holding:10"}, {"value", "0x00F5"}. An address
    /// that a profile of that device lists under `never:` is refused with Errc::not_allowed. Not verified.
    virtual void put(const Words& /*address*/, Instant /*deadline*/, std::function<void(Result<void>)> done) {
        done(base::fail(base::Errc::not_allowed, "this kind of link has no addresses to write to"));
    }
    struct Progress {
        std::size_t done = 0, of = 0;
        std::string now;  ///< "unit 12 at 9600 8N1"
    };
    /// Looks for devices, beside the running polls and within `share` of the link's time (0 to 1). `options` are the
    /// protocol's own ("units" to "1-247"). One scan a link at a time (Errc::busy). `done` comes once, after the last
    /// device; cancel_scan() brings it soon.
    virtual void scan(const Words& /*options*/, double /*share*/, std::function<void(Found)>, std::function<void(Progress)>,
                      std::function<void(Result<void>)> done) {
        done(base::fail(base::Errc::not_allowed, "nothing can be found on this kind of link"));
    }
    virtual void cancel_scan() {}
    /// Tells every frame or message from now on; null ends it. Costs nothing while it is off.
    virtual void trace(std::function<void(const Traffic&)>) {}

    // -- For a profile's own tests, without a device.

    /// What the points are when the device holds what a test gives (`given`: addresses to values). One for each point in
    /// the order of binding, nothing where the test gives no such address. A wrong address or value goes to the diagnostics.
    virtual std::vector<std::optional<Result<Scalar>>> pretend(DeviceId, const base::Node& given, Diagnostics& diagnostics) {
        diagnostics.error(given.at(), "this protocol's profiles cannot be tested", "remove 'given'");
        return {};
    }
    /// What a write of the point sends, as a test's `sends` writes it: "05 0000 FF00".
    virtual Result<std::vector<std::string>> sends(DeviceId, PointIndex, const Scalar&) const {
        return base::fail(base::Errc::not_allowed, "this protocol's writes cannot be told beforehand");
    }

    // -- Telling.

    struct Cost {
        std::size_t requests = 0;
        std::chrono::microseconds time{};  ///< of the link, pauses and the device's thinking included
        bool measured = false;             ///< with the device's own turnaround; else an assumed one
    };
    /// What one read of these points takes. Zero where the link is no bottleneck (a broker).
    virtual Cost cost(DeviceId, const std::vector<PointIndex>&) const { return {}; }
    /// How much of the link's time the site allows for polls (`busy: 70%`), 0 to 1.
    virtual double busy_limit() const { return 1.0; }
    /// How many polls of different groups it wants at the same time; a bus with one master has one. The next comes when one
    /// of them is answered.
    virtual std::size_t polls_at_once() const { return 1; }
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

constexpr std::uint32_t adapter_api = 2;
constexpr const char* adapter_build = "api 2, " __VERSION__;

}  // namespace adapters
