#include "gateway/link_host.hpp"

#include <algorithm>

namespace gateway {

using base::Errc;

Witness witness_of(const adapters::Adapter::Values& values) {
    bool away = !values.empty();
    for (const auto& value : values) {
        if (value) return Witness::heard;
        switch (value.error().code) {
            case Errc::timeout:
            case Errc::malformed: away = false; break;
            case Errc::offline: break;
            default: return Witness::heard;  // a refusal is an answer
        }
    }
    return away ? Witness::link_away : Witness::missed;
}

std::string why_of(const adapters::Adapter::Values& values) {
    for (const auto& value : values)
        if (!value) return value.error().message;
    return "no answer";
}

struct LinkHost::Running final : adapters::Sink {
    Running(LinkHost& its_host, std::size_t its_number)
        : host(its_host),
          number(its_number),
          devices(its_host.devices_of(its_number)),
          alarm(its_host.timers_),
          since(its_host.timers_.now()) {
        for (const DeviceIndex d : devices) {
            const auto its = host.devices_.at(d).spec->number;
            if (by_number.size() <= its) by_number.resize(its + 1U, EndDevices::none);
            by_number[its] = d;
        }
    }

    const mapping::Link& spec() const { return host.plan_->links[number]; }

    DeviceIndex device(adapters::DeviceId id) const { return id < by_number.size() ? by_number[id] : EndDevices::none; }
    /// The device's point of that index, or no_slot.
    PointNumber point(DeviceIndex d, adapters::PointIndex index) const {
        if (d == EndDevices::none) return no_slot;
        const auto& by_index = host.devices_.at(d).info->by_index;
        return index < by_index.size() ? by_index[index] : no_slot;
    }

    void value(adapters::DeviceId id, adapters::PointIndex index, adapters::Scalar raw, base::WallTime at) override {
        const DeviceIndex d = device(id);
        const PointNumber number_of_point = point(d, index);
        if (number_of_point == no_slot) return;
        host.intake_.value(d, number_of_point, raw, at);
        host.intake_.heard(d);
    }
    void old_value(adapters::DeviceId id, adapters::PointIndex index, adapters::Scalar raw, base::WallTime at) override {
        const DeviceIndex d = device(id);
        const PointNumber number_of_point = point(d, index);
        if (number_of_point == no_slot) return;
        host.intake_.old_value(d, number_of_point, raw, at);
        host.intake_.settle(d);
    }
    void witness(adapters::DeviceId id, adapters::Witness which, bool is_up, std::string why) override {
        const DeviceIndex d = device(id);
        if (d == EndDevices::none) return;
        auto& words = host.devices_.at(d).witnesses;
        words[static_cast<std::size_t>(which)] = is_up ? EndDevice::Word::up : EndDevice::Word::down;
        // `alive` is the device's own word; its bridge being there says nothing of the device itself.
        if (!is_up)
            host.intake_.link_lost(d, why);
        else if (words[static_cast<std::size_t>(adapters::Witness::alive)] == EndDevice::Word::up)
            host.intake_.heard(d);
    }

    void link(bool is_up, std::string why) override {
        since = host.timers_.now();
        if (is_up) {
            base::log().info("link '{}' up ({})", spec().name, spec().driver->where());
            const bool was_down = known && !up;
            up = true, known = true, reason.clear();
            for (const DeviceIndex d : devices) host.intake_.seen_again(d);
            if (was_down && scheduler)
                for (const DeviceIndex d : devices) scheduler->wake(d, since);
            host.pump(*this);
            return;
        }
        base::log().warn("link '{}' down ({}): {}", spec().name, spec().driver->where(), base::printable(why));
        up = false, known = true, reason = std::move(why);
        for (const DeviceIndex d : devices) {
            const auto what = fmt::format("link '{}': {}", spec().name, reason);
            if (spec().driver->apart())
                host.intake_.hidden(d, what);
            else
                host.intake_.link_lost(d, what);
        }
    }

    void found(adapters::RuleId rule, adapters::Found found) override {
        if (host.on_found && !halted) host.on_found(number, rule, std::move(found));
    }
    void remember(std::string key, std::string value) override {
        if (host.on_remember) host.on_remember(spec().name, std::move(key), std::move(value));
    }

    LinkHost& host;
    std::size_t number;
    std::vector<DeviceIndex> devices;
    std::vector<DeviceIndex> by_number;  // by the adapter's number
    std::unique_ptr<PollScheduler> scheduler;
    base::Timer alarm;
    bool up = false, known = false;  // known: the adapter has said so
    std::string reason;
    base::Instant since;
    bool pumping = false, halted = false;
    std::size_t at_once = 1;
    std::vector<base::Instant> asked;  // when the polls in flight left
    std::uint64_t polls = 0, unanswered = 0;
    base::Milliseconds late{}, most_late{};
};

LinkHost::LinkHost(mapping::Plan& plan, EndDevices& devices, Intake& intake, WriteGuard& guard, base::Timers& timers)
    : plan_(&plan), devices_(devices), intake_(intake), guard_(guard), timers_(timers) {
    for (std::size_t i = 0; i < plan.links.size(); ++i) links_.push_back(std::make_unique<Running>(*this, i));
}

LinkHost::~LinkHost() = default;

std::vector<DeviceIndex> LinkHost::devices_of(std::size_t link) const {
    std::vector<DeviceIndex> its;
    for (DeviceIndex d = 0; d < devices_.size(); ++d)
        if (devices_.has(d) && devices_.at(d).spec->link == link) its.push_back(d);
    return its;
}

void LinkHost::begin(std::size_t link) {
    Running& running = *links_[link];
    auto& driver = *plan_->links[link].driver;
    for (const DeviceIndex d : running.devices) {
        EndDevice& device = devices_.at(d);
        if (device.heard == base::Instant{}) device.heard = timers_.now();  // its silence begins here
        device.witnesses = {};                                              // the adapter tells them anew
    }
    if (recall) driver.recall(recall(plan_->links[link].name));
    const auto apart = std::min(base::Instant::duration(std::chrono::milliseconds(2)) * link,
                                base::Instant::duration(std::chrono::seconds(1)) * link / links_.size());
    running.scheduler = std::make_unique<PollScheduler>(devices_, running.devices, timers_.now() + apart);
    running.scheduler->set_busy_limit(driver.busy_limit());
    running.at_once = std::max<std::size_t>(driver.polls_at_once(), 1);
    running.scheduler->set_at_once(running.at_once);
    driver.start(running);
    pump(running);
}

void LinkHost::start() {
    started_ = true;
    for (std::size_t i = 0; i < links_.size(); ++i) begin(i);
}

void LinkHost::stop(std::function<void()> done) {
    stopping_ = true;
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < links_.size(); ++i)
        if (!links_[i]->halted) all.push_back(i);  // else a reload was at it
    halt(all, std::move(done));
}

void LinkHost::halt(const std::vector<std::size_t>& links, std::function<void()> done) {
    auto left = std::make_shared<std::size_t>(links.size() + 1);
    const auto finish = [this, left, done = std::move(done)] {
        // On a fresh stack: whoever waits may take the adapter itself away.
        if (--*left == 0) timers_.at(timers_.now(), done);
    };
    for (const std::size_t i : links) {
        links_[i]->halted = true;
        links_[i]->alarm.cancel();
    }
    for (const std::size_t i : links) {
        if (on_halt)
            for (const DeviceIndex d : links_[i]->devices) on_halt(d);
        plan_->links[i].driver->stop(finish);
    }
    finish();
}

void LinkHost::adopt(mapping::Plan& next, const std::vector<std::size_t>& from) {
    auto before = std::move(links_);
    links_.clear();
    plan_ = &next;
    for (std::size_t i = 0; i < next.links.size(); ++i) {
        if (from[i] == SIZE_MAX) {
            links_.push_back(std::make_unique<Running>(*this, i));
        } else {
            links_.push_back(std::move(before[from[i]]));
            links_.back()->number = i;
        }
    }
    if (!started_ || stopping_) return;
    for (std::size_t i = 0; i < next.links.size(); ++i)
        if (from[i] == SIZE_MAX) begin(i);
}

void LinkHost::pump(Running& running) {
    if (running.pumping || !running.scheduler) return;  // an adapter that answers at once comes back in here
    running.pumping = true;
    // A bounded turn, so that a link full of instant answers leaves time for the server.
    for (int turns = 0;
         turns < 64 && running.asked.size() < running.at_once && !running.halted && (running.up || !running.known); ++turns) {
        const auto now = timers_.now();
        const auto due = running.scheduler->take(now);
        if (!due) break;
        running.asked.push_back(now);
        ++running.polls;
        if (!due->probe) {
            running.late = std::chrono::duration_cast<base::Milliseconds>(now - due->since);
            running.most_late = std::max(running.most_late, running.late);
        }
        const EndDevice& device = devices_.at(due->device);
        const auto& probe = device.info->type->health.probe;
        auto points = due->probe && probe ? std::vector<adapters::PointIndex>{device.info->type->points[*probe].index}
                                          : device.info->groups[due->group].indices;
        running.spec().driver->read(
            device.spec->number, std::move(points), now + poll_limit,
            [this, &running, due = *due, now, stamp = guard_.stamp()](adapters::Adapter::Values values) {
                polled(running, due, now, stamp, std::move(values));
            });
    }
    running.pumping = false;
    arm(running);
}

void LinkHost::arm(Running& running) {
    if (running.halted || (running.known && !running.up)) return;
    if (running.asked.size() >= running.at_once) return;  // the next answer goes on
    const base::Instant next = running.scheduler->next();
    if (next != base::Instant::max()) running.alarm.set(next, [this, &running] { pump(running); });
}

void LinkHost::polled(Running& running, const PollScheduler::Due& due, base::Instant asked, WriteGuard::Stamp stamp,
                      adapters::Adapter::Values values) {
    running.asked.erase(std::ranges::find(running.asked, asked));
    if (running.halted) return;
    const EndDevice& device = devices_.at(due.device);
    const auto& probe = device.info->type->health.probe;
    const bool probed = due.probe && probe;
    const Witness witness = witness_of(values);
    if (witness == Witness::heard) {
        const auto wall = timers_.wall();
        const auto points = probed ? std::span<const PointNumber>(&*probe, 1)
                                   : std::span<const PointNumber>(device.info->groups[due.group].points);
        for (std::size_t i = 0; i < values.size() && i < points.size(); ++i)
            if (values[i] && guard_.fresh(due.device, points[i], stamp)) intake_.value(due.device, points[i], *values[i], wall);
        note(due.device, points, values);
        const bool was_away = device.presence == Presence::offline;
        intake_.heard(due.device);
        running.scheduler->finished(due, true, asked, timers_.now());
        if (was_away) running.scheduler->wake(due.device, timers_.now(), probed ? PollScheduler::no_group : due.group);
    } else {
        ++running.unanswered;
        troubles_.tell(due.device, Troubles::Of::device, 0, why_of(values), timers_.wall());
        if (witness == Witness::missed)
            intake_.missed(due.device, why_of(values));
        else
            intake_.link_lost(due.device, why_of(values));
        running.scheduler->finished(due, false, asked, timers_.now());
    }
    pump(running);
}

void LinkHost::note(DeviceIndex device, std::span<const PointNumber> points, const adapters::Adapter::Values& values) {
    for (std::size_t i = 0; i < values.size() && i < points.size(); ++i) {
        if (values[i]) continue;
        const auto& error = values[i].error();
        if (error.code != Errc::timeout && error.code != Errc::offline)  // those are the device's, or the link's
            troubles_.tell(device, Troubles::Of::point, points[i], "read: " + error.message, timers_.wall());
    }
}

void LinkHost::probe(DeviceIndex index) {
    EndDevice& device = devices_.at(index);
    Running& running = *links_[device.spec->link];
    if (running.halted || !running.scheduler || device.presence != Presence::offline) return;
    device.backoff = {};
    device.next_try = timers_.now();
    running.scheduler->probe(index);
    pump(running);
}

void LinkHost::came_back(DeviceIndex device) {
    Running& running = *links_[devices_.at(device).spec->link];
    if (running.halted || !running.scheduler) return;
    running.scheduler->wake(device, timers_.now());
    pump(running);
}

void LinkHost::hasten(DeviceIndex device, std::uint16_t group, std::optional<base::Milliseconds> period) {
    Running& running = *links_[devices_.at(device).spec->link];
    if (running.halted || !running.scheduler) return;
    running.scheduler->hasten(device, group, period, timers_.now());
    pump(running);
}

base::Result<void> LinkHost::available(DeviceIndex device) const {
    const Running& running = *links_[devices_.at(device).spec->link];
    if (running.halted) return base::fail(Errc::offline, fmt::format("link '{}' is being opened anew", running.spec().name));
    if (running.known && !running.up)
        return base::fail(Errc::offline, fmt::format("link '{}' is down: {}", running.spec().name, running.reason));
    return {};
}

std::string LinkHost::stuck() const {
    for (const auto& link : links_)
        if (!link->asked.empty() && !link->halted && timers_.now() - std::ranges::min(link->asked) > 2 * poll_limit)
            return link->spec().name;
    return {};
}

bool LinkHost::is_down(std::size_t link) const { return links_[link]->known && !links_[link]->up; }

std::size_t LinkHost::links_up() const {
    std::size_t count = 0;
    for (const auto& link : links_) count += link->up ? 1 : 0;
    return count;
}

LinkHost::Status LinkHost::status(std::size_t link) const {
    const Running& running = *links_[link];
    Status status;
    status.name = running.spec().name;
    status.adapter = running.spec().adapter;
    status.where = running.spec().driver->where();
    status.up = running.up;
    status.known = running.known;
    status.reason = running.reason;
    status.since = running.since;
    status.devices = running.devices.size();
    for (const DeviceIndex d : running.devices) {
        if (devices_.at(d).presence == Presence::online) ++status.online;
        if (devices_.at(d).presence == Presence::offline) ++status.offline;
    }
    status.polls = running.polls;
    status.unanswered = running.unanswered;
    status.busy = running.scheduler ? running.scheduler->busy(timers_.now()) : 0;
    status.late = running.late;
    status.most_late = running.most_late;
    return status;
}

}  // namespace gateway
