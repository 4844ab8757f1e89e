#include "gateway/control/desk.hpp"

#include "gateway/base/log.hpp"
#include "gateway/control/request.hpp"
#include "gateway/control/steps.hpp"
#include "mapping/bus_load.hpp"
#include "mapping/conversion_rules.hpp"

#include <algorithm>

namespace gateway::control {

using base::Errc;
using base::fail;
using base::Result;

namespace {

Json words(const adapters::Words& map) {
    Json json = Json::object();
    for (const auto& [key, value] : map) json[key] = value;
    return json;
}

/// Milliseconds since 1970, as everywhere in the protocol.
std::int64_t stamp(base::WallTime at) { return at.time_since_epoch().count(); }

std::string suggestion(std::string_view wanted, const std::vector<std::string_view>& names) {
    const auto near = base::nearest(wanted, names);
    return near.empty() ? "" : fmt::format("; did you mean '{}'?", near);
}

lwm2m::Value value_from(const Json& json) {
    if (json.is_boolean()) return json.get<bool>();
    if (json.is_number_unsigned() && json.get<std::uint64_t>() > INT64_MAX) return json.get<std::uint64_t>();
    if (json.is_number_integer()) return json.get<std::int64_t>();
    if (json.is_number()) return json.get<double>();
    return json.get<std::string>();
}

}  // namespace

Desk::~Desk() {
    // Only what still runs: the drivers may be gone before us.
    tracers_.clear();
}

void Desk::handle(const std::shared_ptr<Call>& call) {
    using Member = void (Desk::*)(const std::shared_ptr<Call>&);
    static const std::map<std::string_view, Member> members{
        {"hello", &Desk::hello}, {"status", &Desk::status}, {"devices", &Desk::devices},  {"read", &Desk::read},
        {"fetch", &Desk::fetch}, {"write", &Desk::write},   {"put", &Desk::put},          {"scan", &Desk::scan},
        {"trace", &Desk::trace}, {"reload", &Desk::reload}, {"discover", &Desk::discover}};
    const auto found = members.find(call->what());
    if (found == members.end()) {
        call->done(fail(Errc::not_found, fmt::format("there is no '{}'", base::printable(call->what(), 64))));
        return;
    }
    (this->*found->second)(call);
}

// -- Looking things up.

Result<DeviceIndex> Desk::device_of(const std::string& id) {
    auto& devices = field_.devices();
    std::vector<std::string_view> names;
    for (DeviceIndex d = 0; d < devices.size(); ++d) {
        if (!devices.has(d)) continue;
        if (devices.at(d).spec->id == id) return d;
        names.push_back(devices.at(d).spec->id);
    }
    return fail(Errc::not_found, fmt::format("there is no device '{}'{}", base::printable(id, 128), suggestion(id, names)));
}

Result<PointNumber> Desk::point_of(DeviceIndex device, const std::string& name) {
    const auto& points = field_.devices().at(device).info->type->points;
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < points.size(); ++i) {
        if (points[i].name == name) return static_cast<PointNumber>(i);
        names.push_back(points[i].name);
    }
    return fail(Errc::not_found, fmt::format("device '{}' has no point '{}'{}", field_.devices().at(device).spec->id,
                                             base::printable(name, 128), suggestion(name, names)));
}

Result<std::size_t> Desk::link_of(const std::string& name) {
    const auto& links = field_.plan().links;
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < links.size(); ++i) {
        if (links[i].name == name) return i;
        names.push_back(links[i].name);
    }
    return fail(Errc::not_found, fmt::format("there is no link '{}'{}", base::printable(name, 128), suggestion(name, names)));
}

// -- Telling.

void Desk::hello(const std::shared_ptr<Call>& call) {
    Arguments arguments(call->with());
    if (const auto fine = arguments.done(); !fine) return call->done(tl::unexpected(fine.error()));
    const auto facts = field_.facts();
    Json answer = Json::object();
    for (const auto* key : {"version", "endpoint", "config", "pid"})
        if (facts.contains(key)) answer[key] = facts[key];
    call->done(std::move(answer));
}

void Desk::status(const std::shared_ptr<Call>& call) {
    Arguments arguments(call->with());
    if (const auto fine = arguments.done(); !fine) return call->done(tl::unexpected(fine.error()));
    Json answer = field_.facts();
    const auto now = field_.timers().now();
    const auto loads = mapping::bus_loads(field_.plan());
    Json links = Json::array();
    for (std::size_t i = 0; i < field_.plan().links.size(); ++i) {
        const auto link = field_.link(i);
        Json line{{"name", link.name},
                  {"adapter", link.adapter},
                  {"where", link.where},
                  {"state", !link.known ? "starting"
                            : link.up   ? "up"
                                        : "down"}};
        if (!link.reason.empty()) line["why"] = base::printable(link.reason);
        if (link.known) line["since_s"] = std::chrono::duration_cast<std::chrono::seconds>(now - link.since).count();
        line["devices"] = link.devices;
        line["online"] = link.online;
        line["offline"] = link.offline;
        line["polls"] = link.polls;
        line["unanswered"] = link.unanswered;
        line["busy"] = link.busy;
        line["late_ms"] = link.late.count();
        line["most_late_ms"] = link.most_late.count();
        if (i < loads.size() && loads[i].counted) {
            line["planned_busy"] = loads[i].busy;
            line["busy_limit"] = loads[i].limit;
            line["turnaround_measured"] = loads[i].measured;
        }
        links.push_back(std::move(line));
    }
    answer["links"] = std::move(links);
    std::map<std::string_view, std::size_t> presences;
    Json away = Json::array();
    for (DeviceIndex d = 0; d < field_.devices().size(); ++d) {
        if (!field_.devices().has(d)) continue;
        const auto& device = field_.devices().at(d);
        ++presences[gateway::name(device.presence)];
        if (device.presence != Presence::offline || away.size() >= 100) continue;
        Json line{{"id", device.spec->id}};
        if (const auto* trouble = field_.trouble(d, Troubles::Of::device, 0)) line["why"] = trouble->what;
        away.push_back(std::move(line));
    }
    Json counts{{"total", field_.devices().count()}};
    for (const auto presence : {Presence::online, Presence::late, Presence::offline, Presence::unknown})
        counts[std::string(gateway::name(presence))] = presences[gateway::name(presence)];
    answer["devices"] = std::move(counts);
    answer["offline"] = std::move(away);
    call->done(std::move(answer));
}

Json Desk::summary(DeviceIndex index) {
    const auto& device = field_.devices().at(index);
    Json line{{"id", device.spec->id}, {"prefix", device.prefix}};
    if (!device.spec->name.empty()) line["name"] = device.spec->name;
    line["profile"] = device.info->type->profile;
    line["link"] = field_.plan().links[device.spec->link].name;
    line["presence"] = gateway::name(device.presence);
    if (const auto* trouble = field_.trouble(index, Troubles::Of::device, 0))
        line["last_error"] = {{"what", trouble->what}, {"at", stamp(trouble->at)}, {"count", trouble->count}};
    return line;
}

Json Desk::point(DeviceIndex index, PointNumber number) {
    const auto& device = field_.devices().at(index);
    const auto& spec = device.info->type->points[number];
    const auto& stored = field_.store().at(device.first_reading + number);
    const auto& unit = spec.conversion.rules().unit;
    Json line{{"name", spec.name}, {"value", value_of(stored.value)}};
    if (!unit.empty()) line["unit"] = unit;
    line["quality"] = control::name(Intake::told(stored, device.presence));
    if (stored.quality != mapping::Quality::never) {
        line["at"] = stamp(stored.at);
        line["age_ms"] = std::chrono::duration_cast<base::Milliseconds>(field_.timers().now() - stored.heard).count();
    }
    line["paths"] = paths_of(*device.info->type, number);
    line["writable"] = spec.writable;
    if (const auto* trouble = field_.trouble(index, Troubles::Of::point, number))
        line["last_error"] = {{"what", trouble->what}, {"at", stamp(trouble->at)}, {"count", trouble->count}};
    return line;
}

void Desk::devices(const std::shared_ptr<Call>& call) {
    Arguments arguments(call->with());
    const auto id = arguments.text("device");
    if (const auto fine = arguments.done(); !fine) return call->done(tl::unexpected(fine.error()));
    if (id.empty()) {
        Json list = Json::array();
        for (DeviceIndex d = 0; d < field_.devices().size(); ++d)
            if (field_.devices().has(d)) list.push_back(summary(d));
        return call->done(Json{{"devices", std::move(list)}});
    }
    const auto index = device_of(id);
    if (!index) return call->done(tl::unexpected(index.error()));
    Json answer = summary(*index);
    Json points = Json::array();
    for (std::size_t i = 0; i < field_.devices().at(*index).info->type->points.size(); ++i)
        points.push_back(point(*index, static_cast<PointNumber>(i)));
    answer["points"] = std::move(points);
    call->done(std::move(answer));
}

// -- Reading.

struct Desk::Reading {
    std::shared_ptr<Call> call;
    std::string device;
    std::vector<PointNumber> left;  // last first
    Json told = Json::array();
    bool gone = false;
};

struct Desk::Asked {
    std::shared_ptr<Reading> reading;
    std::shared_ptr<const mapping::DeviceType> type;  // a reload may bring another
    PointNumber number = 0;
};

void Desk::read(const std::shared_ptr<Call>& call) {
    Arguments arguments(call->with());
    const auto id = arguments.need("device"), name = arguments.text("point");
    if (const auto fine = arguments.done(); !fine) return call->done(tl::unexpected(fine.error()));
    const auto index = device_of(id);
    if (!index) return call->done(tl::unexpected(index.error()));
    auto reading = std::make_shared<Reading>(Reading{call, id, {}});
    if (!name.empty()) {
        const auto number = point_of(*index, name);
        if (!number) return call->done(tl::unexpected(number.error()));
        // What it is worked out of comes first, the point itself last.
        const auto& spec = field_.devices().at(*index).info->type->points[*number];
        reading->left.push_back(*number);
        reading->left.insert(reading->left.end(), spec.inputs.begin(), spec.inputs.end());
    } else {
        const auto& points = field_.devices().at(*index).info->type->points;
        for (const bool worked_out : {true, false})
            for (std::size_t i = points.size(); i-- > 0;)
                if ((points[i].index == mapping::no_index) == worked_out) reading->left.push_back(static_cast<PointNumber>(i));
    }
    call->on_gone = [reading] { reading->gone = true; };
    read_next(reading);
}

void Desk::read_done(const std::shared_ptr<Reading>& reading, Json line) {
    if (reading->gone) return;
    reading->call->event(line);
    reading->told.push_back(std::move(line));
    reading->left.pop_back();
    read_next(reading);
}

void Desk::read_next(const std::shared_ptr<Reading>& reading) {
    if (reading->left.empty()) return reading->call->done(Json{{"points", std::move(reading->told)}});
    // By its name each time: a reload may have come between.
    const auto index = device_of(reading->device);
    const PointNumber number = reading->left.back();
    if (!index || number >= field_.devices().at(*index).info->type->points.size())
        return reading->call->done(fail(Errc::offline, "the device was changed by a reload"));
    const auto& device = field_.devices().at(*index);
    const auto& spec = device.info->type->points[number];
    if (spec.index == mapping::no_index) {
        Json line = point(*index, number);
        line["steps"] = steps(
            *device.info->type, number, {},
            {field_.store().at(device.first_reading + number).value, field_.store().at(device.first_reading + number).quality});
        return read_done(reading, std::move(line));
    }
    if (!spec.readable) {
        Json line = point(*index, number);
        line["error"] = "this point is only written";
        return read_done(reading, std::move(line));
    }
    auto& driver = *field_.plan().links[device.spec->link].driver;
    const auto until = field_.timers().now() + request_limit;
    const auto asked = std::make_shared<Asked>(Asked{reading, device.info->type, number});
    driver.read_raw(device.spec->number, spec.index, until,
                    [this, here = std::weak_ptr(here_), asked, until](Result<adapters::Adapter::Raw> raw) {
                        if (here.expired() || asked->reading->gone) return;
                        if (raw || raw.error().code != Errc::not_allowed) return answered(*asked, std::move(raw));
                        // No bytes to show on this kind of link; the value then.
                        const auto d = device_of(asked->reading->device);
                        if (!d || field_.devices().at(*d).info->type != asked->type) return answered(*asked, std::move(raw));
                        const auto& its = field_.devices().at(*d);
                        field_.plan().links[its.spec->link].driver->read(
                            its.spec->number, {asked->type->points[asked->number].index}, until,
                            [this, here, asked](adapters::Adapter::Values values) {
                                if (here.expired() || asked->reading->gone) return;
                                if (values.size() != 1)
                                    return answered(*asked, fail(Errc::internal, "no answer from the adapter"));
                                if (!values[0]) return answered(*asked, tl::unexpected(values[0].error()));
                                answered(*asked, adapters::Adapter::Raw{{}, {}, std::move(*values[0]), {}});
                            });
                    });
}

void Desk::answered(const Asked& asked, Result<adapters::Adapter::Raw> raw) {
    const auto& reading = asked.reading;
    const auto d = device_of(reading->device);
    if (!d || field_.devices().at(*d).info->type != asked.type)
        return reading->call->done(fail(Errc::offline, "the device was changed by a reload"));
    if (!raw) {
        Json line = point(*d, asked.number);
        line["error"] = raw.error().message;
        line["kind"] = word(raw.error().code);
        return read_done(reading, std::move(line));
    }
    // As any answer of the device: servers hear of it too.
    bool understood = true;
    if (raw->value) understood = field_.intake().value(*d, asked.number, *raw->value, field_.timers().wall());
    field_.intake().heard(*d);
    const auto& stored = field_.store().at(field_.devices().at(*d).first_reading + asked.number);
    Json line = point(*d, asked.number);
    if (!raw->request.empty()) {
        line["request"] = raw->request;
        line["bytes"] = base::to_hex(raw->bytes);
        if (raw->text) line["text"] = base::as_text(raw->bytes);
    }
    line["steps"] = steps(*asked.type, asked.number, *raw, {stored.value, stored.quality});
    if (!understood) {
        line["error"] = "the device's value cannot be what the profile says";
        line["kind"] = word(Errc::malformed);
    }
    read_done(reading, std::move(line));
}

void Desk::fetch(const std::shared_ptr<Call>& call) {
    Arguments arguments(call->with());
    const auto name = arguments.need("link");
    const auto address = arguments.words("address");
    if (const auto fine = arguments.done(); !fine) return call->done(tl::unexpected(fine.error()));
    const auto link = link_of(name);
    if (!link) return call->done(tl::unexpected(link.error()));
    field_.plan().links[*link].driver->fetch(
        address, field_.timers().now() + request_limit, [call](Result<adapters::Adapter::Raw> raw) {
            if (!raw) return call->done(tl::unexpected(raw.error()));
            Json answer{{"request", raw->request}, {"bytes", base::to_hex(raw->bytes)}};
            if (raw->text) answer["text"] = base::as_text(raw->bytes);
            call->done(std::move(answer));
        });
}

// -- Writing.

void Desk::write(const std::shared_ptr<Call>& call) {
    Arguments arguments(call->with());
    const auto id = arguments.need("device"), name = arguments.need("point");
    const auto value = arguments.scalar("value");
    if (const auto fine = arguments.done(); !fine) return call->done(tl::unexpected(fine.error()));
    if (value.is_null()) return call->done(fail(Errc::bad_request, "'value' must be given"));
    const auto index = device_of(id);
    if (!index) return call->done(tl::unexpected(index.error()));
    const auto number = point_of(*index, name);
    if (!number) return call->done(tl::unexpected(number.error()));
    const auto& spec = field_.devices().at(*index).info->type->points[*number];
    if (!spec.writable)
        return call->done(
            fail(Errc::not_allowed, fmt::format("'{}' is not writable: its profile has no 'write' for it", name)));
    base::log().info("control socket: '{}/{}' is written", id, name);
    field_.write(*index, *number, value_from(value), [this, here = std::weak_ptr(here_), call, id, name](Result<void> done) {
        if (here.expired()) return;
        if (!done) return call->done(tl::unexpected(done.error()));
        const auto d = device_of(id);
        if (!d) return call->done(Json::object());  // written, and gone by a reload since
        const auto n = point_of(*d, name);
        call->done(n ? point(*d, *n) : Json::object());
    });
}

void Desk::put(const std::shared_ptr<Call>& call) {
    Arguments arguments(call->with());
    const auto name = arguments.need("link");
    const auto address = arguments.words("address");
    const bool force = arguments.flag("force");
    if (const auto fine = arguments.done(); !fine) return call->done(tl::unexpected(fine.error()));
    if (!force)
        return call->done(fail(Errc::not_allowed,
                               "a write that no profile speaks of needs 'force'; what it does is known to its caller alone"));
    const auto link = link_of(name);
    if (!link) return call->done(tl::unexpected(link.error()));
    std::string text;
    for (const auto& [key, value] : address) text += fmt::format(" {} {}", key, value);
    base::log().warn("control socket: a write past all profiles on link '{}':{}", name, base::printable(text));
    field_.plan().links[*link].driver->put(address, field_.timers().now() + request_limit, [call](Result<void> done) {
        if (!done) return call->done(tl::unexpected(done.error()));
        call->done(Json::object());
    });
}

// -- Looking around.

void Desk::scan(const std::shared_ptr<Call>& call) {
    Arguments arguments(call->with());
    const auto name = arguments.need("link");
    const auto options = arguments.words("options");
    const auto share = arguments.number("share", 0.01, 1);
    if (const auto fine = arguments.done(); !fine) return call->done(tl::unexpected(fine.error()));
    const auto link = link_of(name);
    if (!link) return call->done(tl::unexpected(link.error()));
    auto& driver = *field_.plan().links[*link].driver;
    auto count = std::make_shared<std::size_t>(0);
    auto ended = std::make_shared<bool>(false);
    call->on_gone = [this, here = std::weak_ptr(here_), name, ended] {
        if (here.expired() || *ended) return;
        if (const auto still = link_of(name)) field_.plan().links[*still].driver->cancel_scan();
    };
    driver.scan(
        options, share.value_or(0.1),
        [call, count](adapters::Found found) {
            ++*count;
            call->event(
                Json{{"found",
                      {{"key", found.key}, {"site", words(found.site)}, {"facts", words(found.facts)}, {"note", found.note}}}});
        },
        [call](adapters::Adapter::Progress progress) {
            call->event(Json{{"progress", {{"done", progress.done}, {"of", progress.of}, {"now", progress.now}}}});
        },
        [call, count, ended](Result<void> done) {
            *ended = true;
            if (!done) return call->done(tl::unexpected(done.error()));
            call->done(Json{{"found", *count}});
        });
}

void Desk::trace(const std::shared_ptr<Call>& call) {
    Arguments arguments(call->with());
    const auto name = arguments.need("link");
    if (const auto fine = arguments.done(); !fine) return call->done(tl::unexpected(fine.error()));
    const auto link = link_of(name);
    if (!link) return call->done(tl::unexpected(link.error()));
    auto& tracers = tracers_[name];
    if (tracers.size() >= most_tracers)
        return call->done(fail(Errc::busy, fmt::format("{} traces of this link are open already", tracers.size())));
    tracers.push_back(call);
    call->on_gone = [this, here = std::weak_ptr(here_), name, who = call.get()] {
        if (!here.expired()) leave(name, who);
    };
    call->event(Json{{"link",
                      {{"name", name},
                       {"adapter", field_.plan().links[*link].adapter},
                       {"where", field_.plan().links[*link].driver->where()}}}});
    if (tracers_[name].size() == 1) listen(*link);
}

void Desk::listen(std::size_t link) {
    auto& its = field_.plan().links[link];
    its.driver->trace([this, here = std::weak_ptr(here_), name = its.name](const adapters::Traffic& traffic) {
        if (here.expired()) return;
        const auto tracers = tracers_.find(name);
        if (tracers == tracers_.end()) return;
        const Json event{
            {"sent", traffic.sent}, {"at", stamp(traffic.at)}, {"bytes", base::to_hex(traffic.bytes)}, {"text", traffic.text}};
        const auto all = tracers->second;  // one may leave meanwhile
        for (const auto& call : all) call->event(event);
    });
}

void Desk::leave(const std::string& link, const Call* who) {
    const auto found = tracers_.find(link);
    if (found == tracers_.end()) return;
    std::erase_if(found->second, [who](const auto& call) { return call.get() == who; });
    if (!found->second.empty()) return;
    tracers_.erase(found);
    if (const auto number = link_of(link)) field_.plan().links[*number].driver->trace(nullptr);
}

void Desk::settled() {
    std::vector<std::shared_ptr<Call>> ended;
    for (auto entry = tracers_.begin(); entry != tracers_.end();) {
        if (const auto link = link_of(entry->first)) {
            listen(*link);
            ++entry;
        } else {
            ended.insert(ended.end(), entry->second.begin(), entry->second.end());
            entry = tracers_.erase(entry);
        }
    }
    for (const auto& call : ended) call->done(fail(Errc::offline, "the link is gone after a reload"));
}

// -- Changing what runs.

void Desk::discover(const std::shared_ptr<Call>& call) {
    Arguments arguments(call->with());
    const auto op = arguments.need("op"), which = arguments.text("which");
    if (const auto fine = arguments.done(); !fine) return call->done(tl::unexpected(fine.error()));
    auto* discovery = field_.discovery();
    if (discovery == nullptr) return call->done(fail(Errc::not_supported, "nothing is discovered without a running gateway"));
    Result<void> done;
    if (op == "approve") {
        done = discovery->approve(which);
    } else if (op == "refuse") {
        done = discovery->refuse(which);
    } else if (op == "forget") {
        done = discovery->forget(which);
    } else if (op != "list") {
        done = fail(Errc::bad_request, "'op' is list, approve, refuse or forget");
    }
    if (!done) return call->done(tl::unexpected(done.error()));
    Json list = Json::array();
    for (const auto& entry : discovery->list()) {
        if (op != "list" && entry.id != which && entry.key != which) continue;
        Json line{{"id", entry.id},
                  {"key", entry.key},
                  {"rule", entry.rule},
                  {"link", entry.link},
                  {"profile", entry.profile},
                  {"site", words(entry.site)},
                  {"facts", words(entry.facts)},
                  {"state", gateway::name(entry.state)},
                  {"running", entry.running}};
        if (!entry.note.empty()) line["note"] = base::printable(entry.note);
        if (entry.first_seen != base::WallTime{}) line["first_seen"] = stamp(entry.first_seen);
        if (entry.last_seen != base::WallTime{}) line["last_seen"] = stamp(entry.last_seen);
        list.push_back(std::move(line));
    }
    call->done(Json{{"devices", std::move(list)}, {"forgotten", discovery->forgotten()}});
}

void Desk::reload(const std::shared_ptr<Call>& call) {
    Arguments arguments(call->with());
    if (const auto fine = arguments.done(); !fine) return call->done(tl::unexpected(fine.error()));
    field_.reload([call](Result<Json> done) { call->done(std::move(done)); });
}

}  // namespace gateway::control
