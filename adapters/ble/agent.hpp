#pragma once

#include "adapters/ble/bluez.hpp"
#include "gateway/base/log.hpp"

namespace adapters::ble {

/// Answers bluetoothd when a device is paired: with the passkey of the site's secrets, or that nobody looks at a screen.
/// Only for devices that we are pairing at the moment; everybody else is refused.
class Agent {
public:
    static constexpr const char* path = "/lwm2m_gateway/agent";
    static constexpr Milliseconds call_limit{10'000};

    explicit Agent(Bus& bus) : bus_(bus) {}

    /// A device that may be paired; before start(). The agent's capability follows from all of them.
    void may_pair(const PairSettings& settings) {
        needed_ = needed_ || settings.mode != Pairing::none;
        types_ = types_ || settings.mode == Pairing::passkey || settings.mode == Pairing::compare;
    }
    /// bluetoothd is there.
    void start();
    void pairing(const Address& address, const PairSettings& settings) { current_[address] = settings; }
    void paired(const Address& address) { current_.erase(address); }

private:
    Answered<std::vector<Value>> asked(std::string_view method, const std::vector<Value>& arguments);

    Bus& bus_;
    bool needed_ = false, types_ = false, served_ = false;
    std::map<Address, PairSettings> current_;
    base::Once once_;
};

}  // namespace adapters::ble
