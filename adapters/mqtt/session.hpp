#pragma once

#include "adapters/mqtt/link_settings.hpp"
#include "adapters/mqtt/message.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

/// One connection to a broker, from the first packet to the last. The seam between our connection machine and an MQTT
/// library: a test gives another.
namespace adapters::mqtt {

struct Filter {
    std::string topic;
    int qos = 0;
    friend bool operator==(const Filter&, const Filter&) = default;
};

class Session {
public:
    using Id = std::uint64_t;

    /// Told on the core loop, never from within a call of ours, and never after ~Session().
    class Events {
    public:
        virtual void connected(bool session_present) = 0;
        /// The attempt failed, or the connection broke. The session is of no use any more.
        virtual void ended(std::string why) = 0;
        /// One code for each filter as in the SUBACK (3.1.1 section 3.9.3, 5 section 3.9.3): above 2 it was refused. Empty:
        /// the request itself failed.
        virtual void subscribed(Id, std::vector<int> codes) = 0;
        /// QoS 0: given to the network; 1 and 2: the broker has it.
        virtual void published(Id, Result<void>) = 0;
        virtual void received(Message) = 0;

    protected:
        ~Events() = default;
    };

    /// Disconnects without waiting.
    virtual ~Session() = default;
    virtual void connect(const std::string& client_id, bool clean) = 0;
    virtual void subscribe(Id, std::vector<Filter>) = 0;
    virtual void unsubscribe(std::vector<std::string>) = 0;
    /// `expiry`: the broker hands it to nobody later than that (MQTT 5 only).
    virtual void publish(Id, Message, Milliseconds expiry) = 0;
    /// Messages that were dropped since the last call, because more came than could be taken.
    virtual std::size_t dropped() = 0;
};

using SessionMaker = std::function<std::unique_ptr<Session>(Session::Events&)>;

}  // namespace adapters::mqtt
