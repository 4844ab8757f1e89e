#pragma once

#include "gateway/object_tree.hpp"
#include "tests/fakes/manual_timers.hpp"

#include <deque>
#include <map>
#include <set>

namespace fakes {

/// A link whose devices do what the test says. Values by (device, point index); answers at once unless held back, or one
/// after the other, each after its time, when `frame` is set: a serial line, whose writes go before waiting reads.
class ScriptedDriver final : public adapters::Adapter {
public:
    explicit ScriptedDriver(base::Timers& its_timers) : timers(its_timers) {}

    std::optional<adapters::ShapeId> add_shape(std::string_view, base::Fields*, base::Diagnostics&) override { return 0; }
    std::optional<adapters::PointIndex> add_point(adapters::ShapeId, base::Fields&, base::Fields*, adapters::Access) override {
        return 0;
    }
    std::optional<adapters::DeviceId> add_device(adapters::ShapeId, base::Fields&) override { return 0; }
    void start(adapters::Sink& its_sink) override {
        sink = &its_sink;
        ++starts;
    }
    void stop(std::function<void()> stopped) override {
        ++stops;
        stopped();
    }
    void recall(const adapters::Words& remembered) override { recalled = remembered; }
    void read(adapters::DeviceId device, std::vector<adapters::PointIndex> points, base::Instant,
              std::function<void(Values)> done) override {
        if (frame.count() == 0) reads.push_back({device, points, timers.now()});
        auto answer = [this, device, points, done = std::move(done)] {
            Values answers;
            for (const auto point : points) {
                if (const auto broken = failing.find(device); broken != failing.end())
                    answers.push_back(tl::unexpected(broken->second));
                else if (const auto found = values.find({device, point}); found != values.end())
                    answers.push_back(found->second);
                else
                    answers.push_back(base::fail(base::Errc::not_found, "illegal data address"));
            }
            done(std::move(answers));
        };
        if (hold)
            held.push_back(std::move(answer));
        else if (frame.count() == 0)
            answer();
        else
            line([this, device, points] { reads.push_back({device, points, timers.now()}); }, device, std::move(answer), false);
    }
    std::size_t polls_at_once() const override { return at_once; }
    void write(adapters::DeviceId device, adapters::PointIndex point, adapters::Scalar value, base::Instant,
               std::function<void(base::Result<void>)> done) override {
        auto answer = [this, device, point, value = std::move(value), done = std::move(done)] {
            writes.push_back({device, point, value});
            if (const auto broken = failing.find(device); broken != failing.end()) {
                done(tl::unexpected(broken->second));
                return;
            }
            if (deaf > 0)
                --deaf;
            else
                values[{device, point}] = value;
            done({});
        };
        if (frame.count() == 0)
            answer();
        else
            line([] {}, device, std::move(answer), true);
    }
    std::vector<std::string> explain(adapters::DeviceId, const std::vector<adapters::PointIndex>&) const override { return {}; }
    std::string where() const override { return "scripted"; }

    /// Lets the oldest held answer go; its values are those of now.
    void release() {
        auto answer = std::move(held.front());
        held.pop_front();
        answer();
    }

    struct Read {
        adapters::DeviceId device;
        std::vector<adapters::PointIndex> points;
        base::Instant when;
    };
    struct Write {
        adapters::DeviceId device;
        adapters::PointIndex point;
        adapters::Scalar value;
    };
    base::Timers& timers;
    adapters::Sink* sink = nullptr;
    std::map<std::pair<adapters::DeviceId, adapters::PointIndex>, adapters::Scalar> values;
    std::map<adapters::DeviceId, base::Error> failing;
    std::deque<std::function<void()>> held;
    std::vector<Read> reads;
    std::vector<Write> writes;
    bool hold = false;
    std::size_t at_once = 1;
    int deaf = 0;  // accepts so many writes and does nothing
    base::Milliseconds frame{0}, timeout{200};
    adapters::Words recalled;
    int starts = 0, stops = 0;

private:
    struct Job {
        std::function<void()> sent;
        adapters::DeviceId device;
        std::function<void()> answer;
    };
    void line(std::function<void()> sent, adapters::DeviceId device, std::function<void()> answer, bool first) {
        Job job{std::move(sent), device, std::move(answer)};
        if (first)
            queue_.push_front(std::move(job));
        else
            queue_.push_back(std::move(job));
        if (!sending_) send();
    }
    void send() {
        sending_ = !queue_.empty();
        if (!sending_) return;
        auto job = std::make_shared<Job>(std::move(queue_.front()));
        queue_.pop_front();
        job->sent();
        const auto broken = failing.find(job->device);
        const bool dead = broken != failing.end() && broken->second.code == base::Errc::timeout;
        timers.at(timers.now() + (dead ? timeout : frame), [this, job] {
            job->answer();
            send();
        });
    }
    std::deque<Job> queue_;
    bool sending_ = false;
};

/// A plan made by hand: one link, meters with a temperature (polled each second), a relay (polled each second,
/// writable, verified within 300 ms) and a limit (read on demand, writable).
struct Meters {
    static constexpr adapters::PointIndex temperature = 0, relay = 1, limit = 2;

    using Change = std::function<void(mapping::DeviceType&)>;
    explicit Meters(ManualTimers& timers, unsigned count = 1, const Change& change = {})
        : catalog(lwm2m::ObjectCatalog::builtin()) {
        auto type = std::make_shared<mapping::DeviceType>();
        type->profile = "acme/em@1";
        type->protocol = "scripted";
        type->points.push_back(point("temperature", temperature, base::Milliseconds(1000)));
        type->points.push_back(point("relay", relay, base::Milliseconds(1000)));
        type->points[1].writable = true;
        type->points[1].verify = base::Milliseconds(300);
        type->points.push_back(point("limit", limit, base::Milliseconds(0)));
        for (auto& its : type->points) its.write_index = its.index;
        type->points[2].writable = true;
        type->points[2].max_age = base::Milliseconds(1000);
        type->actions.push_back({"reset",
                                 {mapping::WriteStep{limit, std::int64_t{0}}, mapping::WaitStep{base::Milliseconds(50)},
                                  mapping::ExpectStep{relay, false, base::Milliseconds(500)}},
                                 base::Milliseconds(2000)});
        using mapping::Source;
        add(*type, {3, 0, 4}, Source::action, 0);
        add(*type, {3, 0, 5}, Source::refused, 0);
        add(*type, {3, 0, 11}, Source::error_code, 0);
        add(*type, {3303, 0, 5518}, Source::timestamp, 0);
        add(*type, {3303, 0, 5601}, Source::minimum, 0);
        add(*type, {3303, 0, 5602}, Source::maximum, 0);
        add(*type, {3303, 0, 5605}, Source::reset_min_max, 0);
        add(*type, {3303, 0, 5700}, Source::point, 0);
        add(*type, {3303, 0, 5701}, Source::fixed, 0);
        type->resources.back().fixed = std::string("Cel");
        add(*type, {3303, 0, 6042}, Source::quality, 0);
        add(*type, {3308, 0, 5900}, Source::point, 2);
        type->resources.back().writable = true;
        add(*type, {3312, 0, 5850}, Source::point, 1);
        type->resources.back().writable = true;
        if (change) change(*type);
        auto made = std::make_unique<ScriptedDriver>(timers);
        driver = made.get();
        plan.links.push_back({"bus", "scripted", std::move(made), {}});
        for (unsigned i = 0; i < count; ++i) {
            mapping::Device device;
            device.id = fmt::format("meter-{}", i);
            device.number = i;
            device.type = type;
            plan.devices.push_back(std::move(device));
            driver->values[{i, temperature}] = 21.5;
            driver->values[{i, relay}] = false;
            driver->values[{i, limit}] = 16.0;
        }
    }

    lwm2m::ObjectCatalog catalog;
    mapping::Plan plan;
    ScriptedDriver* driver = nullptr;

private:
    static mapping::PointSpec point(std::string name, adapters::PointIndex index, base::Milliseconds period) {
        mapping::PointSpec spec;
        spec.name = std::move(name);
        spec.index = index;
        spec.period = period;
        spec.max_age = period;
        return spec;
    }
    void add(mapping::DeviceType& type, std::initializer_list<std::uint16_t> path, mapping::Source source,
             std::uint16_t number) {
        mapping::Resource resource;
        resource.path = lwm2m::Path::of(path);
        resource.definition = catalog.find(resource.path);
        resource.source = source;
        resource.number = number;
        type.resources.push_back(std::move(resource));
    }
};

/// Everything between the adapters and the engine, on manual time.
struct Field {
    explicit Field(unsigned count = 1, const Meters::Change& change = {})
        : meters(timers, count, change),
          devices(meters.plan, meters.catalog),
          store(devices.readings(), devices.extremes()),
          intake(devices, store, timers, random),
          links(meters.plan, devices, intake, guard, timers),
          broker(devices, store, intake, links, guard, timers),
          tree(meters.catalog, devices, store, links, broker, timers) {
        intake.on_presence = [this](gateway::DeviceIndex d, gateway::Presence) { broker.presence_changed(d); };
        for (gateway::DeviceIndex d = 0; d < devices.size(); ++d)
            devices.give(d, fmt::format("dev{}", d), static_cast<std::uint16_t>(d));
    }
    void start() {
        links.start();
        meters.driver->sink->link(true, "connected");
    }
    ScriptedDriver& bus() { return *meters.driver; }
    void after(std::chrono::milliseconds by) { timers.advance(by); }

    /// "21.5", several values joined by a blank, or "busy: text".
    std::string read(const std::string& target) {
        std::string said = "(no answer)";
        tree.read(*lwm2m::Target::parse(target), [&](base::Result<std::vector<lwm2m::Entry>> entries) {
            said = entries ? "" : fmt::format("error {}", static_cast<int>(entries.error().code));
            if (entries)
                for (const auto& entry : *entries) said += (said.empty() ? "" : " ") + lwm2m::str(entry.value);
        });
        return said;
    }

    ManualTimers timers;
    FixedRandom random;
    Meters meters;
    gateway::EndDevices devices;
    gateway::ValueStore store;
    gateway::Intake intake;
    gateway::WriteGuard guard;
    gateway::LinkHost links;
    gateway::Broker broker;
    gateway::ObjectTree tree;
};

}  // namespace fakes
