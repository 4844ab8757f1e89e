#include "gateway/service_manager.hpp"
#include "tests/fakes/manual_timers.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cstdlib>

namespace gateway {
namespace {

using namespace std::chrono_literals;
using Messages = std::vector<std::string>;

// systemd's end of NOTIFY_SOCKET, at an abstract name.
class ServiceManagerTest : public ::testing::Test {
protected:
    ServiceManagerTest() {
        sockaddr_un name{};
        name.sun_family = AF_UNIX;  // no name: the kernel chooses an abstract one
        EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&name), sizeof name.sun_family), 0);
        socklen_t length = sizeof name;
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&name), &length);
        const std::string abstract(name.sun_path + 1, length - offsetof(sockaddr_un, sun_path) - 1);
        ::setenv("NOTIFY_SOCKET", ("@" + abstract).c_str(), 1);
    }
    ~ServiceManagerTest() override {
        for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
        ::close(socket_);
    }
    Messages told() const {
        Messages all;
        char text[200];
        for (ssize_t n; (n = ::recv(socket_, text, sizeof text, MSG_DONTWAIT)) > 0;)
            all.emplace_back(text, static_cast<std::size_t>(n));
        return all;
    }
    static void watchdog(const std::string& limit_us, const std::string& process) {
        ::setenv("WATCHDOG_USEC", limit_us.c_str(), 1);
        ::setenv("WATCHDOG_PID", process.c_str(), 1);
    }

    fakes::ManualTimers timers_;

private:
    int socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

TEST_F(ServiceManagerTest, TellsWhatHappensFromStartToStop) {
    ServiceManager systemd(timers_);
    systemd.ready([] { return ""; });
    systemd.status("registered at 1 of 1 servers");
    systemd.status("registered at 1 of 1 servers");
    timers_.advance(1500ms);
    systemd.reloading();
    systemd.reloaded();
    systemd.stopping();
    EXPECT_EQ(told(), (Messages{"READY=1", "STATUS=registered at 1 of 1 servers", "RELOADING=1\nMONOTONIC_USEC=1500000",
                                "READY=1", "STOPPING=1"}));
}

TEST_F(ServiceManagerTest, FeedsTheWatchdogThriceAsOftenAsItAsksAndOnlyWhileHealthy) {
    watchdog("30000000", std::to_string(::getpid()));
    std::string stuck;
    ServiceManager systemd(timers_);
    systemd.ready([&stuck] { return stuck; });
    EXPECT_EQ(told(), (Messages{"READY=1", "WATCHDOG=1"}));
    timers_.advance(20s);
    EXPECT_EQ(told(), (Messages{"WATCHDOG=1", "WATCHDOG=1"}));
    stuck = "the core loop";
    timers_.advance(20s);
    EXPECT_EQ(told(), Messages{});
    stuck.clear();
    timers_.advance(10s);
    EXPECT_EQ(told(), (Messages{"WATCHDOG=1"}));
    systemd.stopping();
    timers_.advance(60s);
    EXPECT_EQ(told(), (Messages{"STOPPING=1"}));
}

TEST_F(ServiceManagerTest, AWatchdogOfAnotherProcessIsNotOurs) {
    watchdog("30000000", "1");
    ServiceManager systemd(timers_);
    systemd.ready([] { return ""; });
    timers_.advance(60s);
    EXPECT_EQ(told(), (Messages{"READY=1"}));
}

TEST_F(ServiceManagerTest, WithoutSystemdNothingHappens) {
    for (const char* address : {"", "relative/path", "/nowhere/at/all"}) {
        ::setenv("NOTIFY_SOCKET", address, 1);
        ServiceManager nobody(timers_);
        nobody.ready([] { return ""; });
        nobody.stopping();
    }
    ::unsetenv("NOTIFY_SOCKET");
    ServiceManager nobody(timers_);
    nobody.ready([] { return ""; });
    nobody.status("alone");
    EXPECT_EQ(told(), Messages{});
}

}  // namespace
}  // namespace gateway
