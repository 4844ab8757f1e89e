#pragma once

#include "adapters/mqtt/session.hpp"
#include "gateway/base/log.hpp"

#include <deque>
#include <map>
#include <optional>
#include <set>

namespace adapters::mqtt {

/// Keeps one connection to one broker: connects, subscribes again after each connect and looks at what the broker
/// granted, comes back after every loss with growing pauses, and holds what is to be sent meanwhile, each until its own
/// deadline and never longer. One session at a time; a new one for each attempt.
///
/// A published message of QoS 0 goes out once or not at all. One of QoS 1 that was not acknowledged before the connection
/// broke is sent again within its deadline (at least once). One of QoS 2 is not: its sender is told (never twice).
class Connection final : private Session::Events {
public:
    class Handler {
    public:
        virtual void up() = 0;
        virtual void down(std::string why) = 0;  ///< only changes, the reason being part of it
        virtual void received(Message) = 0;

    protected:
        ~Handler() = default;
    };

    static constexpr std::size_t filters_a_packet = 8;     ///< what the big cloud brokers take
    static constexpr std::size_t packets_in_flight = 8;    ///< of subscriptions
    static constexpr std::size_t messages_in_flight = 16;  ///< below the receive maximum of any broker
    static constexpr Milliseconds answer_limit{8'000};     ///< for CONNACK, SUBACK, PUBACK; then the connection is dead
    static constexpr Milliseconds steady{10'000};          ///< up for so long: the next pause is the shortest again
    static constexpr Milliseconds refused_again{60'000};   ///< a refused subscription is tried again

    Connection(LinkSettings, SessionMaker, base::Timers&, base::Random&, Handler&);

    /// Subscriptions that are always wanted; the same filter twice takes the higher QoS. Before start() or later.
    void want(const std::string& filter, int qos);
    /// Asked for by one user for a while; unwant() ends it when it was not wanted otherwise.
    void want_for_now(const std::string& filter, int qos);
    void unwant(const std::string& filter);

    void start();
    /// Answers all that waits (Errc::offline) and closes. Nothing is told after it.
    void stop();

    using Done = std::function<void(Result<void>)>;
    /// Errc::busy: offline_queue messages wait. Errc::offline: the broker was away until the deadline. Errc::timeout: sent,
    /// and not acknowledged.
    void publish(Message, Instant deadline, Done);

    bool is_up() const { return up_; }
    const std::string& why_down() const { return why_; }
    /// The broker refused the subscription to this filter.
    bool refused(const std::string& filter) const { return refused_.contains(filter); }
    std::size_t filters() const { return wanted_.size(); }
    const std::string& client_id() const { return client_id_; }
    /// Where the session's name comes from: another set of subscriptions is another session.
    std::string session_name() const;

    struct Counters {
        std::uint64_t received = 0, sent = 0, sent_again = 0, dropped = 0, connects = 0;
    };
    const Counters& counters() const { return counters_; }
    /// Every message from now on; null ends it.
    std::function<void(bool sent, const Message&)> on_traffic;

private:
    struct Out {
        Message message;
        Instant deadline;
        Done done;
        bool abandoned = false;  ///< its deadline has passed, its sender knows
        Instant sent_at{};
    };
    struct Wanted {
        int qos = 0;
        bool always = false;
        int users = 0;
    };

    // Session::Events
    void connected(bool session_present) override;
    void ended(std::string why) override;
    void subscribed(Session::Id, std::vector<int> codes) override;
    void published(Session::Id, Result<void>) override;
    void received(Message) override;

    void attempt();
    void lost(std::string why);
    void tell_down(std::string why);
    void subscribe_more();
    void ready();
    void pump();
    void expire();
    void arm();
    Milliseconds next_pause();

    LinkSettings settings_;
    SessionMaker make_;
    base::Timers& timers_;
    base::Random& random_;
    Handler& handler_;
    std::string client_id_;

    std::map<std::string, Wanted, std::less<>> wanted_;
    std::set<std::string, std::less<>> refused_;
    std::deque<std::string> to_subscribe_;
    struct Asked {
        std::vector<std::string> filters;
        Instant until;
    };
    std::map<Session::Id, Asked> subscribing_;

    std::unique_ptr<Session> session_;
    bool running_ = false, established_ = false, up_ = false, told_down_ = false;
    std::string why_;
    int failures_ = 0;
    Instant established_at_{};
    Session::Id last_id_ = 0;
    std::deque<Out> waiting_;
    std::map<Session::Id, Out> in_flight_;
    Counters counters_;
    base::Once once_;
    base::Timer retry_, guard_, expiry_, again_;
};

}  // namespace adapters::mqtt
