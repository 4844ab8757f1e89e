#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

/// The field that the benchmark measures against: devices that note when they were asked, and what a bare libmodbus
/// loop costs on the same machine. Frames are made by hand, so that the gateway's own library is not asked twice.
namespace field {

using Clock = std::chrono::steady_clock;

/// When each request of each device came. A request is known by unit, function and address.
class Times {
public:
    void note(std::uint32_t device, std::uint8_t function, std::uint16_t address, std::uint16_t count, Clock::time_point now);
    /// Forgets what came until now: the start is not measured.
    void begin(Clock::time_point now);
    /// JSON members: how many requests, how many different ones, how far their distance was from `period` (ms).
    std::string json(std::chrono::milliseconds period, Clock::time_point now) const;

private:
    struct Series {
        std::uint16_t count = 0;
        std::uint64_t requests = 0;
        Clock::time_point last{};
        std::vector<float> distances;  // ms
    };
    std::map<std::uint64_t, Series> series_;
    Clock::time_point begun_{};
};

struct Options {
    unsigned devices = 500;
    std::uint16_t port = 1502;
    std::uint16_t registers = 30;
    unsigned baud = 9600;
    std::chrono::microseconds turnaround{10'000};
    std::chrono::milliseconds period{1000};
    double warmup = 3, duration = 10;  // s
};

/// Device n listens on 127.1.x.y, all with the same port.
std::string address_of(unsigned device);

int serve(const Options&);       ///< Modbus TCP devices; prints "ready", and JSON at the end
int line(const Options&);        ///< a paced serial line with units 1 to `devices`; prints "ready PATH", and JSON at the end
int plain_loop(const Options&);  ///< reads `registers` of each device each period by libmodbus; prints JSON
/// CPU seconds of this process.
double cpu();
/// True once SIGTERM or SIGINT came.
bool over();

}  // namespace field
