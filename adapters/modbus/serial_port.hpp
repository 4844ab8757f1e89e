#pragma once

#include "adapters/modbus/link_settings.hpp"

#include <modbus/modbus.h>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace adapters::modbus {

/// The device file of a serial line: opened and set by libmodbus, used by nobody else, switched to sending and back as the
/// site says. For the thread of the line.
class SerialPort {
public:
    /// ioctl(2), for tests: a pseudo-terminal has neither modem lines nor RS-485.
    using Ioctl = std::function<int(int fd, unsigned long request, void* argument)>;

    explicit SerialPort(SerialLine line, Ioctl ioctl = {});
    ~SerialPort() { close(); }
    SerialPort(const SerialPort&) = delete;
    SerialPort& operator=(const SerialPort&) = delete;

    /// Errc::offline with a reason for the operator: not there, no right, in use by another process (flock and TIOCEXCL, so
    /// also by a second gateway or our own command line), no serial line, a direction that its driver cannot switch.
    Result<void> open();
    void close();
    bool is_open() const { return fd_ >= 0; }
    int descriptor() const { return fd_; }
    const SerialLine& line() const { return line_; }
    /// Another speed, parity and stop bits, from the next open() on.
    void set_format(const SerialLine&);
    /// Sends all of it, with the direction switched. Returns after the last byte has left when we switch (rts), else as soon
    /// as the kernel has it. Errc::offline: the device is gone.
    Result<void> send(base::ByteView);
    /// What an operator should know of the last open(), one line each.
    const std::vector<std::string>& notes() const { return notes_; }

private:
    Result<void> claim();
    Result<void> set_direction();
    bool kernel_switches();
    bool set_rts(bool on);
    void set_low_latency();
    Result<void> write_all(base::ByteView);

    SerialLine line_;
    const Ioctl ioctl_;
    std::unique_ptr<modbus_t, void (*)(modbus_t*)> modbus_{nullptr, &modbus_free};
    int fd_ = -1;
    bool switch_by_rts_ = false;
    std::vector<std::string> notes_;
};

/// The name of /dev/serial that stays with `device` when ttyUSB0 and its like are numbered anew; "" when there is none, or
/// `device` needs none. By the socket that it is plugged into (by-path) before by its maker (by-id), which twins share.
std::string lasting_name(const std::string& device, const std::string& folder = "/dev/serial");

}  // namespace adapters::modbus
