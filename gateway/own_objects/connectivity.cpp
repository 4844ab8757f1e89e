#include "gateway/own_objects/connectivity.hpp"

#include "gateway/own_objects/system_files.hpp"

#include <algorithm>

namespace gateway::own_objects {

namespace {

namespace monitoring {
enum : ResourceId { bearer = 0, bearers = 1, signal = 2, quality = 3, addresses = 4, routers = 5 };
}
namespace statistics {
enum : ResourceId { sent = 2, received = 3, start = 6, stop = 7, period = 8 };
}
namespace location {
enum : ResourceId { latitude = 0, longitude = 1, altitude = 2, timestamp = 5 };
}

/// The one that the servers are reached over: that of the default route, else the first that is up.
std::optional<Interface> in_use(const std::string& root) {
    const auto all = interfaces(root);
    const auto route = default_route(root);
    const auto used = std::find_if(all.begin(), all.end(), [&](const Interface& i) { return i.name == route.interface; });
    if (used != all.end()) return *used;
    const auto up = std::find_if(all.begin(), all.end(), [](const Interface& i) { return i.up; });
    return up == all.end() ? std::nullopt : std::optional(*up);
}

}  // namespace

const std::vector<ResourceId>& Connectivity::resources() const {
    using namespace monitoring;
    static const std::vector<ResourceId> all{bearer, bearers, signal, quality, addresses, routers};
    return all;
}

bool Connectivity::shows(InstanceId, ResourceId resource) const {
    if (resource == monitoring::quality) {
        const auto used = in_use(facts_.root);
        return used && used->quality;
    }
    return resource != monitoring::routers || !default_route(facts_.root).router.empty();
}

Value Connectivity::read(InstanceId, ResourceId resource) const {
    const auto used = in_use(facts_.root);
    switch (resource) {
        case monitoring::bearer: return used ? used->bearer : std::int64_t{41};
        case monitoring::signal: return used ? used->dbm.value_or(0) : std::int64_t{0};
        case monitoring::quality: return used && used->quality ? Value(*used->quality) : Value{};
        default: return {};
    }
}

Values Connectivity::read_multiple(InstanceId, ResourceId resource) const {
    Values values;
    const auto add = [&](Value value) { values.emplace_back(static_cast<std::uint16_t>(values.size()), std::move(value)); };
    if (resource == monitoring::bearers) {
        std::vector<std::int64_t> seen;
        for (const Interface& interface : interfaces(facts_.root))
            if (std::find(seen.begin(), seen.end(), interface.bearer) == seen.end()) seen.push_back(interface.bearer);
        if (seen.empty()) seen.push_back(41);
        for (const auto bearer : seen) add(bearer);
    } else if (resource == monitoring::addresses) {
        for (std::string& address : facts_.addresses()) add(std::move(address));
    } else if (resource == monitoring::routers) {
        if (auto route = default_route(facts_.root); !route.router.empty()) add(std::move(route.router));
    }
    return values;
}

const std::vector<ResourceId>& Statistics::resources() const {
    using namespace statistics;
    static const std::vector<ResourceId> all{sent, received, start, stop, period};
    return all;
}

Statistics::Traffic Statistics::count() const {
    Traffic all;
    for (const Interface& interface : interfaces(root_)) {
        all.sent += interface.sent;
        all.received += interface.received;
    }
    return all;
}

Statistics::Traffic Statistics::collected() const {
    if (!running_) return until_;
    if (at_end_) return *at_end_;
    const Traffic now = count();
    // An interface that went takes its counters along.
    const Traffic so_far{std::max<std::int64_t>(now.sent - from_.sent, 0),
                         std::max<std::int64_t>(now.received - from_.received, 0)};
    if (period_ > 0 && now_() >= started_ + std::chrono::seconds(period_)) at_end_ = so_far;
    return so_far;
}

Value Statistics::read(InstanceId, ResourceId resource) const {
    switch (resource) {
        case statistics::sent: return collected().sent / 1000;
        case statistics::received: return collected().received / 1000;
        case statistics::period: return period_;
        default: return {};
    }
}

Result<void> Statistics::may_write(InstanceId, ResourceId resource, const Value& value) const {
    const auto* seconds = std::get_if<std::int64_t>(&value);
    if (resource != statistics::period) return fail(Errc::not_allowed, "this resource is kept by the gateway");
    if (seconds == nullptr || *seconds < 0 || *seconds > 30LL * 86400)
        return fail(Errc::bad_request, "a collection period is 0 s to 30 days");
    return {};
}

void Statistics::write(InstanceId, ResourceId, const Value& value) { period_ = std::get<std::int64_t>(value); }

void Statistics::reset(InstanceId, ResourceId) { period_ = 0; }

Result<void> Statistics::execute(InstanceId, ResourceId resource, const std::string&) {
    if (resource == statistics::start) {
        from_ = count();
        started_ = now_();
        at_end_.reset();
        running_ = true;
        return {};
    }
    if (resource != statistics::stop) return fail(Errc::not_allowed, "nothing to execute");
    until_ = collected();
    running_ = false;
    return {};
}

const std::vector<ResourceId>& Location::resources() const {
    using namespace location;
    static const std::vector<ResourceId> all{latitude, longitude, altitude, timestamp};
    return all;
}

Value Location::read(InstanceId, ResourceId resource) const {
    switch (resource) {
        case location::latitude: return place_.latitude;
        case location::longitude: return place_.longitude;
        case location::altitude: return place_.altitude ? Value(*place_.altitude) : Value{};
        case location::timestamp:
            return static_cast<std::int64_t>(
                std::chrono::duration_cast<std::chrono::seconds>(since_.time_since_epoch()).count());
        default: return {};
    }
}

}  // namespace gateway::own_objects
