#include "adapters/ble/descriptor.hpp"

#include "adapters/ble/adapter.hpp"

namespace adapters::ble {

const Descriptor& descriptor() {
    // No simulator: to play a device needs a radio of its own.
    static constexpr Descriptor ble{adapter_api, adapter_build, "ble", &create, nullptr};
    return ble;
}

std::unique_ptr<Adapter> create(boost::asio::any_io_executor executor, base::Timers& timers, base::Random& random,
                                Fields& link) {
    auto settings = read_link(link);
    if (!settings) return nullptr;
    return std::make_unique<BleAdapter>(std::move(executor), timers, random, std::move(*settings));
}

}  // namespace adapters::ble
