#include "adapters/modbus/descriptor.hpp"

#include "adapters/modbus/adapter.hpp"
#include "adapters/modbus/simulator.hpp"

namespace adapters::modbus {

const Descriptor& descriptor() {
    static constexpr Descriptor modbus{adapter_api, adapter_build, "modbus", &create, &simulate};
    return modbus;
}

std::unique_ptr<Adapter> create(boost::asio::any_io_executor executor, base::Timers& timers, base::Random& random,
                                Fields& link) {
    auto settings = read_link(link);
    if (!settings) return nullptr;
    return std::make_unique<ModbusAdapter>(std::move(executor), timers, random, std::move(*settings));
}

std::unique_ptr<Simulator> simulate(boost::asio::any_io_executor executor, const Adapter& adapter, DeviceId device,
                                    std::string where, std::function<void(std::string)> log) {
    const auto* modbus = dynamic_cast<const ModbusAdapter*>(&adapter);
    const Shape* shape = modbus != nullptr ? modbus->shape_of(device) : nullptr;
    if (shape == nullptr) return nullptr;
    return std::make_unique<ModbusSimulator>(std::move(executor), shape->points, modbus->unit_of(device), std::move(where),
                                             std::move(log));
}

}  // namespace adapters::modbus
