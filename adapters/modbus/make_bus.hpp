#pragma once

#include "adapters/modbus/bus.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <memory>

namespace adapters::modbus {

/// The wire that a link's settings ask for. Opens nothing.
std::unique_ptr<Bus> make_bus(const boost::asio::any_io_executor&, base::Timers&, base::Random&, const LinkSettings&);

}  // namespace adapters::modbus
