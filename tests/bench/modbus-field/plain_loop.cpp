#include "field.hpp"

#include <modbus/modbus.h>
#include <sys/resource.h>
#include <cerrno>
#include <cstdio>
#include <thread>

namespace field {

double cpu() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

int plain_loop(const Options& options) {
    std::vector<modbus_t*> devices;
    for (unsigned n = 0; n < options.devices; ++n) {
        modbus_t* device = modbus_new_tcp(address_of(n).c_str(), options.port);
        if (device == nullptr || modbus_connect(device) != 0) {
            std::fprintf(stderr, "%s: %s\n", address_of(n).c_str(), modbus_strerror(errno));
            return 1;
        }
        modbus_set_slave(device, 1);
        devices.push_back(device);
    }
    const double before = cpu();
    const auto begun = Clock::now();
    const auto end = begun + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.duration));
    std::uint64_t read = 0, failed = 0;
    for (auto turn = begun; turn < end && !over(); turn += options.period) {
        std::this_thread::sleep_until(turn);
        for (modbus_t* device : devices) {
            std::uint16_t registers[125];
            if (modbus_read_registers(device, 0, options.registers, registers) == options.registers)
                ++read;
            else
                ++failed;
        }
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    std::printf("{\"reads\": %llu, \"failed\": %llu, \"cpu\": %.5f, \"seconds\": %.3f}\n",
                static_cast<unsigned long long>(read), static_cast<unsigned long long>(failed), cpu() - before, seconds);
    for (modbus_t* device : devices) {
        modbus_close(device);
        modbus_free(device);
    }
    return 0;
}

}  // namespace field
