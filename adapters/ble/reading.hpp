#pragma once

#include "adapters/ble/settings.hpp"

/// What the readers of this folder's keys share.
namespace adapters::ble {

/// A UUID as a key's value: 0x180F, "0x180F", or all of it. Nothing: reported.
std::optional<Uuid> read_uuid(Fields&, std::string_view key);
/// "0x181A/0x2A6E" of a key. Nothing: reported, or absent.
std::optional<Characteristic> read_characteristic(Fields&, std::string_view key);
/// `at: manufacturer:3` with type, length and order; `default_order` where it has none. Nothing: reported.
std::optional<BytePlace> read_byte_place(Fields&, std::string_view default_order, Kind default_kind);
/// type, length and order; text and bytes without a length reach to the end (length 0). Nothing: reported.
std::optional<Encoding> read_bytes(Fields&, std::string_view default_order, Kind default_kind);

constexpr std::string_view char_forms = "write service/characteristic: char: 0x181A/0x2A6E";

}  // namespace adapters::ble
