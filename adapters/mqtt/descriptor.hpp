#pragma once

#include "adapters/api/adapter.hpp"

namespace adapters::mqtt {

/// For linking the adapter in; the plugin exports the same.
const Descriptor& descriptor();

std::unique_ptr<Adapter> create(boost::asio::any_io_executor, base::Timers&, base::Random&, Fields& link);
std::unique_ptr<Simulator> simulate(boost::asio::any_io_executor, const Adapter&, DeviceId, std::string where,
                                    std::function<void(std::string)> log);

}  // namespace adapters::mqtt
