#pragma once

#include "adapters/api/adapter.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Sparkplug B payloads (specification 3.0, chapter 6): the part of their Protocol Buffers that metrics of plain values
/// need. Data sets, templates and property sets are passed over.
namespace adapters::mqtt::sparkplug {

/// Numbers of 6.4.16.
enum class Type : std::uint8_t {
    unknown = 0,
    int8 = 1,
    int16 = 2,
    int32 = 3,
    int64 = 4,
    uint8 = 5,
    uint16 = 6,
    uint32 = 7,
    uint64 = 8,
    float32 = 9,
    float64 = 10,
    boolean = 11,
    string = 12,
    datetime = 13,
    text = 14,
    uuid = 15,
    dataset = 16,
    bytes = 17
};
std::string_view name(Type);
std::optional<Type> type_named(std::string_view name);

struct Metric {
    std::string name;  ///< "": only its alias is told
    std::optional<std::uint64_t> alias;
    std::optional<std::uint64_t> timestamp;  ///< ms since 1970
    Type type = Type::unknown;
    bool historical = false, is_null = false;
    std::optional<Scalar> value;  ///< as the type says; of an unknown type as its field says
};

struct Payload {
    std::optional<std::uint64_t> timestamp, seq;
    std::vector<Metric> metrics;
};

constexpr std::size_t most_metrics = 10'000;   ///< of one message
constexpr std::size_t longest_name = 1'024;    ///< bytes
constexpr std::size_t longest_value = 65'536;  ///< bytes of a text or of bytes

/// Errc::malformed when the bytes are no such message; unknown fields are passed over.
Result<Payload> decode(base::ByteView);
base::Bytes encode(const Payload&);
/// A value as the type holds it; Errc::bad_request when it does not fit.
Result<Scalar> fit(Type, const Scalar&);

/// The value of an integer field; of an unknown type its plain bits.
std::optional<Scalar> typed(Type, std::uint64_t bits);

/// spBv1.0/GROUP/TYPE/NODE[/DEVICE]
struct Topic {
    std::string_view group, message, node, device;
};
std::optional<Topic> parse_topic(std::string_view topic);

}  // namespace adapters::mqtt::sparkplug
