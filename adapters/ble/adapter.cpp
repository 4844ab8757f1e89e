#include "adapters/ble/adapter.hpp"

#include "adapters/ble/sdbus_bus.hpp"

#include <algorithm>

namespace adapters::ble {

using base::Bytes;
using base::Errc;
using base::fail;

namespace {

constexpr std::string_view firmware_key = "firmware ";

}  // namespace

BleAdapter::BleAdapter(boost::asio::any_io_executor executor, base::Timers& timers, base::Random& random,
                       LinkSettings its_settings, BusMaker make)
    : Binding(std::move(its_settings)),
      executor_(std::move(executor)),
      timers_(timers),
      random_(random),
      bus_(make ? make() : sdbus_bus(executor_, timers, random)),
      bluez_(*bus_, timers, *this),
      scanner_(*bus_, settings(), timers, random, *this),
      slots_(settings().connections, timers),
      agent_(*bus_),
      save_timer_(timers),
      settle_timer_(timers) {}

BleAdapter::~BleAdapter() {
    close();
    strangers_.clear();
    running_.clear();
}

// -- Binding

void BleAdapter::recall(const Words& remembered) {
    book_.recall(remembered);
    for (const auto& [key, text] : remembered)
        if (key.starts_with(firmware_key) && firmware_.size() < most_firmware)
            if (const auto address = Address::parse(std::string_view(key).substr(firmware_key.size())))
                firmware_[*address] = text;
}

void BleAdapter::prepare(DeviceId id) {
    const BoundDevice& bound = devices()[id];
    const Shape& shape = shape_of(id);
    auto device = std::make_unique<Device>();
    device->latest.resize(shape.points.size());
    device->memory.replay = book_.counter(bound.address);
    std::vector<Characteristic> subscriptions;
    const auto note = [](std::vector<Characteristic>& list, const Characteristic& at) {
        if (std::find(list.begin(), list.end(), at) == list.end()) list.push_back(at);
    };
    for (std::size_t p = 0; p < shape.points.size(); ++p) {
        const PointShape& point = shape.points[p];
        if (std::holds_alternative<RadioField>(point.from)) device->radio_points.push_back(static_cast<PointIndex>(p));
        const auto* place = point.gatt();
        if (place == nullptr || !point.access.read) continue;
        if (point.notify) note(subscriptions, place->at);
    }
    if (shape.connects) {
        device->session = std::make_unique<Session>(parts(), owner(), bound.address, shape, std::move(subscriptions));
        by_session_[device->session.get()] = id;
        agent_.may_pair(shape.pair);
    }
    if (shape.active) scanner_.need_active(true);
    if (shape.company) scanner_.expect_company(*shape.company);
    bluez_.want(bound.address);
    by_address_[bound.address].push_back(id);
    running_.push_back(std::move(device));
}

// -- Running

void BleAdapter::start(Sink& sink) {
    sink_ = &sink;
    finds_at_ = timers_.now();
    bool listens = !rules().empty();
    for (std::size_t d = 0; d < devices().size(); ++d) {
        prepare(static_cast<DeviceId>(d));
        const Shape& shape = shape_of(static_cast<DeviceId>(d));
        listens = listens || shape.listens || !running_.back()->radio_points.empty();
    }
    for (const auto& rule : rules())
        if (rule.company) scanner_.expect_company(*rule.company);
    scanner_.need_reports(listens);
    bluez_.start();
    for (std::size_t d = 0; d < running_.size(); ++d)
        if (running_[d]->session && shape_of(static_cast<DeviceId>(d)).stay) running_[d]->session->stay();
    // The address is known without hearing it.
    for (std::size_t d = 0; d < running_.size(); ++d)
        for (const auto p : running_[d]->radio_points)
            if (std::get<RadioField>(shape_of(static_cast<DeviceId>(d)).points[p].from) == RadioField::address)
                running_[d]->latest[p].value = devices()[d].address.str();
}

void BleAdapter::close() {
    cancel_scan();
    trace(nullptr);
    save();
    settle_timer_.cancel();
    save_timer_.cancel();
    sink_ = nullptr;
    while (!listeners_.empty()) {
        const auto done = std::move(listeners_.front().done);
        listeners_.pop_front();
        done(fail(Errc::offline, "the link is closed"));
    }
    each_session([](Session& session) { session.stop(); });
    scanner_.stop();
}

void BleAdapter::stop(std::function<void()> stopped) {
    close();
    bluez_.stop(std::move(stopped));
}

void BleAdapter::each_session(const std::function<void(Session&)>& what) {
    for (auto& device : running_)
        if (device->session) what(*device->session);
    for (auto& stranger : strangers_) what(*stranger->session);
}

DeviceId BleAdapter::device_of(const Session& session) const {
    const auto found = by_session_.find(&session);
    return found == by_session_.end() ? static_cast<DeviceId>(running_.size()) : found->second;
}

void BleAdapter::service(bool up, const std::string& why) {
    if (sink_ == nullptr) return;
    scanner_.service(up);
    if (up) {
        why_not_.clear();
        agent_.start();
        settle_timer_.set(timers_.now() + settle, [this] {
            if (!scanner_.any_usable() && why_not_.empty())
                why_not_ =
                    fmt::format("bluetoothd has no adapter {}", settings().radios.empty() ? "" : settings().where().substr(4));
            judge_link();
        });
    } else {
        settle_timer_.cancel();
        why_not_ = why;
    }
    each_session([&](Session& session) { session.service(up, why); });
    judge_link();
}

void BleAdapter::radio_changed(const Radio& radio) {
    if (sink_ != nullptr) scanner_.radio_changed(radio);
}

void BleAdapter::radio_gone(const Radio& radio) { scanner_.radio_gone(radio); }

void BleAdapter::radio_usable(const Radio& radio, bool usable, const std::string& why) {
    if (sink_ == nullptr) return;
    if (usable)
        base::log().info("{} ({}) is in use", radio.name, radio.address);
    else
        base::log().warn("{}", base::printable(why, 400));
    why_not_ = usable ? std::string() : why;
    judge_link();
    if (usable) slots_.again();
}

void BleAdapter::judge_link() {
    if (sink_ == nullptr) return;
    const bool up = bluez_.is_up() && scanner_.any_usable();
    if (!up && why_not_.empty()) return;  // a radio is on its way
    if (link_told_ == up && (up || link_why_ == why_not_)) return;
    link_told_ = up;
    link_why_ = up ? std::string() : why_not_;
    sink_->link(up, link_why_);
}

bool BleAdapter::radio_is_connected(const std::string& radio) {
    bool connected = false;
    each_session([&](Session& session) { connected = connected || (session.is_up() && session.radio() == radio); });
    return connected;
}

void BleAdapter::peer_changed(const Peer& peer) {
    each_session([&](Session& session) {
        if (session.address() == peer.address) session.peer_changed(peer);
    });
}

void BleAdapter::peer_gone(const Peer& peer) {
    each_session([&](Session& session) {
        if (session.address() == peer.address) session.peer_gone(peer);
    });
}

void BleAdapter::notified(const Peer& peer, const std::string& path, const Bytes& value) {
    each_session([&](Session& session) {
        if (session.address() == peer.address) session.notified(path, value);
    });
}

// -- Reports

void BleAdapter::heard(const Advertisement& report, const Peer& peer) {
    if (sink_ == nullptr) return;
    ++counters_.reports;
    scanner_.heard(report.adapter);
    if (hear_) {
        std::string text = fmt::format("{} hears {}", report.adapter, report.address.str());
        if (report.rssi) text += fmt::format(" {} dBm", *report.rssi);
        if (!report.name.empty()) text += fmt::format(" \"{}\"", base::printable(report.name, 40));
        for (const auto& [company, data] : report.manufacturer)
            text += fmt::format(" company 0x{:04X} {}", company, base::to_hex(data));
        for (const auto& [uuid, data] : report.service_data)
            text += fmt::format(" service {} {}", uuid.text(), base::to_hex(data));
        say(false, std::move(text),
            !report.manufacturer.empty()   ? report.manufacturer.front().second
            : !report.service_data.empty() ? report.service_data.front().second
                                           : Bytes{});
    }
    if (const auto found = by_address_.find(report.address); found != by_address_.end()) {
        ++counters_.ours;
        for (const DeviceId id : found->second) take_report(id, report, peer);
    }
    if (peer.news && !rules().empty()) take_rules(peer);
}

void BleAdapter::take_report(DeviceId id, const Advertisement& report, const Peer& peer) {
    Device& device = *running_[id];
    const Shape& shape = shape_of(id);
    bool trusted = true;
    if (shape.listens) {
        const auto replay = device.memory.replay;
        const auto taken = hear(shape, report, device.memory);
        ++counters_.by_outcome[static_cast<std::size_t>(taken.outcome)];
        trusted = taken.outcome != Outcome::wrong_key && taken.outcome != Outcome::replayed &&
                  taken.outcome != Outcome::not_encrypted && taken.outcome != Outcome::no_key;
        if (!taken.why.empty())
            once_.warn(fmt::format("{} {}", id, name(taken.outcome)),
                       fmt::format("{}: {}", report.address.str(), base::printable(taken.why)));
        else if (taken.outcome == Outcome::values)
            for (const auto outcome : {Outcome::wrong_key, Outcome::no_key})
                once_.again(fmt::format("{} {}", id, name(outcome)));
        if (device.memory.replay && device.memory.replay != replay && book_.note(report.address, *device.memory.replay)) {
            unsaved_ = true;
            if (!save_timer_.is_set()) save_timer_.set(timers_.now() + save_pace, [this] { save(); });
        }
        if (taken.outcome == Outcome::values && device.alive == false) sign(id, true, "it is heard");
        for (const auto& [point, value] : taken.values) {
            if (sink_ == nullptr) return;
            if (value)
                deliver(id, point, *value);
            else
                once_.warn(fmt::format("{} point {}", id, point),
                           fmt::format("{}: {}", report.address.str(), base::printable(value.error().message)));
        }
        finish_listeners(id, report, taken.values);
        if (taken.outcome == Outcome::values && !taken.values.empty()) device.life_told = timers_.now();
    }
    if (sink_ == nullptr || !trusted) return;
    if (!device.radio_points.empty()) tell_radio(id, report, peer);
    if (device.session) device.session->heard();
    // A device that cannot be connected to is not there for the server, whatever it advertises.
    if (!device.unreachable && device.alive != false && timers_.now() - device.life_told >= sign_of_life)
        sign(id, true, "it is heard");
}

void BleAdapter::tell_radio(DeviceId id, const Advertisement& report, const Peer& peer) {
    Device& device = *running_[id];
    if (device.radio_told != Instant{} && timers_.now() - device.radio_told < radio_pace) return;
    device.radio_told = timers_.now();
    for (const auto p : device.radio_points) {
        switch (std::get<RadioField>(shape_of(id).points[p].from)) {
            case RadioField::address: deliver(id, p, report.address.str()); break;
            case RadioField::name:
                if (!peer.known.name.empty() && base::is_utf8(peer.known.name)) deliver(id, p, peer.known.name);
                break;
            case RadioField::rssi:
                if (report.rssi && *report.rssi != 127) deliver(id, p, static_cast<std::int64_t>(*report.rssi));
                break;
            case RadioField::last_seen:
                deliver(id, p,
                        static_cast<std::int64_t>(
                            std::chrono::duration_cast<std::chrono::seconds>(report.wall.time_since_epoch()).count()));
                break;
        }
    }
}

void BleAdapter::take_rules(const Peer& peer) {
    const auto passed = std::chrono::duration<double>(timers_.now() - finds_at_).count();
    finds_at_ = timers_.now();
    finds_left_ = std::min(finds_at_once, finds_left_ + passed * finds_a_second);
    for (std::size_t r = 0; r < rules().size(); ++r) {
        if (sink_ == nullptr || !matches(rules()[r], peer.known)) continue;
        if (finds_left_ < 1) {  // a true one is told again
            ++counters_.finds_dropped;
            once_.warn("finds",
                       fmt::format("{}: more devices are heard than can be true; the rest is left out", settings().where()));
            return;
        }
        finds_left_ -= 1;
        sink_->found(static_cast<RuleId>(r), found(peer.known));
    }
}

void BleAdapter::deliver(DeviceId id, PointIndex point, Scalar value) {
    Latest& latest = running_[id]->latest[point];
    latest.value = value;
    latest.at = timers_.now();
    if (sink_ != nullptr) sink_->value(id, point, std::move(value), timers_.wall());
}

void BleAdapter::sign(DeviceId id, bool alive, const std::string& why) {
    Device& device = *running_[id];
    device.alive = alive;
    device.life_told = timers_.now();
    if (sink_ != nullptr) sink_->witness(id, Witness::alive, alive, why);
}

void BleAdapter::save() {
    save_timer_.cancel();
    if (!std::exchange(unsaved_, false) || sink_ == nullptr) return;
    book_.save([this](std::string key, std::string value) { sink_->remember(std::move(key), std::move(value)); });
}

void BleAdapter::answer_later(std::function<void()> what) { timers_.at(timers_.now(), std::move(what)); }

std::string BleAdapter::where() const {
    const auto state = scanner_.str();
    return state.empty() ? settings().where() : fmt::format("{}: {}", settings().where(), state);
}

}  // namespace adapters::ble
