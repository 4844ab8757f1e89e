// What the integrator's tools ask of the radios: reports as they are, characteristics that no profile names, scans, traces.
#include "adapters/ble/adapter.hpp"

#include <algorithm>

namespace adapters::ble {

using base::Bytes;
using base::Errc;
using base::fail;

struct BleAdapter::Scanned {
    explicit Scanned(base::Timers& timers) : tick(timers) {}
    std::function<void(Found)> found;
    std::function<void(Progress)> progress;
    std::function<void(Result<void>)> done;
    Instant begin{};
    std::size_t seconds = 0, of = 0;
    base::Timer tick;
};

void BleAdapter::say(bool sent, std::string text, const Bytes& payload) {
    Traffic traffic;
    traffic.sent = sent;
    traffic.at = timers_.wall();
    traffic.bytes = payload;
    traffic.text = std::move(text);
    hear_(traffic);
}

void BleAdapter::trace(std::function<void(const Traffic&)> hear) {
    hear_ = std::move(hear);
    if (!hear_) {
        bus_->on_traffic = nullptr;
        return;
    }
    bus_->on_traffic = [this](bool sent, const std::string& text, const Bytes& payload) { say(sent, text, payload); };
}

// -- One value

void BleAdapter::read_raw(DeviceId id, PointIndex index, Instant deadline, Fetched done) {
    const auto refuse = [&](Errc code, const std::string& why) { answer_later([done, code, why] { done(fail(code, why)); }); };
    const PointShape* point = point_of(id, index);
    if (point == nullptr) return refuse(Errc::not_found, "no such point");
    if (sink_ == nullptr) return refuse(Errc::offline, "the link is closed");
    if (const auto* place = point->gatt()) {
        running_[id]->session->read(place->at, deadline, [point, at = place->at, done](Result<Bytes> bytes) {
            if (!bytes) return done(tl::unexpected(bytes.error()));
            Raw raw;
            if (auto value = value_of(*point, *bytes); value && *value) raw.value = std::move(**value);
            raw.taken_as = name(point->kind);
            raw.bytes = std::move(*bytes);
            raw.request = fmt::format("characteristic {}", at.text());
            done(std::move(raw));
        });
        return;
    }
    if (!bluez_.is_up()) return refuse(Errc::offline, bluez_.why_down());
    if (std::holds_alternative<RadioField>(point->from))
        return refuse(Errc::not_allowed, "this is what the radio knows of the device, and has no bytes");
    if (listeners_.size() >= most_waiting) return refuse(Errc::busy, "too many wait for a report already");
    Listener listener;
    listener.id = ++last_listener_;
    listener.device = id;
    listener.point = index;
    listener.done = std::move(done);
    listener.alarm = std::make_unique<base::Timer>(timers_);
    listener.alarm->set(deadline, [this, number = listener.id] {
        const auto found =
            std::find_if(listeners_.begin(), listeners_.end(), [&](const Listener& its) { return its.id == number; });
        if (found == listeners_.end()) return;
        const auto tell = std::move(found->done);
        timers_.at(timers_.now(), [tell] { tell(fail(Errc::timeout, "no report with this point came")); });
        found->done = nullptr;
        timers_.at(timers_.now(), [this, number, alive = std::weak_ptr(alive_)] {
            if (!alive.expired()) listeners_.remove_if([&](const Listener& its) { return its.id == number; });
        });
    });
    listeners_.push_back(std::move(listener));
}

void BleAdapter::finish_listeners(DeviceId id, const Advertisement& report, const PointValues& values) {
    if (listeners_.empty()) return;
    std::vector<std::pair<std::function<void(Result<Raw>)>, Raw>> ready;
    for (auto it = listeners_.begin(); it != listeners_.end();) {
        const auto found =
            std::find_if(values.begin(), values.end(), [&](const auto& entry) { return entry.first == it->point; });
        if (it->device != id || found == values.end() || !it->done) {
            ++it;
            continue;
        }
        const Shape& shape = shape_of(id);
        Raw raw;
        const auto* data = shape.company   ? report.of_company(*shape.company)
                           : shape.service ? report.of_service(*shape.service)
                                           : nullptr;
        if (data == nullptr && !report.manufacturer.empty()) data = &report.manufacturer.front().second;
        if (data == nullptr && !report.service_data.empty()) data = &report.service_data.front().second;
        if (data != nullptr) raw.bytes = *data;
        raw.request = fmt::format("a report of {}, heard by {}", report.address.str(), report.adapter);
        if (found->second) raw.value = *found->second;
        raw.taken_as = shape.decoder != nullptr ? shape.decoder->name() : name(shape.points[it->point].kind);
        ready.emplace_back(std::move(it->done), std::move(raw));
        it = listeners_.erase(it);
    }
    for (auto& [done, raw] : ready) done(std::move(raw));
}

/// The session that an address of a tool leads to; null with `trouble`.
Session* BleAdapter::session_at(const Words& words, Characteristic& at, base::Error& trouble) {
    const auto refuse = [&](Errc code, std::string why) -> Session* {
        trouble = {code, std::move(why)};
        return nullptr;
    };
    std::optional<Address> address;
    std::optional<Uuid> service, characteristic;
    for (const auto& [key, value] : words) {
        std::string_view place = value;
        if (key == "at") {  // C4:7C:8D:00:00:01/0x180F/0x2A19
            address = Address::parse(place.substr(0, place.find('/')));
            place.remove_prefix(
                std::min(place.size(), place.find('/') == std::string_view::npos ? place.size() : place.find('/') + 1));
        }
        if (key == "address") {
            address = Address::parse(value);
        } else if (key == "char" || key == "at") {
            const auto slash = place.find('/');
            service = Uuid::parse(place.substr(0, slash));
            if (slash != std::string_view::npos) characteristic = Uuid::parse(place.substr(slash + 1));
        } else if (key != "value" && key != "response" && key != "count") {
            return refuse(Errc::bad_request, fmt::format("'{}' says nothing to a radio; say at=ADDRESS/SERVICE/CHARACTERISTIC",
                                                         base::printable(key, 40)));
        }
    }
    if (!address)
        return refuse(Errc::bad_request, "say of which device, and which characteristic: at=C4:7C:8D:00:00:01/0x180F/0x2A19");
    if (!service || !characteristic)
        return refuse(Errc::bad_request, "say which characteristic: at=C4:7C:8D:00:00:01/0x180F/0x2A19");
    if (sink_ == nullptr) return refuse(Errc::offline, "the link is closed");
    if (!bluez_.is_up()) return refuse(Errc::offline, bluez_.why_down());
    at = {*service, *characteristic};
    if (const auto found = by_address_.find(*address); found != by_address_.end())
        for (const DeviceId id : found->second)
            if (running_[id]->session) return running_[id]->session.get();
    for (auto& stranger : strangers_)
        if (stranger->session->address() == *address) return stranger->session.get();
    if (strangers_.size() >= most_strange) return refuse(Errc::busy, "connections to so many strange devices are open already");
    strangers_.push_back(std::make_unique<Stranger>(timers_));
    Stranger& its = *strangers_.back();
    bluez_.want(*address);
    its.session = std::make_unique<Session>(parts(), owner(), *address, its.shape, std::vector<Characteristic>{});
    return its.session.get();
}

/// Those that have nothing to do any more.
void BleAdapter::drop_strangers() {
    for (auto it = strangers_.begin(); it != strangers_.end();) {
        if ((*it)->session->is_idle()) {
            it = strangers_.erase(it);
            continue;
        }
        Stranger& its = **it++;
        its.end.set(timers_.now() + Session::linger * 2, [this] {
            timers_.at(timers_.now(), [this, alive = std::weak_ptr(alive_)] {
                if (!alive.expired()) drop_strangers();
            });
        });
    }
}

void BleAdapter::fetch(const Words& words, Instant deadline, Fetched done) {
    Characteristic at;
    base::Error trouble;
    auto* session = session_at(words, at, trouble);
    if (session == nullptr) return answer_later([done = std::move(done), trouble] { done(tl::unexpected(trouble)); });
    session->read(at, deadline, [this, at, done = std::move(done), alive = std::weak_ptr(alive_)](Result<Bytes> bytes) {
        if (!alive.expired())
            answer_later([this, still = alive] {
                if (!still.expired()) drop_strangers();
            });
        if (!bytes) return done(tl::unexpected(bytes.error()));
        Raw raw;
        raw.bytes = std::move(*bytes);
        raw.request = fmt::format("characteristic {}", at.text());
        done(std::move(raw));
    });
}

void BleAdapter::put(const Words& words, Instant deadline, std::function<void(Result<void>)> done) {
    const auto refuse = [&](const base::Error& error) { answer_later([done, error] { done(tl::unexpected(error)); }); };
    std::string text;
    bool response = true;
    for (const auto& [key, value] : words) {
        if (key == "value") text = value;
        if (key == "response") response = value != "no" && value != "false";
    }
    std::erase_if(text, [](char c) { return c == ' '; });
    if (text.starts_with("0x") || text.starts_with("0X")) text.erase(0, 2);
    auto bytes = base::from_hex(text);
    if (!bytes || bytes->empty() || bytes->size() > longest_value)
        return refuse({Errc::bad_request, fmt::format("value= is 1 to {} bytes in hex digits: value=3C00", longest_value)});
    Characteristic at;
    base::Error trouble;
    auto* session = session_at(words, at, trouble);
    if (session == nullptr) return refuse(trouble);
    session->write(at, std::move(*bytes), response, deadline,
                   [this, done = std::move(done), alive = std::weak_ptr(alive_)](Result<void> result) {
                       if (!alive.expired())
                           answer_later([this, still = alive] {
                               if (!still.expired()) drop_strangers();
                           });
                       done(std::move(result));
                   });
}

// -- Scan

void BleAdapter::scan(const Words& options, double, std::function<void(Found)> found, std::function<void(Progress)> progress,
                      std::function<void(Result<void>)> done) {
    const auto refuse = [&](Errc code, const std::string& why) { answer_later([done, code, why] { done(fail(code, why)); }); };
    if (scan_) return refuse(Errc::busy, "a scan of this link is running");
    if (sink_ == nullptr || !bluez_.is_up())
        return refuse(Errc::offline, sink_ == nullptr ? "the link is closed" : bluez_.why_down());
    std::chrono::microseconds span = std::chrono::seconds(10);
    for (const auto& [key, value] : options) {
        const auto parsed = base::parse_span(value);
        if (key != "for" || !parsed || *parsed < std::chrono::seconds(1) || *parsed > std::chrono::minutes(10))
            return refuse(Errc::bad_request, fmt::format("'{}={}' is no option of a scan; there is for=1s to 10m",
                                                         base::printable(key, 40), base::printable(value, 40)));
        span = *parsed;
    }
    auto scan = std::make_shared<Scanned>(timers_);
    scan_ = scan;
    scan->found = std::move(found);
    scan->progress = std::move(progress);
    scan->done = std::move(done);
    scan->begin = timers_.now();
    scan->of = static_cast<std::size_t>(std::chrono::ceil<std::chrono::seconds>(span).count());
    scanner_.look_actively(timers_.now() + std::chrono::duration_cast<Milliseconds>(span) + std::chrono::seconds(1));
    scan_tick();
}

void BleAdapter::scan_tick() {
    const auto scan = scan_;
    if (!scan) return;
    std::size_t heard = 0;
    for (const auto& [path, peer] : bluez_.all()) heard += peer.heard >= scan->begin ? 1U : 0U;
    if (scan->progress) scan->progress({scan->seconds, scan->of, fmt::format("{} devices", heard)});
    if (scan_ != scan) return;
    if (scan->seconds++ >= scan->of) return cancel_scan();
    scan->tick.set(timers_.now() + std::chrono::seconds(1), [this] { scan_tick(); });
}

void BleAdapter::cancel_scan() {
    const auto scan = std::exchange(scan_, nullptr);
    if (!scan) return;
    scan->tick.cancel();
    // At the end, since name and services may come in reports of their own. By address: a device may be heard by two radios.
    std::map<Address, const Peer*> best;
    for (const auto& [path, peer] : bluez_.all()) {
        if (peer.heard < scan->begin) continue;
        auto& place = best[peer.address];
        if (place == nullptr || place->known.rssi.value_or(-127) < peer.known.rssi.value_or(-127)) place = &peer;
    }
    std::vector<Found> finds;
    for (const auto& [address, peer] : best) finds.push_back(ble::found(peer->known));
    for (auto& each : finds) scan->found(std::move(each));
    answer_later([scan] { scan->done({}); });
}

}  // namespace adapters::ble
