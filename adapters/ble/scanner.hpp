#pragma once

#include "adapters/ble/bluez.hpp"
#include "gateway/base/log.hpp"

#include <memory>

namespace adapters::ble {

/// The one owner of discovery on our radios: powers them, has them listen, and notices when they no longer do.
///
/// Passive (advertisement monitors) where bluetoothd has them; taken as working once a report came within `proof`, else
/// active discovery in windows, and said so. Active beside passive while somebody looks for a device that is not known.
/// A radio that hears nothing for `silence` gets its scan restarted, then its power switched off and on, then is reported;
/// the next round follows later and later.
class Scanner {
public:
    static constexpr Milliseconds call_limit{10'000};
    static constexpr Milliseconds proof{60'000};      ///< a monitor that brought no report by then does not work
    static constexpr Milliseconds window{20'000};     ///< of active discovery where there are no monitors
    static constexpr Milliseconds rest{5'000};        ///< between two such windows
    static constexpr Milliseconds silence{90'000};    ///< no report at all for so long: the scan is restarted
    static constexpr Milliseconds next_step{45'000};  ///< then for so long again: the next step
    static constexpr Milliseconds first_round{600'000}, last_round{3'600'000};
    static constexpr Milliseconds first_retry{1'000}, last_retry{60'000};  ///< of powering and of refused scans

    class Handler {
    public:
        /// A radio became usable or not (powered, and scanning or able to); `why` for the operator.
        virtual void radio_usable(const Radio&, bool usable, const std::string& why) = 0;
        /// Connections on this radio that work, which a power cycle would cut.
        virtual bool radio_is_connected(const std::string& radio) = 0;

    protected:
        ~Handler() = default;
    };

    struct Counters {
        std::uint64_t scan_restarts = 0, power_cycles = 0, reported = 0, fallbacks = 0;
    };

    Scanner(Bus&, const LinkSettings&, base::Timers&, base::Random&, Handler&);
    ~Scanner();

    /// Companies whose data are waited for: patterns of the monitor, beside the usual flags.
    void expect_company(std::uint16_t company);
    /// Nobody needs reports: only sessions look for their devices.
    void need_reports(bool needed) { needed_ = needed; }
    /// Reports in answer to questions are needed (`listen: active`).
    void need_active(bool needed) { always_active_ = always_active_ || needed; }

    void service(bool up);
    void radio_changed(const Radio&);
    void radio_gone(const Radio&);
    void heard(const std::string& radio);
    void stop();

    /// Somebody looks for something that is not known: active discovery until then, on all radios.
    void look_actively(base::Instant until);
    bool is_usable(std::string_view radio) const;
    bool any_usable() const;
    /// "hci0 passive, hci1 is switched off"
    std::string str() const;
    const Counters& counters() const { return counters_; }

private:
    enum class Passive : std::uint8_t { off, asked, waiting, proven, refused };
    struct Scanning {
        explicit Scanning(base::Timers& timers) : power(timers), passive_alarm(timers), active_alarm(timers), watch(timers) {}
        Radio radio;
        bool usable = false, told = false;
        std::string trouble, told_why;  ///< "": none
        bool powering = false, cycling = false;
        Milliseconds power_pause = first_retry, active_pause = first_retry;
        Passive passive = Passive::off;
        bool activated = false;
        bool discovering = false, asking = false;  ///< our session; a call is under way
        base::Instant window_until{}, rest_until{};
        base::Instant last{};  ///< report, or begin of scanning
        std::uint8_t step = 0;
        bool ever = false;  ///< anything heard since it was powered
        Milliseconds round = first_round;
        base::Timer power, passive_alarm, active_alarm, watch;
        std::uint64_t life = 0;
    };

    void look(Scanning&);
    void switch_on(Scanning&);
    void begin_passive(Scanning&);
    void prove(Scanning&);
    void end_passive(Scanning&, Passive then);
    void look_active(Scanning&);
    void begin_active(Scanning&);
    void end_active(Scanning&, std::function<void()> then);
    void refused(Scanning&, const Failure&);
    void watch(Scanning&);
    void silent(Scanning&);
    void restart(Scanning&);
    void cycle(Scanning&);
    void judge(Scanning&);
    bool scans(const Scanning&) const;
    bool wants_active(const Scanning&, base::Instant& again) const;
    Milliseconds after(Milliseconds& pause);
    std::string monitor_root(const Scanning&) const;
    /// `then` when the radio is still the same one.
    Bus::Reply guard(Scanning&, std::function<void(Scanning&, Answered<std::vector<Value>>)> then);

    Bus& bus_;
    const LinkSettings& settings_;
    base::Timers& timers_;
    base::Random& random_;
    Handler& handler_;
    bool needed_ = true, always_active_ = false;
    base::Instant active_until_{};
    std::set<std::uint16_t> companies_;
    std::map<std::string, std::unique_ptr<Scanning>, std::less<>> radios_;  ///< by name
    std::uint64_t life_ = 0;
    Counters counters_;
    base::Once once_;
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace adapters::ble
