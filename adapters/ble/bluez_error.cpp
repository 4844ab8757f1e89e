#include "adapters/ble/bluez_error.hpp"

#include "gateway/base/log.hpp"

namespace adapters::ble {

using base::Errc;

namespace {

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// Core 5.4, vol 3, F 3.4.1.1 and the common profile error codes of the CSS, B 1.2.
Errc of_att(std::uint8_t code) {
    switch (code) {
        case 0x01:  // invalid handle
        case 0x0A:  // attribute not found
            return Errc::not_found;
        case 0x02:  // read not permitted
        case 0x03:  // write not permitted
        case 0x06:  // request not supported
        case 0x0B:  // attribute not long
        case 0x10:  // unsupported group type
            return Errc::not_allowed;
        case 0x04:  // invalid PDU
            return Errc::malformed;
        case 0x05:  // insufficient authentication
        case 0x08:  // insufficient authorization
        case 0x0C:  // encryption key too short
        case 0x0F:  // insufficient encryption
            return Errc::unauthorized;
        case 0x07:  // invalid offset
        case 0x0D:  // invalid attribute value length
        case 0x13:  // value not allowed
        case 0xFC:  // write request rejected
        case 0xFF:  // out of range
            return Errc::bad_request;
        case 0x09:  // prepare queue full
        case 0x11:  // insufficient resources
        case 0xFE:  // procedure already in progress
            return Errc::busy;
        case 0x0E:  // unlikely error: what bluetoothd says when the connection breaks meanwhile
            return Errc::timeout;
        default: return Errc::internal;
    }
}

Errc code_of(const Failure& failure) {
    if (const auto att = att_code(failure)) return of_att(*att);
    const auto name = short_name(failure);
    const std::string_view text = failure.text;
    if (name == "NotPermitted") return wants_pairing(failure) ? Errc::unauthorized : Errc::not_allowed;
    if (name == "NotAuthorized" || name.starts_with("Authentication") || name == "Rejected") return Errc::unauthorized;
    if (name == "NotSupported") return Errc::not_allowed;
    if (name == "InvalidValueLength" || name == "InvalidOffset" || name == "InvalidArguments" || name == "ImproperlyConfigured")
        return Errc::bad_request;
    if (name == "InProgress" || has(text, "in progress")) return Errc::busy;
    if (name == "NotReady" || name == "NotConnected" || name == "NotAvailable" || has(text, "Not connected") ||
        has(text, "Input/output error") || failure.name == failures::disconnected)
        return Errc::offline;
    if (name == "ConnectionAttemptFailed" || has(text, "le-connection") || has(text, "br-connection") ||
        failure.name == failures::no_reply || failure.name == failures::timeout)
        return Errc::timeout;
    if (is_gone(failure)) return Errc::not_found;
    if (failure.name == failures::access_denied) return Errc::offline;
    return Errc::internal;
}

}  // namespace

std::string_view short_name(const Failure& failure) {
    constexpr std::string_view prefix = "org.bluez.Error.";
    const std::string_view name = failure.name;
    return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

std::optional<std::uint8_t> att_code(const Failure& failure) {
    constexpr std::string_view mark = "ATT error: 0x";
    const auto at = failure.text.find(mark);
    if (at == std::string::npos) return std::nullopt;
    const auto digits = failure.text.substr(at + mark.size(), 2);
    const auto byte = base::from_hex(digits);
    return byte && byte->size() == 1 ? std::optional(byte->front()) : std::nullopt;
}

bool is_gone(const Failure& failure) {
    return failure.name == failures::unknown_object || failure.name == failures::unknown_method ||
           short_name(failure) == "DoesNotExist";
}

bool wants_pairing(const Failure& failure) {
    if (const auto att = att_code(failure)) return *att == 0x05 || *att == 0x08 || *att == 0x0C || *att == 0x0F;
    const auto name = short_name(failure);
    return name == "NotAuthorized" || (name == "NotPermitted" && (has(failure.text, "paired") || has(failure.text, "ncrypt") ||
                                                                  has(failure.text, "uthent")));
}

bool is_cut(const Failure& failure) {
    return att_code(failure) == 0x0E || has(failure.text, "Not connected") || short_name(failure) == "NotConnected" ||
           failure.name == failures::no_reply || failure.name == failures::timeout || failure.name == failures::disconnected;
}

base::Error error_of(const Failure& failure, std::string_view doing) {
    std::string said = failure.name == failures::no_reply || failure.name == failures::timeout
                           ? std::string("no answer in time")
                           : base::printable(failure.text.empty() ? failure.name : failure.text);
    if (failure.name == failures::access_denied)
        said =
            "the D-Bus policy does not let this user speak to bluetoothd (lwm2m-gateway-dbus.conf, or the group 'bluetooth')";
    return {code_of(failure), fmt::format("{}: {}", doing, said)};
}

}  // namespace adapters::ble
