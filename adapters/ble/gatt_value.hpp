#pragma once

#include "adapters/ble/settings.hpp"

/// Between the bytes of a characteristic and a point's value. The points must be of GATT.
namespace adapters::ble {

/// What the characteristic's bytes say of the point. Errc::malformed when they cannot be such a value; not_available()
/// when the device says that it has none.
Result<Scalar> value_of(const PointShape&, base::ByteView);
/// Does a write of the point change only a part of the characteristic? Then it is read before, and handed to bytes_of.
bool needs_present(const PointShape&);
/// What to write. `present` is the characteristic as it is now, where needs_present(). Errc::bad_request when the value
/// does not fit the type; malformed when `present` is too short.
Result<base::Bytes> bytes_of(const PointShape&, const Scalar&, base::ByteView present = {});

}  // namespace adapters::ble
