// The adapter's devices that are connected to: polls, notifications, what servers read and write.
#include "adapters/ble/adapter.hpp"

#include <algorithm>

namespace adapters::ble {

using base::Bytes;
using base::Errc;
using base::fail;

namespace {

constexpr std::string_view firmware_key = "firmware ";

bool is_absence(const base::Error& error) { return error.code == Errc::timeout || error.code == Errc::offline; }

}  // namespace

/// What an answer, or none, says of the device. A refusal is an answer; but one that is not let in is of no use.
void BleAdapter::reached(DeviceId id, const base::Error* trouble) {
    if (sink_ == nullptr) return;
    Device& device = *running_[id];
    if (trouble != nullptr && is_absence(*trouble)) {
        const auto peers = bluez_.peers(devices()[id].address);
        device.unreachable = std::any_of(peers.begin(), peers.end(), [this](const Peer* its) {
            return its->heard != Instant{} && timers_.now() - its->heard < std::chrono::seconds(60);
        });
        return;
    }
    device.unreachable = false;
    if (trouble != nullptr && trouble->code == Errc::unauthorized) {
        if (device.alive != false) sign(id, false, trouble->message);
    } else if (device.alive == false) {
        sign(id, true, "it answers");
    }
}

void BleAdapter::deliver(DeviceId id, const Characteristic& at, const Bytes& bytes) {
    const Shape& shape = shape_of(id);
    for (std::size_t p = 0; p < shape.points.size(); ++p) {
        const PointShape& point = shape.points[p];
        if (point.gatt() == nullptr || !point.access.read || point.gatt()->at != at) continue;
        if (sink_ == nullptr) return;
        auto value = value_of(point, bytes);
        if (value && *value)
            deliver(id, static_cast<PointIndex>(p), std::move(**value));
        else if (!value)
            once_.warn(
                fmt::format("{} {} {}", id, at.text(), p),
                fmt::format("{} of {}: {}", at.text(), devices()[id].address.str(), base::printable(value.error().message)));
    }
}

void BleAdapter::session_up(Session& session) {
    const DeviceId id = device_of(session);
    if (id >= running_.size() || sink_ == nullptr) return;
    reached(id, nullptr);
    const Shape& shape = shape_of(id);
    if (!shape.stay) return;
    // What is notified is not polled: a first value, where there is one to read.
    std::vector<Characteristic> read;
    for (const auto& point : shape.points) {
        const auto* place = point.gatt();
        if (place == nullptr || !point.notify || !point.access.read || !session.can_read(place->at) ||
            std::find(read.begin(), read.end(), place->at) != read.end())
            continue;
        read.push_back(place->at);
        session.read(place->at, timers_.now() + Session::answer_limit,
                     [this, id, at = place->at, alive = std::weak_ptr(alive_)](const Result<Bytes>& bytes) {
                         if (bytes && !alive.expired() && sink_ != nullptr) deliver(id, at, *bytes);
                     });
    }
}

void BleAdapter::session_failed(Session& session, const base::Error& why) {
    const DeviceId id = device_of(session);
    if (id >= running_.size() || sink_ == nullptr) return;
    reached(id, &why);
}

void BleAdapter::session_notified(Session& session, const Characteristic& at, const Bytes& value) {
    const DeviceId id = device_of(session);
    if (id >= running_.size() || sink_ == nullptr) return;
    if (hear_) say(false, fmt::format("{} notifies {}", session.address().str(), at.text()), value);
    reached(id, nullptr);
    deliver(id, at, value);
}

void BleAdapter::session_late(Session& session, const Characteristic& at, const Bytes& value) {
    if (const DeviceId id = device_of(session); id < running_.size() && sink_ != nullptr) deliver(id, at, value);
}

bool BleAdapter::session_firmware(Session& session, const std::string& text) {
    if (device_of(session) >= running_.size() || sink_ == nullptr || text.empty() || text.size() > 256) return false;
    auto& before = firmware_[session.address()];
    if (before == text) return false;
    const bool is_new = !before.empty();
    before = text;
    if (firmware_.size() <= most_firmware && base::is_utf8(text))
        sink_->remember(fmt::format("{}{}", firmware_key, session.address().str()), text);
    return is_new;
}

void BleAdapter::session_says(Session& session, const std::string& what) {
    if (hear_) say(what.find(':') == std::string::npos, fmt::format("{} {}", session.address().str(), what), {});
}

// -- Reading and writing

struct BleAdapter::Asked {
    std::vector<PointIndex> points;
    std::vector<std::optional<Result<Scalar>>> got;
    std::size_t missing = 0;
    std::function<void(Values)> done;
    void finish() {
        Values values;
        for (auto& each : got) values.push_back(std::move(*each));
        done(std::move(values));
    }
};

Result<Scalar> BleAdapter::known(DeviceId id, PointIndex point) const {
    const Latest& latest = running_[id]->latest[point];
    if (latest.value) return *latest.value;
    if (!bluez_.is_up()) return fail(Errc::offline, bluez_.why_down());
    return fail(Errc::offline, fmt::format("{} has not said it yet", devices()[id].address.str()));
}

void BleAdapter::read(DeviceId id, std::vector<PointIndex> points, Instant deadline, std::function<void(Values)> done) {
    auto asked = std::make_shared<Asked>();
    asked->points = std::move(points);
    asked->got.resize(asked->points.size());
    asked->done = std::move(done);
    std::vector<Characteristic> places;
    for (std::size_t i = 0; i < asked->points.size(); ++i) {
        const PointShape* point = point_of(id, asked->points[i]);
        if (point == nullptr || sink_ == nullptr || id >= running_.size()) {
            asked->got[i] = fail(point == nullptr ? Errc::not_found : Errc::offline,
                                 point == nullptr ? "no such point" : "the link is closed");
        } else if (point->gatt() == nullptr) {
            asked->got[i] = known(id, asked->points[i]);
        } else {
            const auto& at = point->gatt()->at;
            if (std::find(places.begin(), places.end(), at) == places.end()) places.push_back(at);
        }
    }
    if (places.empty()) return answer_later([asked] { asked->finish(); });
    asked->missing = places.size();
    for (const auto& at : places)
        running_[id]->session->read(
            at, deadline, [this, id, at, asked, alive = std::weak_ptr(alive_)](const Result<Bytes>& bytes) {
                for (std::size_t i = 0; i < asked->points.size(); ++i) {
                    if (asked->got[i]) continue;
                    const PointShape* point = alive.expired() ? nullptr : point_of(id, asked->points[i]);
                    if (point == nullptr) {
                        asked->got[i] = fail(Errc::offline, "the link is closed");
                        continue;
                    }
                    if (point->gatt()->at != at) continue;
                    if (!bytes) {
                        asked->got[i] = tl::unexpected(bytes.error());
                        continue;
                    }
                    Latest& latest = running_[id]->latest[asked->points[i]];
                    auto value = value_of(*point, *bytes);
                    if (value && *value) latest = {**value, timers_.now()};
                    if (!value)
                        asked->got[i] = tl::unexpected(value.error());
                    else if (latest.value)
                        asked->got[i] = *latest.value;
                    else  // the device did not say it this time
                        asked->got[i] = fail(Errc::busy, fmt::format("{} has no such value now", devices()[id].address.str()));
                }
                if (!alive.expired()) reached(id, bytes ? nullptr : &bytes.error());
                if (--asked->missing == 0) asked->finish();
            });
}

void BleAdapter::write(DeviceId id, PointIndex index, Scalar value, Instant deadline, std::function<void(Result<void>)> done) {
    const auto refuse = [&](Errc code, const std::string& why) { answer_later([done, code, why] { done(fail(code, why)); }); };
    const PointShape* point = point_of(id, index);
    if (point == nullptr) return refuse(Errc::not_found, "no such point");
    if (sink_ == nullptr || id >= running_.size()) return refuse(Errc::offline, "the link is closed");
    if ((point->gatt() == nullptr && !point->to) || !running_[id]->session)
        return refuse(Errc::not_allowed, "a beacon takes no commands");
    auto& session = *running_[id]->session;
    const auto send = [this, id, deadline, point, &session](const Scalar& scalar, base::ByteView present,
                                                            std::function<void(Result<void>)> told) {
        auto bytes = bytes_of(*point, scalar, present);
        if (!bytes) return answer_later([told, error = bytes.error()] { told(tl::unexpected(error)); });
        session.write(point->write_place().at, std::move(*bytes), point->response, deadline,
                      [this, id, told, alive = std::weak_ptr(alive_)](Result<void> result) {
                          if (!alive.expired()) reached(id, result ? nullptr : &result.error());
                          told(std::move(result));
                      });
    };
    if (!needs_present(*point)) return send(value, {}, std::move(done));
    session.read(
        point->write_place().at, deadline,
        [send, value = std::move(value), done = std::move(done), alive = std::weak_ptr(alive_)](const Result<Bytes>& present) {
            if (!present || alive.expired())
                return done(present ? fail(Errc::offline, "the link is closed") : tl::unexpected(present.error()));
            send(value, *present, done);
        });
}

}  // namespace adapters::ble
