#pragma once

#include "lwm2m/codec/codec.hpp"
#include "lwm2m/composite.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <vector>

namespace lwm2m {

/// What one server is sent without asking.
struct SendPlan {
    std::chrono::seconds every{0};  ///< 0: only when somebody calls send()
    /// Prefix "*": of each device.
    std::vector<Target> paths{};
    bool devices = true;  ///< false: nothing of device trees, for a server that does not know gateways
};

/// Send (OMA Core 1.2 6.4.6): values that go to the server's /dp by themselves. Our own tree and the devices go in messages
/// of their own, since a server that does not know gateways refuses a whole message for one prefix (gateway digest 12).
/// Nothing is sent while the server mutes it, is not registered with, or has the last one still to answer.
class Sender {
public:
    /// Values in one message; more go into the next.
    static constexpr std::size_t most_values = 500;
    /// Paths of one plan or call.
    static constexpr std::size_t most_paths = 64;

    struct Hooks {
        std::function<bool(ServerId, const Path& instance)> has_told;  ///< of our own tree: announced to the server
        std::function<void(ServerId)> update;                          ///< it says that it does not know us
        std::function<std::vector<std::string>()> prefixes;            ///< of all devices
    };
    Sender(Transport&, ObjectTree&, const AccessControl&, base::Timers&, const codec::Lookup&, Hooks);
    ~Sender();

    void plan(ServerId, SendPlan);
    /// /1/x/23. True or absent: nothing is sent.
    void set_muted(ServerId, bool muted);
    void registered(ServerId);
    void away(ServerId);
    /// Now, as far as that is allowed. Errc::not_allowed: muted or not registered. Errc::busy: the last is under way.
    Result<void> send(ServerId, std::vector<Target> paths);
    /// Messages that a server took and refused.
    struct Count {
        std::uint64_t taken = 0, refused = 0;
    };
    Count count(ServerId) const;

private:
    struct Server;
    struct Message;
    Server& at(ServerId);
    void arm(Server&, base::Instant when);
    void begin(Server&, std::vector<Target> paths);
    void collected(Server&, bool devices, std::vector<Gathered>);
    void next(Server&);
    void answered(Server&, std::uint64_t round, const Result<UplinkAnswer>&);

    Transport& transport_;
    ObjectTree& tree_;
    const AccessControl& access_;
    base::Timers& timers_;
    const codec::Lookup& lookup_;
    Hooks hooks_;
    std::map<ServerId, std::unique_ptr<Server>> servers_;
    std::shared_ptr<const bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace lwm2m
