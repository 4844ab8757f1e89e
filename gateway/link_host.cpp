#include "gateway/link_host.hpp"

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
    Running(LinkHost& its_host, std::size_t its_number) : host(its_host), number(its_number), alarm(its_host.timers_) {}

    void value(adapters::DeviceId device, adapters::PointIndex index, adapters::Scalar raw, base::WallTime at) override {
        const DeviceIndex d = host.devices_.by_number(number, device);
        if (d == EndDevices::none) return;
        const auto& by_index = host.devices_.at(d).info->by_index;
        if (index >= by_index.size() || by_index[index] == no_slot) return;
        host.intake_.value(d, by_index[index], raw, at);
        host.intake_.heard(d);
    }

    void link(bool is_up, std::string why) override {
        const auto& spec = host.plan_.links[number];
        if (is_up) {
            base::log().info("link '{}' up ({})", spec.name, spec.driver->where());
            const bool was_down = known && !up;
            up = true, known = true, reason.clear();
            const auto now = host.timers_.now();
            if (was_down)
                for (const DeviceIndex d : devices) host.scheduler_->wake(d, now);
            host.pump(number);
            return;
        }
        base::log().warn("link '{}' down ({}): {}", spec.name, spec.driver->where(), base::printable(why));
        up = false, known = true, reason = std::move(why);
        for (const DeviceIndex d : devices) host.intake_.link_lost(d, fmt::format("link '{}': {}", spec.name, reason));
    }

    LinkHost& host;
    std::size_t number;
    base::Timer alarm;
    std::vector<DeviceIndex> devices;
    bool up = false, known = false;  // known: the adapter has said so
    std::string reason;
    bool busy = false, pumping = false, stopped = false;
    base::Instant asked{};
};

LinkHost::LinkHost(mapping::Plan& plan, EndDevices& devices, Intake& intake, WriteGuard& guard, base::Timers& timers)
    : plan_(plan), devices_(devices), intake_(intake), guard_(guard), timers_(timers) {
    for (std::size_t i = 0; i < plan.links.size(); ++i) links_.push_back(std::make_unique<Running>(*this, i));
    for (DeviceIndex d = 0; d < devices.size(); ++d) links_[devices.at(d).spec->link]->devices.push_back(d);
}

LinkHost::~LinkHost() = default;

void LinkHost::start() {
    scheduler_ = std::make_unique<PollScheduler>(devices_, links_.size(), timers_.now());
    for (std::size_t i = 0; i < links_.size(); ++i) {
        plan_.links[i].driver->start(*links_[i]);
        pump(i);
    }
}

void LinkHost::stop(std::function<void()> done) {
    stopping_ = true;
    auto left = std::make_shared<std::size_t>(links_.size());
    if (links_.empty()) {
        done();
        return;
    }
    auto finish = std::make_shared<std::function<void()>>(std::move(done));
    for (std::size_t i = 0; i < links_.size(); ++i) {
        links_[i]->alarm.cancel();
        plan_.links[i].driver->stop([left, finish] {
            if (--*left == 0) (*finish)();
        });
    }
}

void LinkHost::pump(std::size_t link) {
    Running& running = *links_[link];
    if (running.pumping) return;  // an adapter that answers at once comes back in here
    running.pumping = true;
    // A bounded turn, so that a link full of instant answers leaves time for the server.
    for (int turns = 0; turns < 64 && !running.busy && !stopping_ && (running.up || !running.known); ++turns) {
        const auto due = scheduler_->take(link, timers_.now());
        if (!due) break;
        running.busy = true;
        running.asked = timers_.now();
        const EndDevice& device = devices_.at(due->device);
        plan_.links[link].driver->read(device.spec->number, device.info->groups[due->group].indices, timers_.now() + poll_limit,
                                       [this, link, due = *due, stamp = guard_.stamp()](adapters::Adapter::Values values) {
                                           polled(link, due, stamp, std::move(values));
                                       });
    }
    running.pumping = false;
    arm(link);
}

void LinkHost::arm(std::size_t link) {
    Running& running = *links_[link];
    if (stopping_ || running.busy || (running.known && !running.up)) return;
    const base::Instant next = scheduler_->next(link);
    if (next != base::Instant::max()) running.alarm.set(next, [this, link] { pump(link); });
}

void LinkHost::polled(std::size_t link, const PollScheduler::Due& due, WriteGuard::Stamp stamp,
                      adapters::Adapter::Values values) {
    Running& running = *links_[link];
    running.busy = false;
    if (stopping_) return;
    const EndDevice& device = devices_.at(due.device);
    const Group& group = device.info->groups[due.group];
    const Witness witness = witness_of(values);
    if (witness == Witness::heard) {
        const auto wall = timers_.wall();
        for (std::size_t i = 0; i < values.size() && i < group.points.size(); ++i)
            if (values[i] && guard_.fresh(due.device, group.points[i], stamp))
                intake_.value(due.device, group.points[i], *values[i], wall);
        const bool was_away = device.presence == Presence::offline;
        intake_.heard(due.device);
        scheduler_->finished(due, true, timers_.now());
        if (was_away) scheduler_->wake(due.device, timers_.now(), due.group);
    } else {
        if (witness == Witness::missed)
            intake_.missed(due.device, why_of(values));
        else
            intake_.link_lost(due.device, why_of(values));
        scheduler_->finished(due, false, timers_.now());
    }
    pump(link);
}

void LinkHost::came_back(DeviceIndex device) {
    scheduler_->wake(device, timers_.now());
    pump(devices_.at(device).spec->link);
}

base::Result<void> LinkHost::available(DeviceIndex device) const {
    const std::size_t link = devices_.at(device).spec->link;
    const Running& running = *links_[link];
    if (running.known && !running.up)
        return base::fail(Errc::offline, fmt::format("link '{}' is down: {}", plan_.links[link].name, running.reason));
    return {};
}

std::string LinkHost::stuck() const {
    for (std::size_t i = 0; i < links_.size(); ++i)
        if (links_[i]->busy && timers_.now() - links_[i]->asked > 2 * poll_limit) return plan_.links[i].name;
    return {};
}

std::size_t LinkHost::links_up() const {
    std::size_t count = 0;
    for (const auto& link : links_) count += link->up ? 1 : 0;
    return count;
}

}  // namespace gateway
