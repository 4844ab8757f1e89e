#include "gateway/asio_timers.hpp"

#include <sys/random.h>
#include <cerrno>
#include <stdexcept>
#include <utility>

namespace gateway {

AsioTimers::~AsioTimers() {
    // An alarm may own what cancels other alarms when it goes: let them go while there is still a map to ask.
    const auto dropped = std::exchange(alarms_, {});
    when_.clear();
}

base::Timers::Id AsioTimers::at(base::Instant when, std::function<void()> what) {
    const Id id = ++last_;
    alarms_.emplace(Key{when, id}, std::move(what));
    when_.emplace(id, when);
    arm();
    return id;
}

void AsioTimers::cancel(Id id) {
    const auto found = when_.find(id);
    if (found == when_.end()) return;
    alarms_.erase(Key{found->second, id});
    when_.erase(found);
    // The kernel timer may now fire for nothing: cheaper than setting it anew for each cancelled alarm.
}

void AsioTimers::arm() {
    if (firing_ || alarms_.empty()) return;
    const base::Instant first = alarms_.begin()->first.first;
    if (first >= armed_) return;
    armed_ = first;
    timer_.expires_at(first);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) fire();
    });
}

void AsioTimers::fire() {
    firing_ = true;
    armed_ = base::Instant::max();
    // Alarms set from here on for "now" wait for the next turn, so that other work gets its share.
    const base::Instant until = now();
    const Id newest = last_;
    while (!alarms_.empty() && alarms_.begin()->first.first <= until && alarms_.begin()->first.second <= newest) {
        auto next = alarms_.extract(alarms_.begin());
        when_.erase(next.key().second);
        next.mapped()();
    }
    firing_ = false;
    arm();
}

std::uint64_t SystemRandom::next() {
    if (used_ == block_.size()) {
        std::size_t filled = 0;
        while (filled < sizeof block_) {
            const ssize_t n = getrandom(reinterpret_cast<char*>(block_.data()) + filled, sizeof block_ - filled, 0);
            if (n > 0) {
                filled += static_cast<std::size_t>(n);
            } else if (errno != EINTR) {
                throw std::runtime_error("the kernel gives no random numbers");
            }
        }
        used_ = 0;
    }
    return block_[used_++];
}

}  // namespace gateway
