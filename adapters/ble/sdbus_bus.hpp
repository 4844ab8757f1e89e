#pragma once

#include "adapters/ble/bus.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <memory>

namespace adapters::ble {

/// The system bus through sdbus-c++, driven by the core loop. Only opening a connection (which waits for the daemon's
/// hello and for the match rules to be set) is done by a thread that lives as long as that takes; the bus then never makes
/// anybody wait. Comes back after a loss with growing pauses, 250 ms to 5 s, half of each by chance.
///
/// At most 4,096 calls wait for a reply, and 64 kB of a value are kept.
std::unique_ptr<Bus> sdbus_bus(boost::asio::any_io_executor, base::Timers&, base::Random&);

}  // namespace adapters::ble
