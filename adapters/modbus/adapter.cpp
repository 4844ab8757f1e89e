#include "adapters/modbus/adapter.hpp"

#include "adapters/modbus/make_bus.hpp"
#include "adapters/modbus/write_job.hpp"

#include <algorithm>
#include <cmath>

namespace adapters::modbus {

using base::Errc;
using base::Error;
using base::fail;
using base::Milliseconds;
using std::chrono::microseconds;

namespace {

using namespace std::chrono_literals;

constexpr microseconds assumed_turnaround = 10ms;  // what a device on a serial line needs before it answers
constexpr microseconds assumed_round_trip = 1ms;   // to a device on a network, its thinking included: a plan is only called
                                                   // impossible (busy_limit) when no ordinary network could carry it
constexpr std::uint16_t tcp_gap = 32;              // 64 bytes more are cheaper than a round trip through the device
constexpr auto holes_kept = std::chrono::hours(24);
constexpr std::string_view holes_key = "holes ";

}  // namespace

ModbusAdapter::ModbusAdapter(boost::asio::any_io_executor executor, base::Timers& timers, base::Random& random,
                             LinkSettings settings)
    : ModbusAdapter(executor, timers, settings, make_bus(executor, timers, random, settings)) {}

ModbusAdapter::ModbusAdapter(boost::asio::any_io_executor executor, base::Timers& timers, LinkSettings settings,
                             std::unique_ptr<Bus> bus)
    : timers_(timers),
      settings_(std::move(settings)),
      bus_(std::move(bus)),
      queue_(std::move(executor), timers, *bus_, settings_),
      discovery_(queue_, timers) {}

ModbusAdapter::~ModbusAdapter() = default;

// -- What there is

std::optional<ShapeId> ModbusAdapter::add_shape(std::string_view profile, Fields* section, Diagnostics& diagnostics) {
    auto shape = read_shape(section, diagnostics);
    if (!shape) return std::nullopt;
    for (const Shape& other : shapes_)
        if (other.holes->profile == profile) shape->holes = other.holes;  // the same with other parameters
    shape->holes->profile = profile;
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
    return is_bits(point.extent.table) ? Kind::boolean : point.encoding.kind;
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
                       "write the number that is set at the device, 1 to 247; or unit: broadcast, to write to all of them");
            return std::nullopt;
        }
    }
    const auto unit = site.integer("unit", serial ? 1 : 0, serial ? 247 : 255);
    if (!unit) return std::nullopt;
    return static_cast<std::uint8_t>(*unit);
}

std::optional<DeviceId> ModbusAdapter::add_device(ShapeId shape, Fields& site) {
    const auto* written = site.find("unit");
    const bool broadcast = written != nullptr && written->written() == "broadcast";
    if (broadcast && !settings_.is_serial()) {
        site.error("unit", "a broadcast needs a serial line", "write the unit's number");
        return std::nullopt;
    }
    const auto unit = broadcast ? std::uint8_t{0} : read_unit(site);
    if (!unit) return std::nullopt;
    if (broadcast) {
        const auto& points = shapes_.at(shape).points;
        const auto reads = std::count_if(points.begin(), points.end(), [](const auto& point) { return point.access.read; });
        if (reads > 0) {
            site.error("unit",
                       fmt::format("nobody answers a broadcast, and {} of the profile's points {} read", reads,
                                   reads == 1 ? "is" : "are"),
                       "use a profile that has actions and written points only");
            return std::nullopt;
        }
    }
    const auto other =
        std::find_if(devices_.begin(), devices_.end(), [&](const Device& device) { return device.unit == *unit; });
    if (other != devices_.end()) {
        site.error(
            "unit",
            fmt::format("unit {} on {} is taken by {} ({}:{})", *unit, where(), other->what, other->at.file, other->at.line),
            "give each device of a link its own unit");
        return std::nullopt;
    }
    devices_.push_back({shape, *unit, broadcast, site.what(), site.node().at()});
    queue_.set_manners(*unit, {shapes_[shape].pause, shapes_[shape].timeout});
    return static_cast<DeviceId>(devices_.size() - 1);
}

std::optional<RuleId> ModbusAdapter::add_rule(Fields& rule) {
    auto read = read_rule(rule, settings_.is_serial());
    if (!read) return std::nullopt;
    return discovery_.add(std::move(*read));
}

const Shape* ModbusAdapter::shape_of(DeviceId device) const {
    return device < devices_.size() && devices_[device].shape < shapes_.size() ? &shapes_[devices_[device].shape] : nullptr;
}

const ModbusAdapter::Device* ModbusAdapter::device_with(std::uint8_t unit) const {
    const auto found = std::find_if(devices_.begin(), devices_.end(), [&](const auto& device) { return device.unit == unit; });
    return found == devices_.end() ? nullptr : &*found;
}

std::optional<std::string> ModbusAdapter::is_known(std::uint8_t unit) const {
    const Device* device = device_with(unit);
    if (device == nullptr || device->broadcast) return std::nullopt;
    return fmt::format("is {} already", device->what);
}

// -- Planning

microseconds ModbusAdapter::turnaround_of(const Device& device) const {
    const Turnaround& turnaround = queue_.turnaround(device.unit);
    if (turnaround.measured()) return turnaround.told();
    return settings_.line() != nullptr ? assumed_turnaround : assumed_round_trip;
}

ReadLimits ModbusAdapter::limits_of(const Device& device) const {
    const Shape& shape = shapes_[device.shape];
    ReadLimits limits{shape.most_registers, shape.most_bits, tcp_gap};
    if (const SerialLine* line = settings_.line())
        limits.gap = gap_of_line(line->character_us(), static_cast<double>(line->silence().count()),
                                 static_cast<double>(turnaround_of(device).count()));
    if (shape.gap) limits.gap = *shape.gap;
    return limits;
}

std::vector<Block> ModbusAdapter::blocks_of(const Device& device, const std::vector<PointIndex>& points,
                                            std::vector<Extent>& extents) const {
    const Shape& shape = shapes_[device.shape];
    for (const PointIndex index : points)
        if (index < shape.points.size() && shape.points[index].access.read && !shape.points[index].object)
            extents.push_back(shape.points[index].extent);
    return plan_reads(extents, limits_of(device), shape.holes->known);
}

namespace {

bool asks_identity(const Shape& shape, const std::vector<PointIndex>& points) {
    return std::any_of(points.begin(), points.end(), [&](const PointIndex index) {
        return index < shape.points.size() && shape.points[index].object.has_value();
    });
}

}  // namespace

std::vector<std::string> ModbusAdapter::explain(DeviceId id, const std::vector<PointIndex>& points) const {
    std::vector<std::string> lines;
    const Shape* shape = shape_of(id);
    if (shape == nullptr) return lines;
    std::vector<Extent> extents;
    for (const Block& block : blocks_of(devices_[id], points, extents)) lines.push_back(describe(block, extents));
    if (asks_identity(*shape, points)) lines.emplace_back("device identification");
    return lines;
}

/// Southbound 1.1: a request's 8 characters, an answer's 5 and its data, two silences, the thinking.
Adapter::Cost ModbusAdapter::cost(DeviceId id, const std::vector<PointIndex>& points) const {
    constexpr std::size_t frames = 8 + 5, identification = 60;  // characters; of texts about so many
    Cost cost;
    const Shape* shape = shape_of(id);
    if (shape == nullptr) return cost;
    const Device& device = devices_[id];
    const SerialLine* line = settings_.line();
    const auto request = [&](std::size_t data) {
        ++cost.requests;
        microseconds time = turnaround_of(device);
        microseconds rest = settings_.pause;
        if (line != nullptr) {
            time += microseconds(std::lround(static_cast<double>(frames + data) * line->character_us())) + 2 * line->silence();
            rest -= std::min(rest, line->silence());
        }
        cost.time += time + rest;
    };
    std::vector<Extent> extents;
    for (const Block& block : blocks_of(device, points, extents))
        request(is_bits(block.table) ? (block.count + 7U) / 8U : block.count * 2U);
    if (asks_identity(*shape, points)) request(identification);
    cost.measured = queue_.turnaround(device.unit).measured();
    return cost;
}

// -- Running

void ModbusAdapter::recall(const Words& remembered) {
    for (const auto& [key, value] : remembered) {
        if (!key.starts_with(holes_key)) continue;
        for (const Shape& shape : shapes_)
            if (shape.holes->profile == std::string_view(key).substr(holes_key.size()))
                shape.holes->known = Holes::parse(value);
    }
}

void ModbusAdapter::holes_changed(const Shape& shape) {
    if (sink_ != nullptr) sink_->remember(std::string(holes_key) + shape.holes->profile, shape.holes->known.str());
}

/// Once a day what was refused is tried again: by new firmware, or another device in the place of the old.
void ModbusAdapter::renew_holes(const Shape& shape) {
    if (timers_.now() < shape.holes->retry) return;
    shape.holes->retry = timers_.now() + holes_kept;
    if (shape.holes->known.empty()) return;
    shape.holes->known = {};
    holes_changed(shape);
}

void ModbusAdapter::start(Sink& sink) {
    sink_ = &sink;
    for (const Shape& shape : shapes_) shape.holes->retry = timers_.now() + holes_kept;
    discovery_.start(
        sink, [this](std::uint8_t unit) { return is_known(unit); }, scan_timeout());
    bus_->start([this](Bus::State state, const std::string& why) {
        sink_->link(state == Bus::State::up, why);
        queue_.bus_changed(state, why);
    });
}

void ModbusAdapter::stop(std::function<void()> stopped) {
    discovery_.stop();
    queue_.stop();
    queue_.later([this] {
        if (scanner_) scanner_->abort({Errc::offline, "the link is being closed"});
    });
    bus_->stop(std::move(stopped));
}

void ModbusAdapter::read(DeviceId id, std::vector<PointIndex> points, Instant deadline, std::function<void(Values)> done) {
    if (id >= devices_.size()) {
        Values values(points.size(), fail(Errc::internal, "no such device"));
        return queue_.later([values = std::move(values), done = std::move(done)]() mutable { done(std::move(values)); });
    }
    Device& device = devices_[id];
    Shape& shape = shapes_[device.shape];
    renew_holes(shape);
    auto job =
        std::make_unique<ReadJob>(ReadJob::Context{shape, device.self_told, queue_, [this, &shape] { holes_changed(shape); }},
                                  device.unit, deadline, limits_of(device), std::move(points), std::move(done));
    if (job->nothing_left()) return queue_.later([job = std::shared_ptr<ReadJob>(std::move(job))] { job->deliver(); });
    queue_.add(Urgency::read, std::move(job));
}

void ModbusAdapter::write(DeviceId id, PointIndex point, Scalar value, Instant deadline,
                          std::function<void(Result<void>)> done) {
    const auto refuse = [&](Error error) { queue_.later([error = std::move(error), done] { done(tl::unexpected(error)); }); };
    if (shape_of(id) == nullptr || point >= shape_of(id)->points.size()) return refuse({Errc::internal, "no such point"});
    const Device& device = devices_[id];
    Shape& shape = shapes_[device.shape];
    if (!shape.points[point].access.write) return refuse({Errc::not_allowed, "this point is only read"});
    auto job = WriteJob::make(shape, point, device.unit, device.broadcast, std::move(value), deadline, done);
    if (!job) return refuse(job.error());
    queue_.add(Urgency::write, std::move(*job));
}

}  // namespace adapters::modbus
