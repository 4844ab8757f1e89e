#pragma once

#include "adapters/ble/settings.hpp"

/// Between the bytes of a characteristic and a point's value. The points must be of GATT.
namespace adapters::ble {

/// What the characteristic's bytes say of the point. Nothing when by their flags they say nothing of it (a notification of
/// the heart rate without the energy): no news. not_available() when the device says that it has no value. Errc::malformed
/// when the bytes cannot be such a value.
Result<std::optional<Scalar>> value_of(const PointShape&, base::ByteView);
/// Does a write of the point change only a part of the characteristic? Then it is read before, and handed to bytes_of.
bool needs_present(const PointShape&);
/// What to write. `present` is the characteristic as it is now, where needs_present(). Errc::bad_request when the value
/// does not fit the type; malformed when `present` is too short.
Result<base::Bytes> bytes_of(const PointShape&, const Scalar&, base::ByteView present = {});

}  // namespace adapters::ble
