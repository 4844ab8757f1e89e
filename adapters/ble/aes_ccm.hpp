#pragma once

#include "adapters/ble/decoder.hpp"

namespace adapters::ble {

/// AES-128-CCM (RFC 3610) as encrypted beacons have it: nonce of 7 to 13 bytes, tag of 4. Nothing when the tag does not
/// fit: another key, another device, or changed on the way.
std::optional<base::Bytes> decrypt(const Key&, base::ByteView nonce, base::ByteView associated, base::ByteView text,
                                   base::ByteView tag);
/// The other way, for tests and simulated devices: the text, then the tag.
base::Bytes encrypt(const Key&, base::ByteView nonce, base::ByteView associated, base::ByteView plain);

constexpr std::size_t tag_size = 4;

}  // namespace adapters::ble
