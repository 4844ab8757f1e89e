#include "adapters/modbus/serial_port.hpp"

#include <fcntl.h>
#include <linux/serial.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>

namespace adapters::modbus {

using base::ByteView;
using base::Errc;
using base::fail;

namespace {

using namespace std::chrono_literals;

constexpr int write_patience = 1000;  // ms that the kernel may take no byte

std::string open_reason(const std::string& device, int error) {
    switch (error) {
        case ENOENT: return fmt::format("there is no {}; is the adapter plugged in?", device);
        case EACCES:
        case EPERM: return fmt::format("no right to use {}; is the user in its group (dialout)?", device);
        case EBUSY:
        case EWOULDBLOCK: return fmt::format("another program uses {}", device);
        case ENOTTY: return fmt::format("{} is no serial line", device);
        default: return fmt::format("{}: {}", device, std::strerror(error));
    }
}

std::uint32_t whole_ms(std::chrono::microseconds span) { return static_cast<std::uint32_t>((span + 999us) / 1ms); }

}  // namespace

SerialPort::SerialPort(SerialLine line, Ioctl ioctl)
    : line_(std::move(line)), ioctl_(ioctl ? std::move(ioctl) : [](int fd, unsigned long request, void* argument) {
          return ::ioctl(fd, request, argument);
      }) {}

void SerialPort::set_format(const SerialLine& line) {
    line_.baud = line.baud;
    line_.parity = line.parity;
    line_.stop_bits = line.stop_bits;
}

/// Nobody else may have the device, and nobody's settings are touched before that is sure.
Result<void> SerialPort::claim() {
    const int probe = ::open(line_.device.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (probe < 0) return fail(Errc::offline, open_reason(line_.device, errno));
    int error = 0;
    if (::isatty(probe) == 0)
        error = ENOTTY;
    else if (::flock(probe, LOCK_EX | LOCK_NB) != 0)
        error = errno;
    else
        modbus_.reset(modbus_new_rtu(line_.device.c_str(), line_.baud, line_.parity, 8, line_.stop_bits));
    if (error == 0 && (modbus_ == nullptr || modbus_connect(modbus_.get()) != 0)) error = errno;
    ::close(probe);  // and its lock; the device stays open by the other descriptor
    if (error == 0 && ::flock(modbus_get_socket(modbus_.get()), LOCK_EX | LOCK_NB) != 0) {
        error = errno;
        modbus_close(modbus_.get());
    }
    if (error == 0) return {};
    modbus_.reset();
    return fail(Errc::offline, open_reason(line_.device, error));
}

Result<void> SerialPort::open() {
    close();
    notes_.clear();
    if (const auto mine = claim(); !mine) return mine;
    fd_ = modbus_get_socket(modbus_.get());
    (void)::fcntl(fd_, F_SETFD, FD_CLOEXEC);
    (void)ioctl_(fd_, TIOCEXCL, nullptr);
    set_low_latency();
    if (const auto direction = set_direction(); !direction) {
        close();
        return direction;
    }
    if (const std::string name = lasting_name(line_.device); !name.empty())
        notes_.push_back(fmt::format("{} may be another adapter after the next start; {} stays the same", line_.device, name));
    return {};
}

void SerialPort::close() {
    if (fd_ < 0) return;
    (void)ioctl_(fd_, TIOCNXCL, nullptr);  // outlives the descriptor where somebody else has the file open
    modbus_close(modbus_.get());
    modbus_.reset();
    fd_ = -1;
    switch_by_rts_ = false;
}

/// USB adapters hold bytes back for up to 16 ms, in the hope of more.
void SerialPort::set_low_latency() {
    serial_struct settings{};
    constexpr int low_latency = static_cast<int>(ASYNC_LOW_LATENCY);
    if (ioctl_(fd_, TIOCGSERIAL, &settings) != 0 || (settings.flags & low_latency) != 0) return;
    settings.flags |= low_latency;
    (void)ioctl_(fd_, TIOCSSERIAL, &settings);
}

bool SerialPort::kernel_switches() {
    serial_rs485 settings{};
    settings.flags = SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND;
    settings.delay_rts_before_send = whole_ms(line_.rs485.before);
    settings.delay_rts_after_send = whole_ms(line_.rs485.after);
    return ioctl_(fd_, TIOCSRS485, &settings) == 0;
}

bool SerialPort::set_rts(bool on) {
    int line = TIOCM_RTS;
    return ioctl_(fd_, on ? TIOCMBIS : TIOCMBIC, &line) == 0;
}

Result<void> SerialPort::set_direction() {
    switch (line_.rs485.direction) {
        case Rs485::Direction::none: break;
        case Rs485::Direction::automatic:
            if (!kernel_switches())
                notes_.push_back(
                    fmt::format("the driver of {} cannot switch RS-485: the adapter has to do it by itself, or write "
                                "rs485: {{direction: rts}}",
                                line_.device));
            break;
        case Rs485::Direction::kernel:
            if (!kernel_switches())
                return fail(Errc::offline,
                            fmt::format("the driver of {} cannot switch RS-485 ({}); write rs485: {{direction: auto}} or rts",
                                        line_.device, std::strerror(errno)));
            break;
        case Rs485::Direction::rts:
            if (!set_rts(false))
                return fail(Errc::offline,
                            fmt::format("{} has no RTS to switch RS-485 with ({})", line_.device, std::strerror(errno)));
            switch_by_rts_ = true;
            break;
    }
    return {};
}

Result<void> SerialPort::send(ByteView bytes) {
    if (!switch_by_rts_) return write_all(bytes);
    if (!set_rts(true)) return fail(Errc::offline, std::strerror(errno));
    std::this_thread::sleep_for(line_.rs485.before);
    auto sent = write_all(bytes);
    if (sent && ::tcdrain(fd_) != 0 && errno != EINTR) sent = fail(Errc::offline, std::strerror(errno));
    std::this_thread::sleep_for(line_.rs485.after);
    if (!set_rts(false) && sent) sent = fail(Errc::offline, std::strerror(errno));
    return sent;
}

Result<void> SerialPort::write_all(ByteView bytes) {
    while (!bytes.empty()) {
        const auto count = ::write(fd_, bytes.data(), bytes.size());
        if (count > 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(count));
            continue;
        }
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno != EAGAIN) return fail(Errc::offline, std::strerror(errno));
        pollfd room{fd_, POLLOUT, 0};
        if (::poll(&room, 1, write_patience) == 0) return fail(Errc::offline, "it takes no bytes");
        if ((room.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return fail(Errc::offline, "it was unplugged");
    }
    return {};
}

std::string lasting_name(const std::string& device, const std::string& folder) {
    namespace fs = std::filesystem;
    const std::string name = fs::path(device).filename();
    const bool numbered = name.starts_with("ttyUSB") || name.starts_with("ttyACM");
    if (!numbered || device.starts_with(folder)) return {};
    std::error_code error;
    const auto target = fs::canonical(device, error);
    if (error) return {};
    for (const char* kind : {"by-path", "by-id"}) {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator(fs::path(folder) / kind, error)) {
            std::error_code broken;
            if (fs::canonical(entry.path(), broken) == target && !broken) names.push_back(entry.path());
        }
        if (!names.empty()) return *std::min_element(names.begin(), names.end());
    }
    return {};
}

}  // namespace adapters::modbus
