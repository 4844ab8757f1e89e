#include "adapters/modbus/request_queue.hpp"

#include "adapters/modbus/traffic_text.hpp"

#include <algorithm>

namespace adapters::modbus {

using base::Errc;
using base::Error;
using base::fail;
using base::Milliseconds;
using std::chrono::microseconds;

namespace {

using namespace std::chrono_literals;

constexpr int silent_share = 9;                // parts of the time that are left to the others, for one of the silent
constexpr Milliseconds least_patience = 80ms;  // with a silent unit
constexpr unsigned whole_probe = 16;           // this one is waited for in full: the unit may have become slow
constexpr auto longest_put_off = 60s;

/// The device said something, if only that it will not.
bool is_answer(const Result<Bytes>& result) {
    if (result) return true;
    switch (result.error().code) {
        case Errc::timeout:
        case Errc::offline:
        case Errc::malformed: return false;
        default: return true;
    }
}

}  // namespace

RequestQueue::RequestQueue(boost::asio::any_io_executor executor, base::Timers& timers, Bus& bus, const LinkSettings& settings)
    : executor_(std::move(executor)), timers_(timers), bus_(bus), settings_(settings), deadlines_(timers), rest_(timers) {}

void RequestQueue::set_manners(std::uint8_t unit, Manners manners) { units_[unit].manners = manners; }

void RequestQueue::trace(std::function<void(const Traffic&)> trace) {
    trace_ = std::move(trace);
    if (!trace_) return bus_.tap(nullptr);
    bus_.tap([this](bool sent, Bytes adu) {
        std::string text = traffic_text(bus_.rtu_frames(), sent, adu, asked_);
        told(sent, std::move(adu), std::move(text));
    });
}

void RequestQueue::told(bool sent, Bytes adu, std::string text) {
    if (trace_) trace_({sent, timers_.wall(), std::move(adu), std::move(text)});
}

// -- Who waits

void RequestQueue::add(Urgency urgency, std::unique_ptr<Job> job) {
    std::optional<Error> refused;
    if (stopping_)
        refused = Error{Errc::offline, "the link is being closed"};
    else if (state_ == Bus::State::away)
        refused = Error{Errc::offline, fmt::format("{}: {}", settings_.where(), away_)};
    else if (lists_[0].size() + lists_[1].size() + lists_[2].size() >= limit)
        refused = Error{Errc::busy, fmt::format("{} calls wait for {} already", limit, settings_.where())};
    if (refused) {
        job->give_up(*refused);
        return later([job = std::shared_ptr<Job>(std::move(job))] { job->deliver(); });
    }
    const Instant deadline = job->deadline;
    List& list = lists_[static_cast<std::size_t>(urgency)];
    list.push_back(std::move(job));
    list.back()->list_ = &list;
    list.back()->self_ = std::prev(list.end());
    if (!deadlines_.is_set() || deadline < next_deadline_) {
        next_deadline_ = deadline;
        deadlines_.set(deadline, [this] { expire(); });
    }
    pump();
}

std::unique_ptr<Job> RequestQueue::take_out(Job& job) {
    std::unique_ptr<Job> owned = std::move(*job.self_);
    job.list_->erase(job.self_);
    if (held_ == &job) held_ = nullptr;
    return owned;
}

/// Calls back, when that was not done yet. One that is on the wire stays in its list until the wire is free.
void RequestQueue::tell(Job& job) {
    std::unique_ptr<Job> owned;
    if (&job != current_) owned = take_out(job);
    if (!std::exchange(job.delivered_, true)) job.deliver();
}

void RequestQueue::stop() {
    stopping_ = true;
    deadlines_.cancel();
    rest_.cancel();
    current_ = nullptr;
    later([this] { fail_waiting({Errc::offline, "the link is being closed"}); });
}

void RequestQueue::bus_changed(Bus::State state, const std::string& why) {
    state_ = state;
    away_ = why;
    if (state == Bus::State::away) fail_waiting({Errc::offline, fmt::format("{}: {}", settings_.where(), why)});
    pump();
}

void RequestQueue::expire() {
    const Instant now = timers_.now();
    std::vector<Job*> late;
    next_deadline_ = Instant::max();
    for (auto& list : lists_)
        for (const auto& job : list) {
            if (job->delivered_) continue;
            if (job->deadline <= now)
                late.push_back(job.get());
            else
                next_deadline_ = std::min(next_deadline_, job->deadline);
        }
    if (next_deadline_ != Instant::max()) deadlines_.set(next_deadline_, [this] { expire(); });
    std::vector<std::unique_ptr<Job>> over;  // taken out first: a call-back may change the lists
    for (Job* job : late) {
        job->give_up({Errc::timeout, fmt::format("unit {}: no answer before the deadline", job->unit)});
        job->delivered_ = true;
        if (job != current_) over.push_back(take_out(*job));
    }
    if (current_ != nullptr && std::find(late.begin(), late.end(), current_) != late.end()) current_->deliver();
    for (const auto& job : over) job->deliver();
    pump();  // the line may have been held
}

void RequestQueue::fail_waiting(const Error& error) {
    std::vector<std::unique_ptr<Job>> over;
    for (auto& list : lists_)
        for (auto next = list.begin(); next != list.end();) {
            Job& job = **next++;
            if (&job != current_) over.push_back(take_out(job));
        }
    for (const auto& job : over) {
        if (job->delivered_) continue;
        job->give_up(error);
        job->deliver();
    }
}

// -- Whose turn it is

bool RequestQueue::others_answer(std::uint8_t unit) const {
    for (std::size_t other = 0; other < units_.size(); ++other)
        if (other != unit && units_[other].heard && units_[other].misses == 0) return true;
    return false;
}

/// A read of a silent unit that would cost the others more than their part.
bool RequestQueue::put_off(const Job& job) {
    Unit& unit = units_[job.unit];
    if (job.insists || unit.misses < silent_after || !others_answer(job.unit)) return false;
    const Instant now = timers_.now();
    if (now < unit.ready) return true;
    if (now >= silent_ready_) return false;
    return now - *(unit.put_off = unit.put_off.value_or(now)) < longest_put_off;
}

void RequestQueue::pump() {
    if (current_ != nullptr || stopping_ || state_ != Bus::State::up) return;
    const Instant now = timers_.now();
    Instant soonest = Instant::max();
    const auto begin_when_ready = [&](Job& job, Urgency urgency) {
        const Instant ready = std::max(line_ready_, units_[job.unit].ready);
        soonest = std::min(soonest, ready);
        if (ready > now) return false;
        begin(job, urgency);
        return true;
    };
    if (held_ != nullptr) {
        if (begin_when_ready(*held_, urgency_)) return;
    } else {
        for (std::size_t urgency = 0; urgency < lists_.size(); ++urgency)
            for (auto next = lists_[urgency].begin(); next != lists_[urgency].end();) {
                Job& job = **next++;
                if (static_cast<Urgency>(urgency) == Urgency::read && put_off(job)) {
                    job.give_up({Errc::timeout,
                                 fmt::format("unit {} does not answer; others on {} come first", job.unit, settings_.where())});
                    later([owned = std::shared_ptr<Job>(take_out(job))] { owned->deliver(); });
                    continue;
                }
                if (begin_when_ready(job, static_cast<Urgency>(urgency))) return;
            }
    }
    if (soonest != Instant::max()) rest_.set(soonest, [this] { pump(); });
}

Milliseconds RequestQueue::patience(const Job& job, Urgency urgency) {
    if (job.timeout) return *job.timeout;
    Unit& unit = units_[job.unit];
    const Milliseconds whole = unit.manners.timeout.value_or(settings_.timeout);
    if (urgency != Urgency::read || job.insists || unit.misses < silent_after || !others_answer(job.unit)) return whole;
    unit.put_off.reset();
    if (++unit.probes % whole_probe == 0) return whole;
    microseconds usual{0};
    if (unit.turnaround.measured())
        usual = unit.turnaround.told();
    else
        for (const Unit& other : units_)
            if (other.turnaround.measured()) usual = std::max(usual, other.turnaround.told());
    return std::min(whole, std::max(least_patience, std::chrono::duration_cast<Milliseconds>(8 * usual)));
}

void RequestQueue::begin(Job& job, Urgency urgency) {
    current_ = &job;
    held_ = nullptr;
    urgency_ = urgency;
    asked_ = job.request();
    waited_ = patience(job, urgency);
    begun_ = std::max(timers_.now(), quiet_at_);
    const auto* own = std::get_if<SerialLine>(&settings_.to);
    if (own != nullptr && (job.line || tuned_)) {
        const auto tuned = bus_.tune(job.line.value_or(*own));
        tuned_ = job.line.has_value();
        if (!tuned) return later([this, error = tuned.error()] { answered(tl::unexpected(error)); });
    }
    bus_.exchange(asked_, waited_, [this](Result<Bytes> result) { answered(std::move(result)); });
}

/// What the frames of the exchange take on a serial line.
microseconds RequestQueue::on_wire(const Result<Bytes>& result) const {
    const SerialLine* line = settings_.line();
    if (line == nullptr) return microseconds{0};
    const std::size_t answer = !result ? 5 : result->empty() ? most_answer(asked_) + 3 : result->size() + 5;
    return microseconds(static_cast<std::int64_t>(static_cast<double>(pdu(asked_).size() + 3 + answer) * line->character_us()));
}

void RequestQueue::note(Unit& unit, const Result<Bytes>& result) {
    const Instant now = timers_.now();
    const auto took = std::chrono::duration_cast<microseconds>(now - begun_);
    const SerialLine* line = settings_.line();
    quiet_at_ = now + (line != nullptr ? line->silence() : microseconds{0});
    line_ready_ = now + settings_.pause;
    unit.ready = now + unit.manners.pause;
    if (is_answer(result)) {
        unit.misses = unit.probes = 0;
        unit.put_off.reset();
        unit.heard = true;
        if (!asked_.broadcast && !current_->line) unit.turnaround.add(bus_.turnaround().value_or(took - on_wire(result)));
    } else if (result.error().code == Errc::timeout) {
        told(false, {}, fmt::format("unit {}: {}", asked_.unit, result.error().message));
        if (urgency_ == Urgency::probe) return;  // nobody said that it is there
        const Milliseconds whole = unit.manners.timeout.value_or(settings_.timeout);
        unit.ready = std::max(unit.ready, now + bus_.settle(std::max(waited_, whole)));
        if (++unit.misses > silent_after) silent_ready_ = now + silent_share * took;
    } else if (result.error().code == Errc::malformed) {
        told(false, {}, fmt::format("unit {}: {}", asked_.unit, result.error().message));
    }
}

void RequestQueue::answered(Result<Bytes> result) {
    if (current_ == nullptr) return;
    note(units_[current_->unit], result);
    Job& job = *std::exchange(current_, nullptr);
    job.spent += std::chrono::duration_cast<microseconds>(timers_.now() - begun_);
    if (job.delivered_ || job.take(std::move(result)))
        tell(job);
    else if (job.holds_line())
        held_ = &job;
    pump();
}

}  // namespace adapters::modbus
