#pragma once

#include "adapters/api/encoding.hpp"
#include "adapters/mqtt/json.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

/// What a message's payload says of a point.
namespace adapters::mqtt {

/// The bytes of one message; its JSON is parsed once, when the first rule asks.
class Payload {
public:
    explicit Payload(base::ByteView bytes) : bytes_(bytes) {}
    base::ByteView bytes() const { return bytes_; }
    std::string_view text() const { return base::as_text(bytes_); }
    /// Null when it is none.
    const Json* json();

private:
    base::ByteView bytes_;
    bool tried_ = false;
    std::optional<Json> json_;
};

/// `when: {/fPort: 2, /model: ["A*", B]}`: each place must hold one of its texts (* and ? as in file names).
struct Condition {
    Pointer at;
    std::vector<std::string> any;
};
bool hold(const std::vector<Condition>&, const Json&, Json::Place from = 0);

/// How bytes are written in a payload.
enum class Held : std::uint8_t { base64, hex, raw };

/// Headers of a frame made of records, and how many bytes of data follow each: `channels: {"0367": 2}`.
using Channels = std::vector<std::pair<base::Bytes, std::uint8_t>>;

struct PayloadRule {
    std::vector<Pointer> pick;    ///< alternatives; the first that is there counts. Empty: the whole payload
    std::vector<Condition> when;  ///< else the message says nothing of this point
    std::optional<Kind> kind;     ///< `type`; of a plain value: what it must be
    /// `states`: what it says for false and for true.
    std::optional<std::pair<std::string, std::string>> states;
    std::optional<Held> held;  ///< not given: a plain value
    Encoding encoding;         ///< of the bytes; length 0: all that follow
    std::int32_t at = 0;       ///< first byte; below 0 counted from the end
    base::Bytes channel;       ///< of a frame of records: where it begins; empty: `at` counts
    std::shared_ptr<const Channels> channels;
};

/// What an author says once for all points of a profile.
struct PayloadDefaults {
    std::optional<Held> held;
    std::vector<Pointer> pick;
    std::vector<Condition> when;
    std::string order;
    std::shared_ptr<const Channels> channels;
};

constexpr std::size_t longest_value = 4'096;  ///< bytes of a text or of a frame's bytes as one value

/// The value; nothing when the message has none for this point (a partial JSON, null, an empty payload).
/// Errc::malformed when what it has cannot be.
Result<std::optional<Scalar>> take(const PayloadRule&, Payload&);
/// A scalar as the wanted kind: the text "21.5" is a number, 1 is true. Errc::malformed when it cannot be.
Result<Scalar> as_kind(const Scalar&, Kind);
/// The value as text for a payload: the bytes of `held` in their writing, else plain. Errc::bad_request when it does not
/// fit the type.
Result<Scalar> to_write(const PayloadRule&, const Scalar&);

std::optional<base::Bytes> from_base64(std::string_view text);
std::string to_base64(base::ByteView bytes);

/// Keys of the section: bytes, pick, when, order, channels.
PayloadDefaults read_defaults(Fields& section);
/// `states: [closed, open]`
std::optional<std::pair<std::string, std::string>> read_states(Fields&);
/// Keys of a point: pick, when, type, order, length, bytes, at, states.
std::optional<PayloadRule> read_payload_rule(Fields& point, const PayloadDefaults&);
/// A pointer or a list of them.
std::vector<Pointer> read_pointers(Fields&, std::string_view key);
std::vector<Condition> read_conditions(Fields&, std::string_view key);

}  // namespace adapters::mqtt
