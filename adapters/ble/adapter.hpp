#pragma once

#include "adapters/ble/binding.hpp"
#include "adapters/ble/replay.hpp"
#include "adapters/ble/session.hpp"

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <list>
#include <memory>
#include <unordered_map>

namespace adapters::ble {

using BusMaker = std::function<std::unique_ptr<Bus>()>;

/// The radios of this machine and the devices that they hear: beacons by their advertisements, others by GATT.
class BleAdapter final : public Binding, private Bluez::Handler, private Scanner::Handler, private Session::Owner {
public:
    static constexpr Milliseconds poll_patience{120'000};  ///< of a poll, waiting for a connection included
    static constexpr Milliseconds first_retry{10'000}, last_retry{300'000};
    static constexpr int most_misses = 3;               ///< polls in a row without an answer: the device is away
    static constexpr Milliseconds sign_of_life{5'000};  ///< a device that only repeats itself is told so often
    static constexpr Milliseconds radio_pace{10'000};   ///< signal strength and time are told so often
    static constexpr Milliseconds save_pace{60'000};    ///< replay counters
    static constexpr Milliseconds settle{3'000};        ///< for a radio to be found after bluetoothd is
    static constexpr double finds_at_once = 200, finds_a_second = 20;
    static constexpr std::size_t most_waiting = 64;    ///< tools that wait for a report
    static constexpr std::size_t most_strange = 8;     ///< connections to devices that no profile names, for tools
    static constexpr std::size_t most_firmware = 128;  ///< firmware texts that are kept over restarts

    /// `make`: for tests; else the system bus.
    BleAdapter(boost::asio::any_io_executor, base::Timers&, base::Random&, LinkSettings, BusMaker make = {});
    ~BleAdapter() override;

    /// A poll needs a connection.
    std::size_t polls_at_once() const override {
        return settings().connections * std::max<std::size_t>(settings().radios.size(), 1);
    }

    void recall(const Words& remembered) override;
    void start(Sink&) override;
    void stop(std::function<void()> stopped) override;
    void read(DeviceId, std::vector<PointIndex>, Instant deadline, std::function<void(Values)>) override;
    void write(DeviceId, PointIndex, Scalar, Instant deadline, std::function<void(Result<void>)>) override;

    void read_raw(DeviceId, PointIndex, Instant deadline, Fetched) override;
    void fetch(const Words& address, Instant deadline, Fetched) override;
    void put(const Words& address, Instant deadline, std::function<void(Result<void>)>) override;
    void scan(const Words& options, double share, std::function<void(Found)>, std::function<void(Progress)>,
              std::function<void(Result<void>)> done) override;
    void cancel_scan() override;
    void trace(std::function<void(const Traffic&)>) override;

    std::string where() const override;

    struct Counters {
        std::uint64_t reports = 0, ours = 0, finds_dropped = 0;
        std::array<std::uint64_t, outcomes> by_outcome{};
    };
    const Counters& counters() const { return counters_; }
    const Scanner& scanner() const { return scanner_; }
    const Bluez& bluez() const { return bluez_; }
    const Slots& slots() const { return slots_; }

private:
    struct Latest {
        std::optional<Scalar> value;
        Instant at{};
    };
    struct Device {
        std::vector<Latest> latest;  ///< by point
        Memory memory;
        std::unique_ptr<Session> session;      ///< null: it is only listened to
        std::vector<PointIndex> radio_points;  ///< of RadioField
        bool unreachable = false;              ///< heard, and yet it could not be read or written
        std::optional<bool> alive;             ///< as told
        Instant life_told{}, radio_told{};
    };
    using PointValues = std::vector<std::pair<PointIndex, Result<Scalar>>>;
    struct Asked;
    struct Listener {
        std::uint64_t id = 0;
        DeviceId device = 0;
        PointIndex point = 0;
        std::function<void(Result<Raw>)> done;
        std::unique_ptr<base::Timer> alarm;
    };
    /// A device that no profile names, connected to for a tool.
    struct Stranger {
        explicit Stranger(base::Timers& timers) : end(timers) {}
        Shape shape;
        std::unique_ptr<Session> session;
        base::Timer end;
    };
    struct Scanned;

    // Bluez::Handler
    void service(bool up, const std::string& why) override;
    void radio_changed(const Radio&) override;
    void radio_gone(const Radio&) override;
    void heard(const Advertisement&, const Peer&) override;
    void peer_changed(const Peer&) override;
    void peer_gone(const Peer&) override;
    void notified(const Peer&, const std::string& path, const base::Bytes&) override;
    // Scanner::Handler
    void radio_usable(const Radio&, bool usable, const std::string& why) override;
    bool radio_is_connected(const std::string& radio) override;
    // Session::Owner
    void session_up(Session&) override;
    void session_failed(Session&, const base::Error& why) override;
    void session_notified(Session&, const Characteristic&, const base::Bytes&) override;
    void session_late(Session&, const Characteristic&, const base::Bytes&) override;
    bool session_firmware(Session&, const std::string& text) override;
    void session_says(Session&, const std::string& what) override;

    Session::Owner& owner() { return *this; }
    Session::Parts parts() { return {*bus_, bluez_, slots_, scanner_, agent_, timers_, random_}; }
    void prepare(DeviceId);
    void each_session(const std::function<void(Session&)>&);
    DeviceId device_of(const Session&) const;
    void judge_link();
    void take_report(DeviceId, const Advertisement&, const Peer&);
    void tell_radio(DeviceId, const Advertisement&, const Peer&);
    void take_rules(const Peer&);
    void deliver(DeviceId, PointIndex, Scalar);
    void deliver(DeviceId, const Characteristic&, const base::Bytes&);
    void sign(DeviceId, bool alive, const std::string& why);
    void reached(DeviceId, const base::Error* trouble);
    void save();
    void close();
    Result<Scalar> known(DeviceId, PointIndex) const;
    void finish_listeners(DeviceId, const Advertisement&, const PointValues&);
    void scan_tick();
    Session* session_at(const Words& address, Characteristic& at, base::Error& trouble);
    void drop_strangers();
    void answer_later(std::function<void()>);
    void say(bool sent, std::string text, const base::Bytes& payload);

    boost::asio::any_io_executor executor_;
    base::Timers& timers_;
    base::Random& random_;
    Counters counters_;
    std::function<void(const Traffic&)> hear_;
    std::unique_ptr<Bus> bus_;
    Bluez bluez_;
    Scanner scanner_;
    Slots slots_;
    Agent agent_;
    Sink* sink_ = nullptr;
    std::vector<std::unique_ptr<Device>> running_;  ///< by DeviceId
    std::unordered_map<Address, std::vector<DeviceId>> by_address_;
    std::map<const Session*, DeviceId> by_session_;
    std::list<std::unique_ptr<Stranger>> strangers_;
    ReplayBook book_;
    std::map<Address, std::string> firmware_;
    std::list<Listener> listeners_;
    std::uint64_t last_listener_ = 0;
    std::shared_ptr<Scanned> scan_;
    std::optional<bool> link_told_;
    std::string link_why_, why_not_;
    Instant finds_at_{};
    double finds_left_ = finds_at_once;
    bool unsaved_ = false;
    base::Timer save_timer_, settle_timer_;
    base::Once once_;
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace adapters::ble
