#include "field.hpp"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>
#include <cstdio>
#include <thread>

namespace field {

namespace {

std::uint16_t crc(const std::uint8_t* at, std::size_t size) {
    std::uint16_t value = 0xFFFF;
    for (std::size_t i = 0; i < size; ++i) {
        value = static_cast<std::uint16_t>(value ^ at[i]);
        for (int bit = 0; bit < 8; ++bit) value = static_cast<std::uint16_t>(value & 1 ? (value >> 1) ^ 0xA001 : value >> 1);
    }
    return value;
}

}  // namespace

/// The line is busy from a request's first character to the end of the silence after its answer.
int line(const Options& options) {
    const int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) return 1;
    const int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);  // kept open: the master never hangs up
    termios raw{};
    tcgetattr(slave, &raw);
    cfmakeraw(&raw);
    tcsetattr(slave, TCSANOW, &raw);
    std::printf("ready %s\n", ptsname(master));
    std::fflush(stdout);

    using std::chrono::duration_cast;
    const std::chrono::duration<double> character{11.0 / options.baud};
    const std::chrono::duration<double> silence =
        options.baud > 19200 ? std::chrono::duration<double>(0.00175) : character * 3.5;
    const auto span = [](std::chrono::duration<double> d) { return duration_cast<Clock::duration>(d); };

    Times times;
    const auto start = Clock::now();
    const auto begin = start + span(std::chrono::duration<double>(options.warmup));
    const auto end = begin + span(std::chrono::duration<double>(options.duration));
    std::chrono::duration<double> busy{0};
    bool begun = false;
    unsigned collisions = 0, broken = 0;
    auto free_at = start;
    std::uint8_t frame[256];
    std::size_t have = 0;
    while (!over() && Clock::now() < end) {
        if (!begun && Clock::now() >= begin) {
            begun = true, busy = {}, collisions = broken = 0;
            times.begin(Clock::now());
            std::puts("begin");
            std::fflush(stdout);
        }
        pollfd poller{master, POLLIN, 0};
        if (poll(&poller, 1, 20) <= 0) continue;
        const auto came = Clock::now();
        const ssize_t got = read(master, frame + have, sizeof frame - have);
        if (got <= 0) continue;
        if (have == 0 && came < free_at) ++collisions;  // spoken into the silence after an answer
        have += static_cast<std::size_t>(got);
        if (have < 8) continue;
        const std::size_t size = 8;
        const bool sound = crc(frame, size - 2) == static_cast<std::uint16_t>(frame[6] | frame[7] << 8);
        const std::uint8_t unit = frame[0], function = frame[1];
        const auto address = static_cast<std::uint16_t>(frame[2] << 8 | frame[3]);
        const auto count = static_cast<std::uint16_t>(frame[4] << 8 | frame[5]);
        have = 0;
        if (!sound || (function != 3 && function != 4) || count == 0 || count > 125) {
            ++broken;
            continue;
        }
        times.note(unit, function, address, count, came);
        if (unit == 0 || unit > options.devices) continue;  // nobody there
        std::uint8_t answer[5 + 250];
        answer[0] = unit, answer[1] = function, answer[2] = static_cast<std::uint8_t>(2 * count);
        for (unsigned i = 0; i < count; ++i) {
            const auto value = static_cast<std::uint16_t>(address + i);
            answer[3 + 2 * i] = static_cast<std::uint8_t>(value >> 8), answer[4 + 2 * i] = static_cast<std::uint8_t>(value);
        }
        const std::size_t length = 5U + 2U * count;
        const std::uint16_t sum = crc(answer, length - 2);
        answer[length - 2] = static_cast<std::uint8_t>(sum), answer[length - 1] = static_cast<std::uint8_t>(sum >> 8);
        // The request's own time on the wire, the device's thinking, then the answer, handed over when its last character
        // would have come. (A pty gives all at once; the sum of times is what a real line takes.)
        const auto spoken = came + span(character * static_cast<double>(size)) + options.turnaround +
                            span(character * static_cast<double>(length));
        std::this_thread::sleep_until(spoken);
        if (write(master, answer, length) < 0) return 1;
        free_at = Clock::now();
        busy += character * static_cast<double>(size + length) + std::chrono::duration<double>(options.turnaround) + silence;
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    std::printf("{%s, \"busy\": %.4f, \"collisions\": %u, \"broken\": %u}\n", times.json(options.period, Clock::now()).c_str(),
                busy.count() / seconds, collisions, broken);
    std::fflush(stdout);
    close(slave);
    close(master);
    return 0;
}

}  // namespace field
