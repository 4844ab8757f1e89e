#include "adapters/modbus/adapter.hpp"

#include "adapters/modbus/make_bus.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace adapters::modbus {

using base::Errc;
using base::Error;
using base::fail;
using base::Milliseconds;

namespace {

constexpr double assumed_turnaround_us = 10'000;  // what a serial device needs before it answers
constexpr std::uint16_t tcp_gap = 32;             // 64 bytes more are cheaper than a round trip through the device

}  // namespace

/// A block that is still to be read, and the refused block that it is half of (index into Job::halved, or none).
struct ModbusAdapter::Part {
    Block block;
    std::optional<std::size_t> half_of{};
};

struct ModbusAdapter::Job {
    struct Halved {
        Block first, second;
        unsigned open = 2;
        bool sound = true;
    };

    DeviceId device = 0;
    Instant deadline{};
    std::list<Job>* queue = nullptr;
    std::list<Job>::iterator self{};

    // A read.
    std::vector<PointIndex> points;
    std::vector<Extent> extents;  // of the points, in their order
    Values values;
    std::deque<Part> parts;
    std::vector<Halved> halved;
    std::function<void(Values)> values_done;

    // A write.
    PointIndex point = 0;
    Scalar value;
    Request request;
    bool other_function_tried = false;
    Result<void> written;
    std::function<void(Result<void>)> write_done;

    bool answered() const { return !values_done && !write_done; }
    bool is_write() const { return points.empty(); }
};

ModbusAdapter::ModbusAdapter(boost::asio::any_io_executor executor, base::Timers& timers, base::Random& random,
                             LinkSettings settings)
    : executor_(std::move(executor)),
      timers_(timers),
      settings_(std::move(settings)),
      bus_(make_bus(executor_, timers, random, settings_)),
      deadlines_(timers),
      rest_(timers) {}

ModbusAdapter::~ModbusAdapter() = default;

// -- What there is

std::optional<ShapeId> ModbusAdapter::add_shape(std::string_view, Fields* section, Diagnostics& diagnostics) {
    auto shape = read_shape(section, diagnostics);
    if (!shape) return std::nullopt;
    shapes_.push_back(std::move(*shape));
    return static_cast<ShapeId>(shapes_.size() - 1);
}

std::optional<PointIndex> ModbusAdapter::add_point(ShapeId id, Fields& point, Fields* write, Access access) {
    Shape& shape = shapes_.at(id);
    auto read = read_point(shape, point, write, access);
    if (!read) return std::nullopt;
    if (shape.points.size() > UINT16_MAX) {
        point.error("at", "a profile has at most 65536 points", "split the profile");
        return std::nullopt;
    }
    shape.points.push_back(std::move(*read));
    return static_cast<PointIndex>(shape.points.size() - 1);
}

std::optional<Kind> ModbusAdapter::kind(ShapeId id, PointIndex index) const {
    const PointShape& point = shapes_.at(id).points.at(index);
    return is_bits(point.extent.table) && !point.object ? Kind::boolean : point.encoding.kind;
}

std::optional<std::uint8_t> ModbusAdapter::read_unit(Fields& site) {
    const bool serial = settings_.is_serial();
    if (site.need(
            "unit",
            serial ? "write the number that is set at the device: unit: 1 to 247"
                   : "write the number that is set at the device; one with an address of its own is mostly unit: 1 or 255") ==
        nullptr)
        return std::nullopt;
    if (serial) {
        const auto* node = site.find("unit");
        if (node->kind() == base::Node::Kind::integer && node->integer() == 0) {
            site.error("unit", "unit 0 is the broadcast of a serial line, nobody answers to it",
                       "write the number that is set at the device, 1 to 247");
            return std::nullopt;
        }
    }
    const auto unit = site.integer("unit", serial ? 1 : 0, serial ? 247 : 255);
    if (!unit) return std::nullopt;
    return static_cast<std::uint8_t>(*unit);
}

std::optional<DeviceId> ModbusAdapter::add_device(ShapeId shape, Fields& site) {
    const auto unit = read_unit(site);
    if (!unit) return std::nullopt;
    const auto other =
        std::find_if(devices_.begin(), devices_.end(), [&](const Device& device) { return device.unit == *unit; });
    if (other != devices_.end()) {
        site.error(
            "unit",
            fmt::format("unit {} on {} is taken by {} ({}:{})", *unit, where(), other->what, other->at.file, other->at.line),
            "give each device of a link its own unit");
        return std::nullopt;
    }
    devices_.push_back({shape, *unit, site.what(), site.node().at()});
    return static_cast<DeviceId>(devices_.size() - 1);
}

const Shape* ModbusAdapter::shape_of(DeviceId device) const {
    return device < devices_.size() && devices_[device].shape < shapes_.size() ? &shapes_[devices_[device].shape] : nullptr;
}

ReadLimits ModbusAdapter::limits_of(const Shape& shape) const {
    ReadLimits limits{shape.most_registers, shape.most_bits, tcp_gap};
    if (const auto* line = std::get_if<SerialLine>(&settings_.to))
        limits.gap = gap_of_line(line->character_us(), static_cast<double>(line->silence().count()), assumed_turnaround_us);
    if (shape.gap) limits.gap = *shape.gap;
    return limits;
}

std::vector<Extent> ModbusAdapter::extents_of(const Shape& shape, const std::vector<PointIndex>& points) const {
    std::vector<Extent> extents;
    extents.reserve(points.size());
    for (const PointIndex point : points) extents.push_back(shape.points.at(point).extent);
    return extents;
}

std::vector<std::string> ModbusAdapter::explain(DeviceId device, const std::vector<PointIndex>& points) const {
    std::vector<std::string> lines;
    const Shape* shape = shape_of(device);
    if (shape == nullptr) return lines;
    std::vector<PointIndex> readable;
    for (const PointIndex point : points)
        if (point < shape->points.size() && shape->points[point].access.read) readable.push_back(point);
    const auto extents = extents_of(*shape, readable);
    for (const Block& block : plan_reads(extents, limits_of(*shape), shape->holes)) lines.push_back(describe(block, extents));
    return lines;
}

// -- Running

template <class F>
void ModbusAdapter::later(F what) {
    boost::asio::post(executor_, [alive = std::weak_ptr(alive_), what = std::move(what)]() mutable {
        if (!alive.expired()) what();
    });
}

void ModbusAdapter::start(Sink& sink) {
    sink_ = &sink;
    bus_->start([this](Bus::State state, const std::string& why) { bus_changed(state, why); });
}

void ModbusAdapter::stop(std::function<void()> stopped) {
    stopping_ = true;
    deadlines_.cancel();
    rest_.cancel();
    current_ = nullptr;
    later([this] { fail_waiting({Errc::offline, "the link is being closed"}); });
    bus_->stop(std::move(stopped));
}

void ModbusAdapter::bus_changed(Bus::State state, const std::string& why) {
    state_ = state;
    away_ = why;
    if (sink_ != nullptr) sink_->link(state == Bus::State::up, why);
    if (state == Bus::State::away) fail_waiting({Errc::offline, fmt::format("{}: {}", where(), why)});
    pump();
}

void ModbusAdapter::read(DeviceId device, std::vector<PointIndex> points, Instant deadline, std::function<void(Values)> done) {
    const Shape* shape = shape_of(device);
    Job job{.device = device, .deadline = deadline};
    job.values.assign(points.size(), fail(Errc::timeout, "not read in time"));
    std::vector<PointIndex> readable;
    std::vector<std::uint32_t> place;  // of each readable one in the answer
    for (std::uint32_t i = 0; i < points.size(); ++i) {
        if (shape == nullptr || points[i] >= shape->points.size())
            job.values[i] = fail(Errc::internal, "no such point");
        else if (!shape->points[points[i]].access.read)
            job.values[i] = fail(Errc::not_allowed, "this point is only written");
        else if (shape->points[points[i]].object)
            job.values[i] = fail(Errc::not_found, "the device does not tell this of itself");
        else {
            readable.push_back(points[i]);
            place.push_back(i);
        }
    }
    if (readable.empty())
        return later([values = std::move(job.values), done = std::move(done)]() mutable { done(std::move(values)); });
    job.points = std::move(points);
    job.extents.resize(job.points.size());
    const auto extents = extents_of(*shape, readable);
    for (std::size_t i = 0; i < readable.size(); ++i) job.extents[place[i]] = extents[i];
    for (Block& block : plan_reads(extents, limits_of(*shape), shape->holes)) {
        for (auto& point : block.points) point = place[point];
        job.parts.push_back({std::move(block)});
    }
    job.values_done = std::move(done);
    enqueue(reads_, std::move(job));
}

void ModbusAdapter::write(DeviceId device, PointIndex point, Scalar value, Instant deadline,
                          std::function<void(Result<void>)> done) {
    const Shape* shape = shape_of(device);
    const auto refuse = [&](Error error) {
        later([error = std::move(error), done = std::move(done)] { done(tl::unexpected(error)); });
    };
    if (shape == nullptr || point >= shape->points.size()) return refuse({Errc::internal, "no such point"});
    const PointShape& target = shape->points[point];
    if (!target.access.write) return refuse({Errc::not_allowed, "this point is only read"});
    auto request = write_request(target, target.write_using, devices_[device].unit, value);
    if (!request) return refuse(request.error());
    Job job{.device = device, .deadline = deadline};
    job.point = point;
    job.value = std::move(value);
    job.request = std::move(*request);
    job.written = fail(Errc::timeout, "not written in time");
    job.write_done = std::move(done);
    enqueue(writes_, std::move(job));
}

void ModbusAdapter::enqueue(std::list<Job>& queue, Job job) {
    std::optional<Error> refused;
    if (stopping_)
        refused = Error{Errc::offline, "the link is being closed"};
    else if (state_ == Bus::State::away)
        refused = Error{Errc::offline, fmt::format("{}: {}", where(), away_)};
    else if (writes_.size() + reads_.size() >= queue_limit)
        refused = Error{Errc::busy, fmt::format("{} calls wait for {} already", queue_limit, where())};

    if (refused) {
        std::list<Job> alone;
        alone.push_back(std::move(job));
        return later([this, refused = std::move(*refused), alone = std::move(alone)]() mutable {
            alone.front().queue = &alone;
            alone.front().self = alone.begin();
            settle_all(alone.front(), refused);
            finish(alone.front());
        });
    }
    const Instant deadline = job.deadline;
    queue.push_back(std::move(job));
    queue.back().queue = &queue;
    queue.back().self = std::prev(queue.end());
    if (!deadlines_.is_set() || deadline < next_deadline_) {
        next_deadline_ = deadline;
        deadlines_.set(deadline, [this] { expire(); });
    }
    pump();
}

void ModbusAdapter::pump() {
    if (current_ != nullptr || stopping_ || state_ != Bus::State::up) return;
    if (writes_.empty() && reads_.empty()) return;
    const Instant now = timers_.now();
    Instant soonest = Instant::max();
    for (auto* queue : {&writes_, &reads_})
        for (Job& job : *queue) {
            const Instant ready = std::max(line_ready_, devices_[job.device].ready);
            if (ready <= now) return begin(job);
            soonest = std::min(soonest, ready);
        }
    rest_.set(soonest, [this] { pump(); });
}

void ModbusAdapter::begin(Job& job) {
    current_ = &job;
    const Device& device = devices_[job.device];
    Request request = job.request;
    if (!job.is_write()) {
        const Block& block = job.parts.front().block;
        request = {.unit = device.unit, .function = read_function(block.table), .address = block.address, .count = block.count};
    }
    bus_->exchange(std::move(request), shapes_[device.shape].timeout.value_or(settings_.timeout),
                   [this](Result<Bytes> result) { answered(std::move(result)); });
}

void ModbusAdapter::answered(Result<Bytes> result) {
    if (current_ == nullptr) return;
    Job& job = *std::exchange(current_, nullptr);
    Device& device = devices_[job.device];
    const Shape& shape = shapes_[device.shape];
    const Instant now = timers_.now();
    line_ready_ = now + settings_.pause;
    device.ready = now + shape.pause;
    if (!result && result.error().code == Errc::timeout)
        device.ready = std::max(device.ready, now + bus_->settle(shape.timeout.value_or(settings_.timeout)));
    if (job.is_write())
        write_answered(job, result);
    else
        read_answered(job, result);
    pump();
}

void ModbusAdapter::read_answered(Job& job, Result<Bytes>& result) {
    const Part part = std::move(job.parts.front());
    job.parts.pop_front();
    const Device& device = devices_[job.device];
    const Shape& shape = shapes_[device.shape];
    if (result) {
        for (const auto index : part.block.points) {
            job.values[index] = value_of(shape.points[job.points[index]], part.block, *result).map_error([&](Error error) {
                return base::in(fmt::format("unit {}: {}", device.unit,
                                            range_text(part.block.table, job.extents[index].address, job.extents[index].count)),
                                std::move(error));
            });
        }
        learn(job, part, true);
    } else {
        const Error error = base::in(
            fmt::format("unit {}: {}", device.unit, range_text(part.block.table, part.block.address, part.block.count)),
            std::move(result.error()));
        for (const auto index : part.block.points) job.values[index] = tl::unexpected(error);
        if (error.code == Errc::not_found || error.code == Errc::bad_request) {
            learn(job, part, false);
            divide(job, part);
        } else if (error.code == Errc::timeout || error.code == Errc::offline) {
            settle_all(job, error);
        }
    }
    if (job.parts.empty() || job.answered()) finish(job);
}

/// One forbidden register fails its whole block: the halves are asked for by themselves, down to the register.
void ModbusAdapter::divide(Job& job, const Part& part) {
    auto halves = split(part.block, job.extents);
    if (halves.empty()) {
        shapes_[devices_[job.device].shape].holes.forbid(part.block.table, part.block.address, part.block.end());
        return;
    }
    job.halved.push_back({halves[0], halves[1]});
    const std::size_t index = job.halved.size() - 1;
    job.parts.push_front({std::move(halves[1]), index});
    job.parts.push_front({std::move(halves[0]), index});
}

/// When both halves of a refused block are answered, the fault was between them: a hole in the gap, or its length.
void ModbusAdapter::learn(Job& job, const Part& part, bool whole) {
    if (!part.half_of) return;
    Job::Halved& halved = job.halved[*part.half_of];
    halved.sound = halved.sound && whole;
    if (--halved.open > 0 || !halved.sound) return;
    Holes& holes = shapes_[devices_[job.device].shape].holes;
    if (halved.second.address > halved.first.end())
        holes.forbid(halved.first.table, halved.first.end(), halved.second.address);
    else
        holes.limit(halved.first.table, std::max(halved.first.count, halved.second.count));
}

void ModbusAdapter::write_answered(Job& job, Result<Bytes>& result) {
    Device& device = devices_[job.device];
    PointShape& point = shapes_[device.shape].points[job.point];
    if (result) {
        job.written = {};
        return finish(job);
    }
    // A device that does not know function 6 mostly knows 16, and the other way round. Refused means: not done.
    if (result.error().code == Errc::not_allowed && !point.using_is_given && point.extent.count == 1 && !job.answered()) {
        const Using other = point.write_using == Using::single ? Using::multiple : Using::single;
        point.write_using = other;
        if (!std::exchange(job.other_function_tried, true)) {
            if (auto request = write_request(point, other, device.unit, job.value)) {
                job.request = std::move(*request);
                return;  // stays at the head of its queue
            }
        }
    }
    job.written = tl::unexpected(
        base::in(fmt::format("unit {}: writing {}", device.unit, job.request.where()), std::move(result.error())));
    finish(job);
}

/// Everything of the job that has no answer yet gets this one.
void ModbusAdapter::settle_all(Job& job, const Error& error) {
    if (job.is_write()) job.written = tl::unexpected(error);
    for (const Part& part : job.parts)
        for (const auto index : part.block.points) job.values[index] = tl::unexpected(error);
    job.parts.clear();
}

/// Answers, when that was not done yet, and forgets the job; one that is on the wire stays until the wire is free.
void ModbusAdapter::finish(Job& job) {
    auto values_done = std::exchange(job.values_done, nullptr);
    auto write_done = std::exchange(job.write_done, nullptr);
    Values values;
    Result<void> written;
    if (&job == current_) {
        values = job.values;
        written = job.written;
    } else {
        values = std::move(job.values);
        written = std::move(job.written);
        job.queue->erase(job.self);
    }
    if (values_done) values_done(std::move(values));
    if (write_done) write_done(std::move(written));
}

void ModbusAdapter::expire() {
    const Instant now = timers_.now();
    std::vector<Job*> late;
    next_deadline_ = Instant::max();
    for (auto* queue : {&writes_, &reads_})
        for (Job& job : *queue) {
            if (job.answered()) continue;
            if (job.deadline <= now)
                late.push_back(&job);
            else
                next_deadline_ = std::min(next_deadline_, job.deadline);
        }
    if (next_deadline_ != Instant::max()) deadlines_.set(next_deadline_, [this] { expire(); });
    std::list<Job> over;  // taken out first: a call-back may change the queues
    for (Job* job : late) {
        const Error error{Errc::timeout, fmt::format("unit {}: no answer before the deadline", devices_[job->device].unit)};
        if (job != current_) {
            over.splice(over.end(), *job->queue, job->self);
            job->queue = &over;
            settle_all(*job, error);
            continue;
        }
        job->written = tl::unexpected(error);
        for (const Part& part : job->parts)
            for (const auto index : part.block.points) job->values[index] = tl::unexpected(error);
    }
    if (current_ != nullptr && std::find(late.begin(), late.end(), current_) != late.end()) finish(*current_);
    while (!over.empty()) finish(over.front());
}

void ModbusAdapter::fail_waiting(const Error& error) {
    std::list<Job> over;
    for (auto* queue : {&writes_, &reads_})
        for (auto job = queue->begin(); job != queue->end();) {
            const auto next = std::next(job);
            if (&*job != current_) over.splice(over.end(), *queue, job);
            job = next;
        }
    for (auto job = over.begin(); job != over.end(); ++job) {
        job->queue = &over;
        settle_all(*job, error);
    }
    while (!over.empty()) finish(over.front());
}

}  // namespace adapters::modbus
