#include "adapters/mqtt/descriptor.hpp"

#include "adapters/mqtt/adapter.hpp"
#include "adapters/mqtt/simulator.hpp"

namespace adapters::mqtt {

const Descriptor& descriptor() {
    static constexpr Descriptor mqtt{adapter_api, adapter_build, "mqtt", &create, &simulate};
    return mqtt;
}

std::unique_ptr<Adapter> create(boost::asio::any_io_executor executor, base::Timers& timers, base::Random& random,
                                Fields& link) {
    auto settings = read_link(link);
    if (!settings) return nullptr;
    return std::make_unique<MqttAdapter>(std::move(executor), timers, random, std::move(*settings));
}

std::unique_ptr<Simulator> simulate(boost::asio::any_io_executor executor, const Adapter& adapter, DeviceId device,
                                    std::string where, std::function<void(std::string)> log) {
    const auto* mqtt = dynamic_cast<const MqttAdapter*>(&adapter);
    const Shape* shape = mqtt != nullptr ? mqtt->shape_of(device) : nullptr;
    if (shape == nullptr) return nullptr;
    return std::make_unique<MqttSimulator>(std::move(executor), *shape, std::move(where), std::move(log));
}

}  // namespace adapters::mqtt
