#pragma once

#include "adapters/ble/bus.hpp"
#include "gateway/base/result.hpp"

/// What bluetoothd's errors mean. Its names are coarse ("Failed" is most of them), so its texts are looked at too; they
/// are those of 5.50 to 5.8x.
namespace adapters::ble {

namespace bluez {
constexpr const char* adapter = "org.bluez.Adapter1";
constexpr const char* device = "org.bluez.Device1";
constexpr const char* service = "org.bluez.GattService1";
constexpr const char* characteristic = "org.bluez.GattCharacteristic1";
constexpr const char* monitors = "org.bluez.AdvertisementMonitorManager1";
constexpr const char* agents = "org.bluez.AgentManager1";
constexpr const char* root = "/org/bluez";
}  // namespace bluez

/// For the server: gateway digest, section 11. `doing` begins the message: "reading 0x180F/0x2A19".
base::Error error_of(const Failure&, std::string_view doing);

/// The ATT error code in the text ("… ATT error: 0x0e"), when there is one.
std::optional<std::uint8_t> att_code(const Failure&);
/// The object is none any more: it is to be looked for anew.
bool is_gone(const Failure&);
/// The peer asks for encryption or a bond that is not there.
bool wants_pairing(const Failure&);
/// The connection is not there, or broke meanwhile.
bool is_cut(const Failure&);
/// The name without "org.bluez.Error.": "InProgress".
std::string_view short_name(const Failure&);

}  // namespace adapters::ble
