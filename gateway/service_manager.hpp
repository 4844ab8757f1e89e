#pragma once

#include "gateway/base/time.hpp"

#include <functional>
#include <string>

namespace gateway {

/// systemd, when it is there: READY=1, STATUS=, WATCHDOG=1. Without it every call is a no-op.
class ServiceManager {
public:
    explicit ServiceManager(base::Timers& timers) : timers_(timers), alarm_(timers) {}

    /// `healthy`: asked before each sign of life; "" or what is stuck. A stuck gateway is not fed, so that systemd
    /// restarts it.
    void ready(std::function<std::string()> healthy);
    void status(const std::string& line);
    void stopping();
    /// Around a reload (`systemctl reload` waits for the second).
    void reloading();
    void reloaded();

private:
    void feed();

    base::Timers& timers_;
    base::Timer alarm_;
    std::function<std::string()> healthy_;
    base::Milliseconds every_{};
    std::string told_;
};

}  // namespace gateway
