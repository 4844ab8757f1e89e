// The field of tests/bench/mqtt: a publisher that is faster than any broker, a bare Paho subscriber, and the adapter with the
// mapping behind it, values into a store.
//
//   mqtt-field publish PORT DEVICES MESSAGES RATE QOS    RATE 0: as fast as it goes
//   mqtt-field bare PORT QOS QUIET
//   mqtt-field mapped PORT DEVICES QOS QUIET
#include "adapters/mqtt/descriptor.hpp"
#include "config/yaml_reader.hpp"
#include "gateway/asio_timers.hpp"
#include "gateway/base/log.hpp"
#include "mapping/compile.hpp"
#include "tests/bench/mqtt-field/field.hpp"

#include <malloc.h>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <fstream>
#include <thread>

namespace field {

std::uint64_t Tally::age_at(double part) const {
    auto left = static_cast<std::uint64_t>(part * static_cast<double>(count));
    for (std::size_t step = 0; step < ages_.size(); ++step) {
        if (ages_[step] <= left) {
            left -= ages_[step];
            continue;
        }
        if (step < 2 * fine) return step;
        const std::size_t shift = step / fine - 1;
        return std::uint64_t{step - shift * fine} << shift;
    }
    return 0;
}

std::string Tally::str() const {
    long rss = 0, pages = 0;
    std::ifstream("/proc/self/statm") >> pages >> rss;
    const double seconds = static_cast<double>(last - first) / 1e6;
    return fmt::format(
        "{{\"count\": {}, \"seconds\": {:.3f}, \"rate\": {:.0f}, \"p50_us\": {}, \"p99_us\": {}, \"rss_kb\": {}}}", count,
        seconds, seconds > 0 ? static_cast<double>(count) / seconds : 0, age_at(0.5), age_at(0.99), rss * 4);
}

namespace {

namespace asio = boost::asio;

int publish(int port, int devices, long messages, double rate, int qos) {
    asio::io_context loop;
    asio::ip::tcp::socket socket(loop);
    socket.connect({asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port)});
    const std::string hello("\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02pb", 16);
    asio::write(socket, asio::buffer(hello));
    char answer[4];
    asio::read(socket, asio::buffer(answer));
    // Acknowledgements are read and forgotten.
    std::thread drain([&socket] {
        char bytes[65536];
        boost::system::error_code error;
        while (!error) socket.read_some(asio::buffer(bytes), error);
    });
    const auto began = std::chrono::steady_clock::now();
    std::string out;
    std::uint16_t id = 0;
    for (long i = 0; i < messages; ++i) {
        const std::string topic = fmt::format("tele/p{}/SENSOR", i % devices);
        const std::string payload = fmt::format("{{\"t\":{},\"ENERGY\":{{\"Power\":{},\"Total\":{}}}}}", now_us(), i % 3000, i);
        const std::size_t size = 2 + topic.size() + (qos > 0 ? 2 : 0) + payload.size();
        out += static_cast<char>(0x30 | qos << 1);
        for (std::size_t left = size;;) {
            out += static_cast<char>((left & 0x7F) | (left > 0x7F ? 0x80U : 0U));
            if ((left >>= 7) == 0) break;
        }
        out += static_cast<char>(topic.size() >> 8);
        out += static_cast<char>(topic.size());
        out += topic;
        if (qos > 0) {
            if (++id == 0) id = 1;
            out += static_cast<char>(id >> 8);
            out += static_cast<char>(id);
        }
        out += payload;
        const bool paced = rate > 0;
        if (out.size() > (paced ? 0U : 16'000U) || i + 1 == messages) {
            asio::write(socket, asio::buffer(out));
            out.clear();
        }
        if (paced)
            std::this_thread::sleep_until(began + std::chrono::duration_cast<std::chrono::nanoseconds>(
                                                      std::chrono::duration<double>(static_cast<double>(i + 1) / rate)));
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    std::printf("{\"sent\": %ld, \"rate\": %.0f}\n", messages, static_cast<double>(messages) / seconds);
    std::this_thread::sleep_for(std::chrono::seconds(2));
    socket.shutdown(asio::ip::tcp::socket::shutdown_both);
    drain.join();
    return 0;
}

constexpr const char* profile = R"(
format: 1
profile: bench/plug
revision: 1
protocol: mqtt
params: {topic: {type: string}, qos: {type: int, default: 0, min: 0, max: 2}}
mqtt: {from: "tele/${topic}/SENSOR", qos: "${qos}"}
points:
  made: {pick: /t, to: 3300/0/5700}
  power: {pick: /ENERGY/Power, unit: W, range: [0, 4000], to: 3305/0/5800}
  energy: {pick: /ENERGY/Total, scale: 1000, unit: Wh, to: 3305/0/5805}
)";

/// The mapping's readings, one place for each point.
struct Store final : adapters::Sink {
    void value(adapters::DeviceId device, adapters::PointIndex index, adapters::Scalar raw, base::WallTime) override {
        const auto& point = plan->devices[device].type->points[index];
        auto reading = point.conversion.read(raw);
        if (!reading) return;
        auto& place = places[device * 4U + index];
        place = std::move(*reading);
        if (index == 0) tally.add(static_cast<std::int64_t>(*lwm2m::numeric(place.value)));
    }
    void link(bool up, std::string why) override {
        std::printf(up ? "{\"ready\": true}\n" : "{\"down\": \"%s\"}\n", why.c_str());
        std::fflush(stdout);
    }
    const mapping::Plan* plan = nullptr;
    std::vector<mapping::Reading> places;
    Tally tally;
};

int mapped(int port, int devices, int qos, double quiet) {
    asio::io_context loop(1);
    auto work = asio::make_work_guard(loop);  // messages come from another thread
    gateway::AsioTimers timers(loop);
    gateway::SystemRandom random;
    base::Diagnostics diagnostics;
    const auto catalog = lwm2m::ObjectCatalog::builtin();
    mapping::Sources sources;
    sources.profiles.push_back(config::read_yaml(profile, "plug.yaml", diagnostics).value());
    std::string site = "format: 1\ndevices:\n";
    for (int i = 0; i < devices; ++i)
        site += fmt::format("  - {{id: d{0}, profile: bench/plug@1, link: house, set: {{topic: p{0}, qos: {1}}}}}\n", i, qos);
    sources.site.push_back(config::read_yaml(site, "site.yaml", diagnostics).value());
    const auto links =
        config::read_yaml(fmt::format("house: {{mqtt: \"mqtt://127.0.0.1:{}\"}}", port), "gateway.yaml", diagnostics).value();
    sources.links = &links;
    sources.catalog = &catalog;
    sources.make = [&](std::string_view, base::Fields& link) {
        return adapters::mqtt::create(loop.get_executor(), timers, random, link);
    };
    auto plan = mapping::compile(sources, diagnostics);
    if (!plan) {
        std::fprintf(stderr, "%s", diagnostics.str().c_str());
        return 1;
    }
    sources = {};
    malloc_trim(0);  // as the gateway does once its files are read
    Store store;
    store.plan = &*plan;
    store.places.resize(static_cast<std::size_t>(devices) * 4);
    plan->links.front().driver->start(store);
    while (store.tally.count == 0 || static_cast<double>(now_us() - store.tally.last) < quiet * 1e6)
        loop.run_one_for(std::chrono::milliseconds(50));
    std::printf("%s\n", store.tally.str().c_str());
    plan->links.front().driver->stop([&loop] { loop.stop(); });
    loop.run_for(std::chrono::seconds(2));
    return 0;
}

}  // namespace
}  // namespace field

int main(int argc, char** argv) {
    const auto number = [&](int i) { return i < argc ? std::atof(argv[i]) : 0.0; };
    const std::string verb = argc > 1 ? argv[1] : "";
    if (verb == "publish" && argc == 7)
        return field::publish(static_cast<int>(number(2)), static_cast<int>(number(3)), static_cast<long>(number(4)), number(5),
                              static_cast<int>(number(6)));
    if (verb == "bare" && argc == 5) {
        std::printf("%s\n", field::bare(static_cast<int>(number(2)), static_cast<int>(number(3)), number(4)).str().c_str());
        return 0;
    }
    if (verb == "mapped" && argc == 6)
        return field::mapped(static_cast<int>(number(2)), static_cast<int>(number(3)), static_cast<int>(number(4)), number(5));
    std::fprintf(stderr, "see the head of main.cpp\n");
    return 2;
}
