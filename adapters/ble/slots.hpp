#pragma once

#include "gateway/base/time.hpp"

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace adapters::ble {

/// Connections that each radio may have at the same time, and whose turn it is: first come, first served, one connect at a
/// time on a radio. One who waits for long while others only stay connected takes the place of the one that stayed longest.
class Slots {
public:
    static constexpr base::Milliseconds patience{20'000};  ///< of one who waits, before another has to yield
    static constexpr base::Milliseconds stay_at_least{60'000};

    class User {
    public:
        /// Radios that hear it and are usable, the best first.
        virtual std::vector<std::string> radios() const = 0;
        /// Its turn: it connects on this radio, and calls connected() or released().
        virtual void granted(const std::string& radio) = 0;
        /// Connected for long and without work: give the place to another.
        virtual void yield() = 0;
        virtual bool may_yield() const = 0;

    protected:
        ~User() = default;
    };

    Slots(std::size_t a_radio, base::Timers& timers) : a_radio_(a_radio), timers_(timers), alarm_(timers), soon_(timers) {}

    void ask(User& user) {
        if (held_.contains(&user) || is_waiting(user)) return;
        waiting_.push_back({&user, timers_.now()});
        again();
    }
    /// The connect is over and it is connected: the next may connect.
    void connected(User& user) {
        const auto found = held_.find(&user);
        if (found != held_.end()) found->second.connecting = false;
        again();
    }
    /// It is not connected any more, or does not want to be.
    void released(User& user) {
        held_.erase(&user);
        std::erase_if(waiting_, [&](const Waiting& waiting) { return waiting.user == &user; });
        again();
    }
    /// A radio or a device came: somebody may go on.
    void again() {
        if (!soon_.is_set()) soon_.set(timers_.now(), [this] { look(); });
    }
    std::size_t used(std::string_view radio) const {
        std::size_t count = 0;
        for (const auto& [user, held] : held_) count += held.radio == radio ? 1U : 0U;
        return count;
    }
    std::size_t waiting() const { return waiting_.size(); }

private:
    struct Waiting {
        User* user;
        base::Instant since;
    };
    struct Held {
        std::string radio;
        bool connecting = true;
        base::Instant since;
    };

    bool is_waiting(const User& user) const {
        for (const auto& waiting : waiting_)
            if (waiting.user == &user) return true;
        return false;
    }

    void look() {
        std::set<std::string, std::less<>> connecting;
        for (const auto& [user, held] : held_)
            if (held.connecting) connecting.insert(held.radio);
        std::vector<std::pair<User*, std::string>> granted;
        auto next = base::Instant::max();
        for (std::size_t i = 0; i < waiting_.size();) {
            const auto [user, since] = waiting_[i];
            const auto radios = user->radios();
            std::optional<std::string> place;
            for (const auto& radio : radios)
                if (!place && !connecting.contains(radio) && used(radio) < a_radio_) place = radio;
            if (place) {
                held_[user] = {*place, true, timers_.now()};
                connecting.insert(*place);
                granted.emplace_back(user, *place);
                waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
                continue;
            }
            if (!radios.empty())
                next = std::min(next, since + patience > timers_.now() ? since + patience : timers_.now() + patience);
            if (!radios.empty() && since + patience <= timers_.now()) push_out(radios);
            ++i;
        }
        if (next != base::Instant::max()) alarm_.set(next, [this] { look(); });
        for (const auto& [user, radio] : granted)
            if (const auto found = held_.find(user); found != held_.end()) user->granted(radio);
    }

    void push_out(const std::vector<std::string>& radios) {
        User* oldest = nullptr;
        base::Instant since = timers_.now() - stay_at_least;
        for (const auto& [user, held] : held_)
            for (const auto& radio : radios)
                if (held.radio == radio && !held.connecting && held.since <= since && user->may_yield()) {
                    oldest = user;
                    since = held.since;
                }
        if (oldest != nullptr) oldest->yield();
    }

    std::size_t a_radio_;
    base::Timers& timers_;
    std::deque<Waiting> waiting_;  ///< at most as many as there are sessions
    std::map<User*, Held> held_;
    base::Timer alarm_, soon_;
};

}  // namespace adapters::ble
