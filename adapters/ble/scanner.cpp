#include "adapters/ble/scanner.hpp"

#include <algorithm>

namespace adapters::ble {

namespace {

constexpr const char* monitor_interface = "org.bluez.AdvertisementMonitor1";

/// Why a radio cannot be powered or used, for the operator.
std::string remedy(const Radio& radio, const Failure& failure) {
    const auto name = short_name(failure);
    if (radio.blocked || name == "Blocked" || failure.text.find("rfkill") != std::string::npos)
        return fmt::format("{} is blocked by rfkill: rfkill unblock bluetooth", radio.name);
    if (failure.name == failures::access_denied)
        return fmt::format("{}: {}", radio.name, error_of(failure, "switching it on").message);
    return fmt::format("{} cannot be switched on: {}", radio.name,
                       base::printable(failure.text.empty() ? failure.name : failure.text));
}

}  // namespace

Scanner::Scanner(Bus& bus, const LinkSettings& settings, base::Timers& timers, base::Random& random, Handler& handler)
    : bus_(bus), settings_(settings), timers_(timers), random_(random), handler_(handler) {}

Scanner::~Scanner() = default;

void Scanner::expect_company(std::uint16_t company) {
    if (companies_.size() < 32) companies_.insert(company);
}

std::string Scanner::monitor_root(const Scanning& its) const {
    return fmt::format("/lwm2m_gateway/monitor/{}", its.radio.name);
}

Milliseconds Scanner::after(Milliseconds& pause) {
    const auto now = pause / 2 + std::chrono::duration_cast<Milliseconds>(pause / 2 * random_.unit());
    pause = std::min(pause * 2, last_retry);
    return now;
}

Bus::Reply Scanner::guard(Scanning& its, std::function<void(Scanning&, Answered<std::vector<Value>>)> then) {
    return [this, name = its.radio.name, life = its.life, then = std::move(then),
            alive = std::weak_ptr(alive_)](Answered<std::vector<Value>> answer) {
        if (alive.expired()) return;
        const auto found = radios_.find(name);
        if (found == radios_.end() || found->second->life != life) return;
        then(*found->second, std::move(answer));
    };
}

// -- Coming and going

void Scanner::service(bool up) {
    if (up) return;
    for (auto& [name, its] : radios_) bus_.unserve(monitor_root(*its) + "/all");
    radios_.clear();
}

void Scanner::radio_changed(const Radio& radio) {
    if (!settings_.uses(radio.name) && !settings_.uses(radio.address)) return;
    auto& place = radios_[radio.name];
    if (!place) {
        place = std::make_unique<Scanning>(timers_);
        place->life = ++life_;
    }
    Scanning& its = *place;
    const bool was_on = its.radio.powered, was_discovering = its.radio.discovering;
    its.radio = radio;
    if (was_on && !radio.powered) {  // its sessions are gone with its power
        its.discovering = its.asking = false;
        its.window_until = its.rest_until = {};
        end_passive(its, its.passive == Passive::refused ? Passive::refused : Passive::off);
    }
    if (!was_on && radio.powered) its.trouble.clear();
    if (its.discovering && was_discovering && !radio.discovering && !its.asking) its.discovering = false;
    look(its);
}

void Scanner::radio_gone(const Radio& radio) {
    const auto found = radios_.find(radio.name);
    if (found == radios_.end()) return;
    const auto its = std::move(found->second);
    radios_.erase(found);
    bus_.unserve(monitor_root(*its) + "/all");
    if (its->usable || !its->told) handler_.radio_usable(radio, false, fmt::format("{} was taken away", radio.name));
}

void Scanner::stop() {
    for (auto& [name, its] : radios_) {
        its->life = ++life_;
        if (its->discovering) bus_.call(its->radio.path, bluez::adapter, "StopDiscovery", {}, call_limit, [](auto) {});
        bus_.unserve(monitor_root(*its) + "/all");
    }
    radios_.clear();
}

void Scanner::look(Scanning& its) {
    if (its.cycling) return;
    if (!its.radio.powered) {
        judge(its);
        return switch_on(its);
    }
    its.power.cancel();
    its.power_pause = first_retry;
    if (settings_.scan != Scan::active && its.radio.monitors && its.passive == Passive::off && needed_) begin_passive(its);
    look_active(its);
    judge(its);
}

/// Powered, and it scans, or would if somebody needed it.
void Scanner::judge(Scanning& its) {
    std::string why;
    if (!its.radio.powered) {
        why = !its.trouble.empty() ? its.trouble : fmt::format("{} is switched off", its.radio.name);
    } else if (settings_.scan == Scan::passive && !its.radio.monitors && needed_) {
        why = fmt::format(
            "{} cannot scan passively: bluetoothd has no advertisement monitors (start it with --experimental, or write "
            "scan: auto)",
            its.radio.name);
    } else {
        why = its.trouble;
    }
    // A radio that is only being switched on is no news.
    if (!its.told && its.trouble.empty() && !its.radio.powered && !its.radio.blocked) return;
    if (its.told && why == its.told_why) return;
    its.told = true;
    its.told_why = why;
    its.usable = why.empty();
    handler_.radio_usable(Radio(its.radio), its.usable, why);
}

// -- Power

void Scanner::switch_on(Scanning& its) {
    if (its.powering || its.power.is_set()) return;
    its.powering = true;
    its.ever = false;
    bus_.set(its.radio.path, bluez::adapter, "Powered", true, call_limit, guard(its, [this](Scanning& radio, auto answer) {
                 radio.powering = false;
                 if (radio.radio.powered) return;
                 if (!answer) {  // else the signal follows
                     radio.trouble = remedy(radio.radio, answer.error());
                     judge(radio);
                 }
                 const auto name = radio.radio.name;
                 radio.power.set(timers_.now() + after(radio.power_pause), [this, name] {
                     if (const auto found = radios_.find(name); found != radios_.end()) look(*found->second);
                 });
             }));
}

// -- Passive

void Scanner::begin_passive(Scanning& its) {
    its.passive = Passive::asked;
    its.activated = false;
    const std::string root = monitor_root(its), name = its.radio.name;
    // Flags as devices that can be found have them (CSS A 1.3), and the companies that are waited for.
    std::vector<AdPattern> patterns;
    for (const std::uint8_t flags : std::initializer_list<std::uint8_t>{0x06, 0x05, 0x04, 0x02, 0x01, 0x1A, 0x18})
        patterns.push_back({0, 0x01, {flags}});
    for (const auto company : companies_)
        patterns.push_back({0, 0xFF, {static_cast<std::uint8_t>(company & 0xFF), static_cast<std::uint8_t>(company >> 8)}});
    Bus::Served monitor;
    monitor.path = root + "/all";
    monitor.interface = monitor_interface;
    monitor.methods = {{"Release", "", ""}, {"Activate", "", ""}, {"DeviceFound", "o", ""}, {"DeviceLost", "o", ""}};
    monitor.properties = {{"Type", "or_patterns"}, {"Patterns", patterns}};
    monitor.handle = [this, name](std::string_view method, const std::vector<Value>&) -> Answered<std::vector<Value>> {
        const auto found = radios_.find(name);
        if (found == radios_.end()) return std::vector<Value>{};
        if (method == "Activate") found->second->activated = true;
        if (method == "Release") {  // it is on the stack: not taken away from within
            timers_.at(timers_.now(), [this, name, alive = std::weak_ptr(alive_)] {
                if (alive.expired()) return;
                if (const auto later = radios_.find(name); later != radios_.end() && later->second->radio.powered) {
                    end_passive(*later->second, Passive::refused);
                    look(*later->second);
                }
            });
        }
        return std::vector<Value>{};
    };
    bus_.serve(std::move(monitor), root);
    bus_.call(its.radio.path, bluez::monitors, "RegisterMonitor", {ObjectPath{root}}, call_limit,
              guard(its, [this, name](Scanning& radio, auto answer) {
                  if (radio.passive != Passive::asked) return;
                  if (!answer) {
                      base::log().info("{}: passive scanning is refused: {}", name, base::printable(answer.error().text));
                      end_passive(radio, Passive::refused);
                      return look(radio);
                  }
                  radio.passive = Passive::waiting;
                  radio.last = timers_.now();
                  watch(radio);
                  prove(radio);
                  look(radio);
              }));
}

void Scanner::prove(Scanning& its) {
    its.passive_alarm.set(timers_.now() + proof, [this, name = its.radio.name] {
        const auto found = radios_.find(name);
        if (found == radios_.end() || found->second->passive != Passive::waiting) return;
        if (found->second->discovering) return prove(*found->second);  // whatever came may have come by that
        base::log().warn("{}: passive scanning {} in {}; scanning actively in windows instead", name,
                         found->second->activated ? "brought no report" : "was not activated by bluetoothd",
                         base::span_text(proof));
        end_passive(*found->second, Passive::refused);
        look(*found->second);
    });
}

void Scanner::end_passive(Scanning& its, Passive then) {
    its.passive_alarm.cancel();
    if (its.passive == Passive::waiting || its.passive == Passive::proven)
        bus_.call(its.radio.path, bluez::monitors, "UnregisterMonitor", {ObjectPath{monitor_root(its)}}, call_limit,
                  [](auto) {});
    if (its.passive != Passive::off && its.passive != Passive::refused) bus_.unserve(monitor_root(its) + "/all");
    if (then == Passive::refused && its.passive != Passive::refused) {
        ++counters_.fallbacks;
        if (settings_.scan == Scan::passive)
            its.trouble = fmt::format("{}: passive scanning does not work, and scan: passive forbids another", its.radio.name);
    }
    its.passive = then;
}

// -- Active

bool Scanner::wants_active(const Scanning& its, base::Instant& again) const {
    again = base::Instant::max();
    if (settings_.scan == Scan::passive) return false;
    const auto now = timers_.now();
    if (now < active_until_) {
        again = active_until_;
        return true;
    }
    if (!needed_) return false;
    if (settings_.scan == Scan::active || always_active_) return true;
    if (its.radio.monitors && its.passive != Passive::refused) return false;  // passive works, or may yet
    if (now < its.rest_until) {
        again = its.rest_until;
        return false;
    }
    again = its.window_until > now ? its.window_until : now + window;
    return its.window_until == base::Instant{} || now < its.window_until;
}

void Scanner::look_active(Scanning& its) {
    if (its.asking || !its.radio.powered) return;
    base::Instant again{};
    const bool wanted = wants_active(its, again);
    const auto name = its.radio.name;
    if (wanted && !its.discovering) {
        if (its.active_alarm.is_set() && its.active_pause != first_retry) return;  // refused a moment ago
        return begin_active(its);
    }
    if (!wanted && its.discovering) {
        if (timers_.now() >= its.window_until && its.window_until != base::Instant{}) {
            its.rest_until = timers_.now() + rest;
            its.window_until = {};
        }
        return end_active(its, nullptr);
    }
    if (again != base::Instant::max())
        its.active_alarm.set(again, [this, name] {
            const auto found = radios_.find(name);
            if (found == radios_.end()) return;
            if (timers_.now() >= found->second->rest_until) found->second->rest_until = {};
            look_active(*found->second);
        });
}

void Scanner::begin_active(Scanning& its) {
    its.asking = true;
    bus_.call(its.radio.path, bluez::adapter, "SetDiscoveryFilter", {Dict{{"Transport", "le"}, {"DuplicateData", true}}},
              call_limit, guard(its, [this](Scanning& radio, auto answer) {
                  if (!answer) return refused(radio, answer.error());
                  bus_.call(radio.radio.path, bluez::adapter, "StartDiscovery", {}, call_limit,
                            guard(radio, [this](Scanning& same, auto started) {
                                // A session of ours that is there already serves as well.
                                if (!started && short_name(started.error()) == "InProgress" && same.radio.discovering)
                                    started = std::vector<Value>{};
                                if (!started) return refused(same, started.error());
                                same.asking = false;
                                same.discovering = true;
                                same.active_pause = first_retry;
                                same.trouble.clear();
                                const auto now = timers_.now();
                                if (same.window_until <= now) same.window_until = now + window;
                                if (same.passive != Passive::waiting && same.passive != Passive::proven) same.last = now;
                                watch(same);
                                look(same);
                            }));
              }));
}

void Scanner::end_active(Scanning& its, std::function<void()> then) {
    its.asking = true;
    bus_.call(its.radio.path, bluez::adapter, "StopDiscovery", {}, call_limit,
              guard(its, [this, then = std::move(then)](Scanning& same, const auto&) {
                  // "No discovery started" serves as well.
                  same.asking = false;
                  same.discovering = false;
                  if (then)
                      then();
                  else
                      look(same);
              }));
}

void Scanner::refused(Scanning& its, const Failure& failure) {
    its.asking = false;
    const auto name = its.radio.name;
    if (its.radio.powered && its.active_pause >= 8 * first_retry) {  // not for a moment only
        its.trouble =
            fmt::format("{} does not scan: {}", name, base::printable(failure.text.empty() ? failure.name : failure.text));
        judge(its);
        if (short_name(failure) == "InProgress" || failure.name == failures::no_reply) cycle(its);  // hung
    }
    its.active_alarm.set(timers_.now() + after(its.active_pause), [this, name] {
        if (const auto found = radios_.find(name); found != radios_.end()) look_active(*found->second);
    });
}

void Scanner::look_actively(base::Instant until) {
    if (until <= active_until_) return;
    active_until_ = until;
    for (auto& [name, its] : radios_)
        if (!its->cycling) look_active(*its);
}

// -- Watching

bool Scanner::scans(const Scanning& its) const {
    return its.radio.powered && (its.discovering || its.passive == Passive::waiting || its.passive == Passive::proven);
}

void Scanner::heard(const std::string& radio) {
    const auto found = radios_.find(radio);
    if (found == radios_.end()) return;
    Scanning& its = *found->second;
    its.last = timers_.now();
    its.ever = true;
    if (its.passive == Passive::waiting && !its.discovering) {
        its.passive = Passive::proven;
        its.passive_alarm.cancel();
        base::log().info("{}: passive scanning works", radio);
    }
    if (its.step == 0) return;
    base::log().info("{} hears again", radio);
    its.step = 0;
    its.round = first_round;
    once_.again(radio);
    watch(its);
}

void Scanner::watch(Scanning& its) {
    if (!needed_) return;
    const auto limit = its.step == 0 ? silence : its.step < 3 ? next_step : its.round;
    const auto name = its.radio.name;
    its.watch.set(std::max(its.last + limit, timers_.now() + std::chrono::seconds(1)), [this, name] {
        const auto found = radios_.find(name);
        if (found == radios_.end()) return;
        Scanning& same = *found->second;
        const auto now_limit = same.step == 0 ? silence : same.step < 3 ? next_step : same.round;
        if (!same.radio.powered || same.cycling) return;  // whoever switches it on looks again
        if (timers_.now() < same.last + now_limit) return watch(same);
        if (!scans(same)) {  // a pause between windows
            same.last = timers_.now();
            return watch(same);
        }
        silent(same);
    });
}

void Scanner::silent(Scanning& its) {
    its.last = timers_.now();
    switch (its.step) {
        case 0:
        case 3:
            its.step = 1;
            ++counters_.scan_restarts;
            base::log().info("{} has heard nothing for {}: its scan is restarted", its.radio.name, base::span_text(silence));
            restart(its);
            break;
        case 1:
            its.step = 2;
            if (handler_.radio_is_connected(its.radio.name)) break;  // it lives, and a power cycle would cut
            ++counters_.power_cycles;
            base::log().info("{} still hears nothing: its power is switched off and on", its.radio.name);
            cycle(its);
            break;
        default:
            its.step = 3;
            ++counters_.reported;
            once_.warn(its.radio.name,
                       fmt::format("{} hears no device, also after its power was switched off and on; is there one near? "
                                   "A USB adapter may have to be plugged in anew",
                                   its.radio.name));
            its.round = std::min(its.round * 2, last_round);
    }
    watch(its);
}

void Scanner::restart(Scanning& its) {
    if (its.passive == Passive::waiting || its.passive == Passive::proven) {
        end_passive(its, Passive::off);
        if (!its.discovering) return look(its);
    }
    if (its.discovering && !its.asking) {
        its.window_until = {};
        const auto name = its.radio.name;
        end_active(its, [this, name] {
            if (const auto found = radios_.find(name); found != radios_.end()) look(*found->second);
        });
    }
}

void Scanner::cycle(Scanning& its) {
    if (its.cycling) return;
    its.cycling = true;
    const auto name = its.radio.name;
    bus_.set(its.radio.path, bluez::adapter, "Powered", false, call_limit,
             guard(its, [this, name](Scanning& same, const auto&) {
                 same.power.set(timers_.now() + std::chrono::seconds(1), [this, name] {
                     const auto found = radios_.find(name);
                     if (found == radios_.end()) return;
                     Scanning& again = *found->second;
                     again.cycling = again.asking = again.discovering = false;
                     again.window_until = again.rest_until = {};
                     const auto step = again.step;
                     if (again.radio.powered)
                         look(again);
                     else
                         switch_on(again);  // not told: it is we who switched it off
                     again.step = step;
                     again.last = timers_.now();
                     watch(again);
                 });
             }));
}

// -- Telling

bool Scanner::is_usable(std::string_view radio) const {
    const auto found = radios_.find(radio);
    return found != radios_.end() && found->second->radio.powered && !found->second->cycling;
}

bool Scanner::any_usable() const {
    return std::any_of(radios_.begin(), radios_.end(), [](const auto& entry) { return entry.second->usable; });
}

std::string Scanner::str() const {
    std::string out;
    for (const auto& [name, its] : radios_) {
        if (!out.empty()) out += ", ";
        if (!its->radio.powered)
            out += fmt::format("{} off", name);
        else if (its->passive == Passive::proven || its->passive == Passive::waiting)
            out += fmt::format("{} passive{}", name, its->discovering ? " and active" : "");
        else
            out += fmt::format("{} {}", name, settings_.scan == Scan::active ? "active" : "active in windows");
    }
    return out;
}

}  // namespace adapters::ble
