#include "adapters/sim/sim.hpp"

#include "adapters/sim/signal.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

namespace adapters::sim {

namespace {

using base::Errc;
using base::Node;

constexpr std::size_t most_shapes = 65'536;
constexpr std::size_t most_points = 65'535;  // of a shape; PointIndex
constexpr std::size_t most_devices = 1'000'000;
constexpr std::size_t most_waiting = 65'536;  // calls without an answer; more are refused as busy

/// How a simulated device behaves: of the whole device type (the profile's `sim:`), or of one point.
struct Manner {
    Span delay{};
    std::optional<Errc> fail;
};

struct Point {
    Signal signal;
    Manner manner;
    bool push = false;
    bool writable = false;
};

struct Shape {
    Manner manner;
    std::vector<Point> points;
    std::vector<DeviceId> devices;
};

constexpr std::pair<std::string_view, Errc> failures[] = {
    {"timeout", Errc::timeout},         {"offline", Errc::offline},     {"busy", Errc::busy},
    {"malformed", Errc::malformed},     {"not_found", Errc::not_found}, {"not_allowed", Errc::not_allowed},
    {"bad_request", Errc::bad_request}, {"internal", Errc::internal}};

void read_manner(Fields& fields, Manner& manner) {
    if (const auto delay = fields.span("delay")) manner.delay = *delay;
    std::vector<std::string_view> words;
    for (const auto& [word, code] : failures) words.push_back(word);
    if (const auto fail = fields.choice("fail", words)) manner.fail = failures[*fail].second;
}

tl::unexpected<base::Error> acted_out(Errc code) {
    for (const auto& [word, known] : failures)
        if (known == code) return base::fail(code, fmt::format("simulated failure: {}", word));
    return base::fail(code, "simulated failure");
}

class SimAdapter final : public Adapter {
public:
    SimAdapter(base::Timers& timers, std::string name) : timers_(timers), name_(std::move(name)), tick_(timers) {
        started_at_ = timers_.now();
    }
    ~SimAdapter() override {
        for (const auto& [id, call] : waiting_) timers_.cancel(call.alarm);
    }

    std::optional<ShapeId> add_shape(std::string_view, Fields* section, Diagnostics& diagnostics) override {
        const bool full = shapes_.size() >= most_shapes;
        if (full) diagnostics.error({}, "too many simulated device types", fmt::format("at most {}", most_shapes));
        Shape shape;
        if (section != nullptr && section->valid()) read_manner(*section, shape.manner);
        if (full) return std::nullopt;
        shapes_.push_back(std::move(shape));
        return static_cast<ShapeId>(shapes_.size() - 1);
    }

    std::optional<PointIndex> add_point(ShapeId id, Fields& point, Fields*, Access access) override {
        Shape& shape = shapes_.at(id);
        const Node* node = point.need("sim", "write what it says: sim: {value: 21.5}");
        point.known("type");
        if (node == nullptr) return std::nullopt;
        if (shape.points.size() >= most_points) {
            point.error("sim", fmt::format("over {} points", most_points), "split the profile");
            return std::nullopt;
        }
        Point made;
        made.manner = shape.manner;
        made.writable = access.write;
        std::optional<Signal> signal;
        if (node->kind() == Node::Kind::map) {
            Fields sim(*node, fmt::format("'sim' of {}", point.what()), point.diagnostics());
            signal = read_signal(point, &sim, *node);
            read_manner(sim, made.manner);
            made.push = sim.boolean("push").value_or(false);
            for (const std::string_view key : {"every", "amp", "offset", "period", "digits"})
                if (!signal) sim.known(key);  // which of them belong here is not known
            sim.done();
        } else {
            signal = read_signal(point, nullptr, *node);
        }
        if (!signal) return std::nullopt;
        if (access.write && signal->shape != Signal::Shape::constant) {
            point.error("sim", "only a constant can be written", "write sim: {value: 0}, or leave 'write' out");
            return std::nullopt;
        }
        made.signal = std::move(*signal);
        shape.points.push_back(std::move(made));
        return static_cast<PointIndex>(shape.points.size() - 1);
    }

    std::optional<Kind> kind(ShapeId id, PointIndex index) const override {
        return shapes_.at(id).points.at(index).signal.kind;
    }

    std::optional<DeviceId> add_device(ShapeId shape, Fields& site) override {
        if (devices_.size() >= most_devices) {
            site.error("id", fmt::format("over {} simulated devices", most_devices), "use several links");
            return std::nullopt;
        }
        devices_.push_back(shape);
        const auto device = static_cast<DeviceId>(devices_.size() - 1);
        shapes_.at(shape).devices.push_back(device);
        return device;
    }

    void start(Sink& sink) override {
        sink_ = &sink;
        started_at_ = timers_.now();
        tick_.set(timers_.now(), [this] {
            sink_->link(true, "simulated");
            begin_pushing();
        });
    }

    void stop(std::function<void()> stopped) override {
        sink_ = nullptr;
        tick_.cancel();
        for (auto& [id, call] : std::exchange(waiting_, {})) {
            timers_.cancel(call.alarm);
            call.offline();
        }
        timers_.at(timers_.now(), std::move(stopped));
    }

    void read(DeviceId device, std::vector<PointIndex> asked, Instant deadline, std::function<void(Values)> done) override {
        const auto offline = [done, count = asked.size()] {
            done(Values(count, base::fail(Errc::offline, "the simulated link is closed")));
        };
        if (waiting_.size() >= most_waiting) return refuse([done, count = asked.size()] { done(Values(count, too_many())); });
        const Instant asked_at = timers_.now();
        Instant until = asked_at;
        for (const PointIndex index : asked) until = std::max(until, answer_at(device, index, asked_at).value_or(deadline));
        wait(std::min(until, deadline), offline, [=, this, asked = std::move(asked), done = std::move(done)] {
            Values values;
            values.reserve(asked.size());
            for (const PointIndex index : asked) {
                const auto ready = answer_at(device, index, asked_at);
                values.push_back(ready && *ready <= deadline ? now(device, index) : Result<Scalar>(timed_out()));
            }
            done(std::move(values));
        });
    }

    void write(DeviceId device, PointIndex index, Scalar value, Instant deadline,
               std::function<void(Result<void>)> done) override {
        const auto offline = [done] { done(base::fail(Errc::offline, "the simulated link is closed")); };
        if (waiting_.size() >= most_waiting) return refuse([done] { done(too_many()); });
        const auto ready = answer_at(device, index, timers_.now());
        const bool late = !ready || *ready > deadline;
        wait(late ? deadline : *ready, offline, [this, device, index, value = std::move(value), late, done = std::move(done)] {
            done(late ? Result<void>(timed_out()) : take(device, index, value));
        });
    }

    std::vector<std::string> explain(DeviceId device, const std::vector<PointIndex>& asked) const override {
        Span delay{};
        for (const PointIndex index : asked)
            if (const Point* point = find(device, index)) delay = std::max(delay, point->manner.delay);
        std::string line = asked.size() == 1 ? "1 simulated value" : fmt::format("{} simulated values", asked.size());
        if (delay > Span{}) line += fmt::format(", after {}", base::span_text(delay));
        return {line};
    }

    std::string where() const override { return "sim " + name_; }

private:
    struct Call {
        base::Timers::Id alarm = 0;
        std::function<void()> offline;
    };

    static tl::unexpected<base::Error> too_many() {
        return base::fail(Errc::busy, fmt::format("{} calls are waiting already", most_waiting));
    }
    static tl::unexpected<base::Error> timed_out() { return base::fail(Errc::timeout, "no answer from the simulated device"); }

    const Point* find(DeviceId device, PointIndex index) const {
        if (device >= devices_.size()) return nullptr;
        const auto& points = shapes_[devices_[device]].points;
        return index < points.size() ? &points[index] : nullptr;
    }
    static std::uint64_t key(DeviceId device, PointIndex index) { return std::uint64_t{device} << 16 | index; }

    Span since_start() const { return std::chrono::duration_cast<Span>(timers_.now() - started_at_); }

    /// When the device answers; nothing: never.
    std::optional<Instant> answer_at(DeviceId device, PointIndex index, Instant asked_at) const {
        const Point* point = find(device, index);
        if (point == nullptr) return asked_at;
        if (point->manner.fail == Errc::timeout) return std::nullopt;
        return asked_at + point->manner.delay;
    }

    Result<Scalar> now(DeviceId device, PointIndex index) const {
        const Point* point = find(device, index);
        if (point == nullptr) return base::fail(Errc::not_found, fmt::format("no simulated point {}", index));
        if (point->manner.fail) return acted_out(*point->manner.fail);
        if (const auto written = written_.find(key(device, index)); written != written_.end()) return written->second;
        return point->signal.at(since_start(), key(device, index));
    }

    Result<void> take(DeviceId device, PointIndex index, const Scalar& value) {
        const Point* point = find(device, index);
        if (point == nullptr) return base::fail(Errc::not_found, fmt::format("no simulated point {}", index));
        if (point->manner.fail) return acted_out(*point->manner.fail);
        if (!point->writable) return base::fail(Errc::not_allowed, "this simulated point cannot be written");
        auto fitted = fit(point->signal.kind, value);
        if (!fitted) return tl::unexpected(fitted.error());
        const auto before = now(device, index);
        written_[key(device, index)] = *fitted;
        if (point->push && sink_ != nullptr && (!before || *before != *fitted))
            sink_->value(device, index, *fitted, timers_.wall());
        return {};
    }

    void wait(Instant until, std::function<void()> offline, std::function<void()> answer) {
        if (sink_ == nullptr) return refuse(std::move(offline));
        const std::uint64_t id = ++last_call_;
        Call& call = waiting_[id];
        call.offline = std::move(offline);
        call.alarm = timers_.at(until, [this, id, answer = std::move(answer)] {
            waiting_.erase(id);
            answer();
        });
    }
    /// Not from within the caller's call, as every other answer.
    void refuse(std::function<void()> answer) { timers_.at(timers_.now(), std::move(answer)); }

    // -- What comes unasked: one alarm for all; a point is due when its `every` has passed since the start.

    struct Push {
        std::size_t shape;
        PointIndex index;
        Span due;
    };

    void begin_pushing() {
        pushes_.clear();
        for (std::size_t s = 0; s < shapes_.size(); ++s) {
            for (std::size_t p = 0; p < shapes_[s].points.size(); ++p) {
                const Point& point = shapes_[s].points[p];
                if (!point.push || point.manner.fail) continue;
                const auto index = static_cast<PointIndex>(p);
                for (const DeviceId device : shapes_[s].devices)
                    if (sink_ != nullptr)
                        if (const auto value = now(device, index)) sink_->value(device, index, *value, timers_.wall());
                if (point.signal.shape != Signal::Shape::constant) pushes_.push_back({s, index, point.signal.every});
            }
        }
        plan_next();
    }

    void plan_next() {
        if (sink_ == nullptr || pushes_.empty()) return;
        const auto next =
            std::min_element(pushes_.begin(), pushes_.end(), [](const Push& a, const Push& b) { return a.due < b.due; });
        tick_.set(started_at_ + next->due, [this] { push_due(); });
    }

    void push_due() {
        const Span passed = since_start();
        for (Push& push : pushes_) {
            if (push.due > passed) continue;
            const Shape& shape = shapes_[push.shape];
            const Signal& signal = shape.points[push.index].signal;
            // After a pause of the whole process the steps in between are left out, not caught up.
            const Span step = Span(passed.count() / signal.every.count() * signal.every.count());
            for (const DeviceId device : shape.devices) {
                if (sink_ == nullptr) return;  // stopped by what it was told
                Scalar value = signal.at(step, key(device, push.index));
                if (value != signal.at(push.due - signal.every, key(device, push.index)))
                    sink_->value(device, push.index, std::move(value), timers_.wall());
            }
            push.due = step + signal.every;
        }
        plan_next();
    }

    base::Timers& timers_;
    std::string name_;
    Instant started_at_;
    Sink* sink_ = nullptr;  // null: not running
    std::vector<Shape> shapes_;
    std::vector<ShapeId> devices_;                       // the shape of each
    std::unordered_map<std::uint64_t, Scalar> written_;  // only points that were ever written
    std::map<std::uint64_t, Call> waiting_;
    std::uint64_t last_call_ = 0;
    std::vector<Push> pushes_;
    base::Timer tick_;
};

std::unique_ptr<Adapter> create(boost::asio::any_io_executor, base::Timers& timers, base::Random&, Fields& link) {
    const auto name = link.text("sim");
    if (!name) return nullptr;
    if (name->empty() || name->size() > 64 || !base::is_utf8(*name)) {
        link.error("sim", "'sim' is a name of 1 to 64 characters", "write sim: bench");
        return nullptr;
    }
    return std::make_unique<SimAdapter>(timers, *name);
}

}  // namespace

const Descriptor& descriptor() {
    static constexpr Descriptor sim{adapter_api, adapter_build, "sim", create, nullptr};
    return sim;
}

}  // namespace adapters::sim
