#pragma once

#include "gateway/base/time.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace gateway {

/// systemd, when it is there (the environment has NOTIFY_SOCKET): READY=1, STATUS=, WATCHDOG=1 as sd_notify(3) and
/// sd_watchdog_enabled(3) say. Without it every call is a no-op. Those pages promise the protocol, one datagram a message, for
/// programs that speak it themselves; libsystemd would map a megabyte of compression and cryptography into each gateway.
class ServiceManager {
public:
    explicit ServiceManager(base::Timers& timers);
    ServiceManager(const ServiceManager&) = delete;
    ServiceManager& operator=(const ServiceManager&) = delete;
    ~ServiceManager();

    /// `healthy`: asked before each sign of life; "" or what is stuck. A stuck gateway is not fed, so that systemd
    /// restarts it.
    void ready(std::function<std::string()> healthy);
    /// One line. Told once, when it changes.
    void status(const std::string& line);
    void stopping();
    /// Around a reload (`systemctl reload` waits for the second).
    void reloading();
    void reloaded();

private:
    void feed();
    void tell(std::string_view message) const;

    base::Timers& timers_;
    base::Timer alarm_;
    std::function<std::string()> healthy_;
    base::Milliseconds every_{};
    std::string told_;
    int socket_ = -1;
};

}  // namespace gateway
