#include "tests/bench/mqtt-field/field.hpp"

#include <mqtt/async_client.h>
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>

namespace field {

Tally bare(int port, int qos, double quiet) {
    mqtt::async_client client("tcp://127.0.0.1:" + std::to_string(port), "bare", mqtt::create_options(MQTTVERSION_3_1_1));
    Tally tally;
    std::mutex mutex;
    client.set_message_callback([&](const mqtt::const_message_ptr& message) {
        // As much as any use needs: find the value in the text.
        const auto& text = message->get_payload_str();
        const auto at = text.find("\"t\":");
        const std::lock_guard lock(mutex);
        tally.add(at == std::string::npos ? now_us() : std::strtoll(text.c_str() + at + 4, nullptr, 10));
    });
    client.connect(mqtt::connect_options_builder().mqtt_version(MQTTVERSION_3_1_1).clean_session(true).finalize())->wait();
    client.subscribe("tele/+/SENSOR", qos)->wait();
    std::printf("{\"ready\": true}\n");
    std::fflush(stdout);
    while (true) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        const std::lock_guard lock(mutex);
        if (tally.count > 0 && static_cast<double>(now_us() - tally.last) > quiet * 1e6) break;
    }
    client.disconnect()->wait();
    return tally;
}

}  // namespace field
