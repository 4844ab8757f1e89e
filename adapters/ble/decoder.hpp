#pragma once

#include "adapters/api/encoding.hpp"
#include "adapters/ble/advertisement.hpp"

#include <array>
#include <limits>
#include <span>

/// Formats of advertisements that everybody uses, so that a profile need not count bytes: `decode: bthome`.
namespace adapters::ble {

/// What a device says when it has no value (a sentinel): the mapping shows no value, and quality 1.
inline Scalar not_available() { return std::numeric_limits<double>::quiet_NaN(); }

using Key = std::array<std::uint8_t, 16>;

/// What a decoder can tell: `field: temperature`.
struct Field {
    std::string_view name;
    Kind kind = Kind::float64;
    std::string_view unit = "";  ///< SenML; "": none
    std::uint8_t most = 1;       ///< how often one report may hold it; the second is `field: temperature_2`
};

/// The n-th field of a decoder, and which of several.
struct FieldRef {
    std::uint16_t field = 0;
    std::uint8_t instance = 0;  ///< from 0
    friend bool operator==(const FieldRef&, const FieldRef&) = default;
};

struct FieldValue {
    FieldRef field;
    Scalar value;
};

/// How a report was taken.
enum class Outcome : std::uint8_t {
    values,        ///< new: `values` hold what it says
    repeat,        ///< heard before (the same counter): proves that the device is there, and says nothing new
    foreign,       ///< not this format: nothing that concerns the decoder
    malformed,     ///< this format, and it cannot be (length, version, a type that nobody knows)
    no_key,        ///< encrypted, and the profile has no key
    wrong_key,     ///< encrypted, and the key (or the sender) is the wrong one
    replayed,      ///< encrypted, and the counter is not above the last: an old message sent again
    not_encrypted  ///< in clear, though there is a key: somebody else may have sent it
};
constexpr std::size_t outcomes = 8;
/// "wrong key", for counters and logs.
std::string_view name(Outcome);

/// What is kept of one device between two reports.
struct Memory {
    std::optional<std::uint32_t> count;   ///< of the last report, to know a repeat; lost with a restart
    base::Instant heard{};                ///< when `count` came
    std::optional<std::uint32_t> replay;  ///< the greatest counter of an authentic message; kept over restarts (replay.hpp)
    base::Instant authentic{};            ///< when that came; the epoch: in an earlier run
};

/// What becomes of a counter that is not above the last. A device that lost power counts from 0 again, and so does a
/// stranger who kept an old message.
enum class Replay : std::uint8_t {
    restarts,  ///< refused, but a counter below 256 after a minute of silence is a new battery
    strict,    ///< refused; after a new battery somebody must forget the device's counter
    ignored    ///< taken: for devices that begin anywhere
};

struct Security {
    std::optional<Key> key;
    Replay replay = Replay::restarts;
};

struct Report {
    Outcome outcome = Outcome::foreign;
    std::vector<FieldValue> values;
    std::string why;  ///< one line for the operator when it is neither values, repeat nor foreign; no secret
};

class Decoder {
public:
    virtual ~Decoder() = default;
    virtual std::string_view name() const = 0;
    virtual std::span<const Field> fields() const = 0;
    /// Where it stands in an advertisement: one of both.
    virtual std::optional<std::uint16_t> company() const { return std::nullopt; }
    virtual std::optional<Uuid> service() const { return std::nullopt; }
    /// Does the format have a key?
    virtual bool encrypts() const { return false; }
    /// Changes `memory` only for a report that is taken. Never throws, never reads past the data.
    virtual Report decode(const Advertisement&, const Security&, Memory& memory) const = 0;

    /// "temperature", "temperature_2" … up to the field's `most`.
    std::optional<FieldRef> find(std::string_view field) const;
    const Field& field(FieldRef ref) const { return fields()[ref.field]; }
};

/// "ruuvi-3", "ruuvi-5", "bthome", "mibeacon", "eddystone", "ibeacon"; for `section.choice("decode", …)`.
const std::vector<std::string_view>& decoder_names();
/// Of that list; lives for ever.
const Decoder& decoder(std::size_t number);

/// Is this the same count as in the last report, not longer than `for_so_long` ago? Notes it when not.
bool is_repeat(Memory&, std::uint32_t count, base::Instant now, base::Milliseconds for_so_long = std::chrono::seconds(30));

}  // namespace adapters::ble
