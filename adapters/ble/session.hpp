#pragma once

#include "adapters/ble/agent.hpp"
#include "adapters/ble/scanner.hpp"
#include "adapters/ble/slots.hpp"

#include <deque>
#include <memory>

namespace adapters::ble {

/// One device's GATT connection: made when something is to be read or written (or for good), paired when the profile says
/// so, and ended by us when it answers no more. Reads and writes go one after the other, as on the air.
class Session final : private Slots::User {
public:
    static constexpr std::size_t most_waiting = 256;     ///< reads and writes
    static constexpr Milliseconds appear_limit{25'000};  ///< for an object of it, while we scan
    static constexpr Milliseconds connect_limit{25'000};
    static constexpr Milliseconds resolve_limit{20'000};
    static constexpr Milliseconds pair_limit{40'000};
    static constexpr Milliseconds answer_limit{10'000};  ///< of one read or write; then the connection is dead
    static constexpr Milliseconds call_limit{10'000};
    static constexpr Milliseconds notify_limit{5'000};  ///< for the first value of what can only be subscribed to
    static constexpr Milliseconds linger{1'500};        ///< for what follows (a write is read back)
    static constexpr Milliseconds heal_again{3'600'000};
    static constexpr int most_tries = 4;  ///< connects of one attempt
    /// After a pairing that failed whatever is asked has the same answer for so long, each time twice as long up to the last.
    static constexpr Milliseconds pair_rest{5'000}, longest_pair_rest{300'000};

    struct Parts {
        Bus& bus;
        Bluez& bluez;
        Slots& slots;
        Scanner& scanner;
        Agent& agent;
        base::Timers& timers;
        base::Random& random;
    };
    class Owner {
    public:
        virtual void session_up(Session&) = 0;
        /// An attempt came to nothing.
        virtual void session_failed(Session&, const base::Error& why) = 0;
        virtual void session_notified(Session&, const Characteristic&, const base::Bytes&) = 0;
        /// A read whose asker has been told "no answer in time" was answered after all.
        virtual void session_late(Session&, const Characteristic&, const base::Bytes&) = 0;
        /// The text of `firmware`, once a connection: true when it is another than last time.
        virtual bool session_firmware(Session&, const std::string& text) = 0;
        /// One line for trace.
        virtual void session_says(Session&, const std::string& what) = 0;

    protected:
        ~Owner() = default;
    };

    Session(Parts, Owner&, const Address&, const Shape& settings, std::vector<Characteristic> subscriptions);
    ~Session();

    const Address& address() const { return address_; }
    using Got = std::function<void(Result<base::Bytes>)>;
    /// What can only be subscribed to is subscribed to, and its first value taken.
    void read(const Characteristic&, Instant deadline, Got);
    void write(const Characteristic&, base::Bytes, bool response, Instant deadline, std::function<void(Result<void>)>);
    /// Connects and stays connected.
    void stay();
    /// Answers all that waits (Errc::offline) and disconnects; nothing is told after it.
    void stop();

    bool is_up() const { return state_ == State::ready; }
    /// Nothing to do, and not connected.
    bool is_idle() const { return state_ == State::idle && tasks_.empty(); }
    /// Connected, or about to be.
    bool is_connected() const { return state_ >= State::connecting; }
    const std::string& radio() const { return radio_; }
    /// Connected, and the characteristic says that it can be read.
    bool can_read(const Characteristic& at) const {
        const auto* attribute = is_up() ? parts_.bluez.attribute(path_, at) : nullptr;
        return attribute != nullptr && attribute->can("read");
    }
    /// It waits for this device to be heard.
    bool is_looking() const { return state_ == State::looking; }

    // What Bluez tells.
    void service(bool up, const std::string& why);
    void peer_changed(const Peer&);
    void peer_gone(const Peer&);
    void notified(const std::string& path, const base::Bytes&);
    /// It is heard: whatever waits before the next attempt need not wait.
    void heard();

private:
    enum class State : std::uint8_t { idle, looking, queued, connecting, resolving, securing, ready, leaving };
    struct Task {
        Characteristic at;
        bool writes = false, response = true, again = false, running = false;
        base::Bytes bytes;
        Instant deadline{};
        Got done;  ///< null: answered
    };
    struct Subscription {
        Characteristic at;
        std::string path;
        bool started = false;  ///< StartNotify: values come as changes of a property
        std::unique_ptr<Bus::Listening> listening;
        int tries = 0;
    };

    std::vector<std::string> radios() const override;
    void granted(const std::string& radio) override;
    void yield() override;
    bool may_yield() const override;

    void enqueue(std::unique_ptr<Task>);
    bool is_needed() const { return !tasks_.empty() || stays_; }
    void begin();
    void look();
    void connect();
    void connect_failed(const Failure&);
    void check_resolved();
    void secure();
    void pair();
    void pair_failed(base::Error);
    void ready();
    void next();
    void run(Task&, const Attribute&);
    void ran(Answered<std::vector<Value>>);
    void finish(Result<base::Bytes>);
    void missing();
    void subscribe(Subscription&);
    void subscribe_plainly(Subscription&);
    void resubscribe(Subscription&);
    void took(Subscription&, const base::Bytes&);
    void expire();
    void arm_deadline();
    void rest();
    void leave();
    void lost(const std::string& why);
    void fail_attempt(base::Error);
    bool heal(const std::string& why);
    void reset();
    void answer_all(const base::Error&);
    const Peer* peer() const { return path_.empty() ? nullptr : parts_.bluez.peer(path_); }
    std::string doing(const Task& task) const;
    /// `then` when it is still the same connection.
    Bus::Reply guard(std::function<void(Answered<std::vector<Value>>)> then);
    void disconnect_quietly();

    Parts parts_;
    Owner& owner_;
    Address address_;
    const Shape& settings_;
    State state_ = State::idle;
    bool stays_ = false, stopped_ = false;
    std::string path_, radio_;
    bool seen_connected_ = false, refreshed_ = false, pair_tried_ = false, firmware_read_ = false;
    int tries_ = 0, unresolved_ = 0, failures_ = 0;
    std::uint64_t life_ = 0;  ///< of the attempt or connection
    std::deque<std::unique_ptr<Task>> tasks_;
    std::vector<std::unique_ptr<Subscription>> subscriptions_;
    std::optional<Instant> healed_;
    int pair_failures_ = 0;
    Instant refused_until_{};  // nothing is tried before
    base::Error refusal_{};
    base::Timer alarm_, deadline_, retry_, notify_wait_;
    base::Once once_;
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace adapters::ble
