#pragma once

#include "adapters/ble/decoder.hpp"

#include <memory>
#include <variant>

/// A link, a device type and its points as they were read from gateway.yaml, a profile and the site's list.
namespace adapters::ble {

using base::Milliseconds;

enum class Scan : std::uint8_t {
    automatic,  ///< passive where it is proven to work, with active windows while something is unknown; else active
    passive,
    active
};

/// Keys of a link: ble, scan, connections.
struct LinkSettings {
    std::vector<std::string> radios;  ///< "hci0" …; empty: all that there are (`ble: all`)
    Scan scan = Scan::automatic;
    std::uint8_t connections = 5;  ///< at the same time on one radio, 1 to 32

    /// "ble hci0, hci1"
    std::string where() const;
    bool uses(std::string_view radio) const;
};

enum class Pairing : std::uint8_t { none, just_works, passkey, compare };

struct PairSettings {
    Pairing mode = Pairing::none;
    std::optional<std::uint32_t> passkey;  ///< 0 to 999,999; a secret
    bool encrypted = false;                ///< `require`: nothing is read or written without
    bool authenticated = false;            ///< `require`: and the pairing had a passkey or a comparison
};

struct Characteristic {
    Uuid service, characteristic;
    /// "0x181A/0x2A6E"
    std::string text() const { return service.text() + "/" + characteristic.text(); }
    friend auto operator<=>(const Characteristic&, const Characteristic&) = default;
};

struct SigFormat;  ///< sig_format.hpp: a characteristic of the GATT specification supplement

/// Bytes of an own beacon: `at: manufacturer:3`, `at: service:3`. Counted from after the company number.
struct BytePlace {
    enum class Of : std::uint8_t { manufacturer, service };
    Of of = Of::manufacturer;
    std::uint16_t at = 0;
    Encoding encoding;  ///< length 0: all that follow
};

/// What the radio knows of each device, whatever its format: `field: rssi`.
enum class RadioField : std::uint8_t {
    address,   ///< text, "C4:7C:8D:00:00:01"; known without hearing it
    name,      ///< text
    rssi,      ///< dBm, int64
    last_seen  ///< seconds since 1970, int64
};

struct GattPlace {
    Characteristic at;
    /// The SIG's own format, and which of its fields; null: `encoding`.
    const SigFormat* sig = nullptr;
    std::uint16_t field = 0;
    std::uint16_t byte = 0;  ///< `at: byte:2`: where the value begins
    bool partial = false;    ///< with `at`: a write keeps what stands around it
    Encoding encoding;       ///< length 0: all that follow
};

struct PointShape {
    std::variant<BytePlace, FieldRef, RadioField, GattPlace> from;
    Access access;
    bool notify = false;          ///< GATT: subscribe (notify or indicate, as the characteristic has it)
    bool response = true;         ///< GATT: `write: {response: false}` is a Write Without Response
    std::optional<GattPlace> to;  ///< GATT: where a write goes, when it is elsewhere
    /// `bit` or `bits` of a writable point (lowest, highest): a write keeps the other bits.
    std::optional<std::pair<std::uint8_t, std::uint8_t>> bits;
    Kind kind = Kind::bytes;
    std::string_view unit = "";  ///< of itself (SIG format, decoder's field); "": none

    const GattPlace* gatt() const { return std::get_if<GattPlace>(&from); }
    /// Of a GATT point.
    const GattPlace& write_place() const { return to ? *to : std::get<GattPlace>(from); }
};

/// A device type.
struct Shape {
    std::string profile;

    // Listening
    bool listens = false;  ///< some point comes by advertisements (RadioField alone does not count)
    bool active = false;   ///< `listen: active`: its data come in scan responses
    std::optional<std::uint16_t> company;
    std::optional<Uuid> service;
    base::Bytes starts_with;              ///< of the company's or service's data
    std::optional<std::uint16_t> length;  ///< of the same
    std::optional<BytePlace> counter;     ///< the same count: the same report heard again
    const Decoder* decoder = nullptr;
    Security security;

    // Connecting
    bool connects = false;       ///< some point has a characteristic
    bool stay = false;           ///< `connect: stay`; else only while reading or writing
    Milliseconds poll{600'000};  ///< per-poll: points without `every` are read as often
    PairSettings pair;
    /// `on_new_firmware`: when this text is another than last time, the cached services are forgotten and read again.
    std::optional<Characteristic> firmware;

    std::vector<PointShape> points;
};

/// A device's keys of the site's list: address.
struct DeviceSettings {
    Address address;
};

constexpr std::size_t most_devices = 4'096;  ///< of one link
constexpr std::size_t most_points = 1'024;   ///< of one device type
constexpr std::size_t longest_value = 512;   ///< bytes of a characteristic (Core 5.4, vol 3, F 3.2.9)

/// Keys: ble, scan, connections. Reports every mistake, then returns nothing.
std::optional<LinkSettings> read_link(Fields& link);
/// Keys of the section: listen, company, service, starts_with, length, counter, order (for all), decode, key, replay,
/// connect, poll, pair, on_new_firmware. May be null.
std::optional<Shape> read_shape(std::string_view profile, Fields* section, Diagnostics&, std::string& default_order);
/// Keys of a point: char, at, field, type, length, order, notify; of its `write`: char, response. A step's `write` and
/// `expect` are points too. `shape.listens` and `shape.connects` follow.
std::optional<PointShape> read_point(Shape&, std::string_view default_order, Fields& point, Fields* write, Access);
/// Keys: address.
std::optional<DeviceSettings> read_device(Fields& site);

}  // namespace adapters::ble
