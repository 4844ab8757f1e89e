#pragma once

#include "adapters/api/adapter.hpp"

namespace adapters::ble {

/// For linking the adapter in; the plugin exports the same.
const Descriptor& descriptor();

std::unique_ptr<Adapter> create(boost::asio::any_io_executor, base::Timers&, base::Random&, Fields& link);

}  // namespace adapters::ble
