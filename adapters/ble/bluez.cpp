#include "adapters/ble/bluez.hpp"

#include "gateway/base/log.hpp"

#include <algorithm>
#include <charconv>

namespace adapters::ble {

namespace {

constexpr std::string_view device_mark = "/dev_";

/// "hci0" of "/org/bluez/hci0/dev_…".
std::string radio_of(std::string_view path) {
    constexpr std::string_view root = "/org/bluez/";
    if (!path.starts_with(root)) return {};
    const auto rest = path.substr(root.size());
    return std::string(rest.substr(0, rest.find('/')));
}

std::optional<Address> address_of(std::string_view path) {
    const auto at = path.find(device_mark);
    if (at == std::string_view::npos) return std::nullopt;
    std::string text(path.substr(at + device_mark.size(), 17));
    std::replace(text.begin(), text.end(), '_', ':');
    return Address::parse(text);
}

template <class Key>
void keep_newest(std::vector<std::pair<Key, base::Bytes>>& all, const Key& key, const base::Bytes& data, bool& news) {
    constexpr std::size_t most = 8;
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& entry) { return entry.first == key; });
    if (found != all.end()) {
        found->second = data;
        return;
    }
    news = true;
    if (all.size() >= most) all.erase(all.begin());
    all.emplace_back(key, data);
}

}  // namespace

std::string peer_path_of(std::string_view path) {
    const auto at = path.find(device_mark);
    if (at == std::string_view::npos || path.size() < at + device_mark.size() + 17) return {};
    const auto end = at + device_mark.size() + 17;
    if (path.size() > end && path[end] != '/') return {};
    return std::string(path.substr(0, end));
}

bool Attribute::can(std::string_view flag) const { return std::find(flags.begin(), flags.end(), flag) != flags.end(); }

Bluez::Bluez(Bus& bus, base::Timers& timers, Handler& handler)
    : bus_(bus), timers_(timers), handler_(handler), retry_(timers) {}

void Bluez::start() { bus_.start(*this); }

void Bluez::stop(std::function<void()> stopped) {
    retry_.cancel();
    up_ = false;
    bus_.stop(std::move(stopped));
}

// -- The daemon's life

void Bluez::bus_lost(std::string why) { forget_all(fmt::format("no system bus: {}", why)); }

void Bluez::service_vanished(std::string why) { forget_all(why); }

void Bluez::service_appeared() {
    ++life_;
    load();
}

void Bluez::forget_all(const std::string& why) {
    ++life_;
    retry_.cancel();
    const bool before = std::exchange(up_, false);
    const auto radios = std::exchange(radios_, {});
    peers_.clear();
    strangers_.clear();
    in_line_.clear();
    gatt_.clear();
    if (!before && told_ && why == why_) return;
    told_ = true;
    why_ = why;
    for (const auto& [path, radio] : radios) handler_.radio_gone(radio);
    handler_.service(false, why_);
}

void Bluez::load() {
    bus_.objects(tree_limit, [this, life = life_, alive = std::weak_ptr(alive_)](Answered<Objects> objects) {
        if (alive.expired() || life != life_) return;
        if (!objects) {
            why_ = error_of(objects.error(), "reading what bluetoothd has").message;
            handler_.service(false, why_);
            retry_.set(timers_.now() + std::chrono::seconds(2), [this] { load(); });
            return;
        }
        const bool first = !std::exchange(up_, true);
        told_ = false;
        why_.clear();
        if (first) handler_.service(true, {});
        // What lies in the tree was heard before us, nobody knows when: it is no report.
        for (const auto& [path, interfaces] : *objects)
            if (life == life_) add(path, interfaces, false);
    });
}

void Bluez::refresh(std::function<void(bool)> done) {
    bus_.objects(tree_limit,
                 [this, life = life_, done = std::move(done), alive = std::weak_ptr(alive_)](Answered<Objects> objects) {
                     if (alive.expired()) return;
                     if (life != life_ || !objects) return done(false);
                     for (const auto& [path, interfaces] : *objects) add(path, interfaces, false);
                     done(true);
                 });
}

// -- Signals

void Bluez::object_added(const std::string& path, const Interfaces& interfaces) {
    if (up_) add(path, interfaces, true);
}

void Bluez::add(const std::string& path, const Interfaces& interfaces, bool reports) {
    for (const auto& [name, properties] : interfaces) {
        if (name == bluez::adapter) {
            if (!radios_.contains(path) && radios_.size() >= most_radios) continue;
            Radio& radio = radios_[path];
            radio.path = path;
            radio.name = radio_of(path);
            update(radio, properties);
            for (const auto& [other, ignored] : interfaces) radio.monitors = radio.monitors || other == bluez::monitors;
            handler_.radio_changed(Radio(radio));
        } else if (name == bluez::monitors) {
            if (const auto found = radios_.find(path); found != radios_.end() && !found->second.monitors) {
                found->second.monitors = true;
                handler_.radio_changed(Radio(found->second));
            }
        } else if (name == bluez::device) {
            Peer* peer = know(path);
            if (peer == nullptr) continue;
            const bool came = !std::exchange(peer->is_object, true);
            update(*peer, properties, reports);
            if (came && is_wanted(*peer)) handler_.peer_changed(Peer(*peer));
        } else if (name == bluez::service || name == bluez::characteristic) {
            const auto address = address_of(path);
            if (!address || !wanted_.contains(*address)) continue;
            auto& gatt = gatt_[peer_path_of(path)];
            const auto* text = property<std::string>(properties, "UUID");
            const auto uuid = text != nullptr ? Uuid::parse(*text) : std::nullopt;
            if (!uuid) continue;
            if (name == bluez::service) {
                if (gatt.services.size() < most_services) gatt.services[path] = *uuid;
                continue;
            }
            if (gatt.attributes.size() >= most_attributes) continue;
            Attribute& attribute = gatt.attributes[path];
            attribute.path = path;
            attribute.uuid = *uuid;
            if (const auto* its = property<ObjectPath>(properties, "Service")) attribute.service_path = its->text;
            if (const auto* flags = property<Strings>(properties, "Flags")) attribute.flags = *flags;
            if (const auto* mtu = property<std::int64_t>(properties, "MTU"))
                attribute.mtu = static_cast<std::uint16_t>(std::clamp<std::int64_t>(*mtu, 0, 65'535));
            attribute.acquires = property<bool>(properties, "NotifyAcquired") != nullptr;
        }
    }
}

void Bluez::object_removed(const std::string& path, const Strings& interfaces) {
    if (!up_) return;
    const auto has = [&](std::string_view name) {
        return std::find(interfaces.begin(), interfaces.end(), name) != interfaces.end();
    };
    if (has(bluez::adapter)) {
        const auto found = radios_.find(path);
        if (found == radios_.end()) return;
        const Radio gone = std::move(found->second);
        radios_.erase(found);
        std::vector<std::string> its;
        for (const auto& [peer_path, peer] : peers_)
            if (peer.radio == gone.name) its.push_back(peer_path);
        for (const auto& peer_path : its) drop(peer_path);
        handler_.radio_gone(gone);
        return;
    }
    if (has(bluez::monitors)) {
        if (const auto found = radios_.find(path); found != radios_.end()) {
            found->second.monitors = false;
            handler_.radio_changed(Radio(found->second));
        }
    }
    if (has(bluez::device)) return drop(path);
    if (has(bluez::service) || has(bluez::characteristic)) {
        const auto found = gatt_.find(peer_path_of(path));
        if (found == gatt_.end()) return;
        found->second.services.erase(path);
        found->second.attributes.erase(path);
    }
}

void Bluez::changed(const std::string& path, std::string_view interface, const Dict& now, const Strings& gone) {
    if (!up_) return;
    if (interface == bluez::device) {
        Peer* peer = know(path);
        if (peer == nullptr) return;
        peer->is_object = true;
        if (std::find(gone.begin(), gone.end(), "RSSI") != gone.end()) peer->known.rssi.reset();
        update(*peer, now, true);
    } else if (interface == bluez::adapter) {
        const auto found = radios_.find(path);
        if (found == radios_.end()) return;
        update(found->second, now);
        handler_.radio_changed(Radio(found->second));
    } else if (interface == bluez::characteristic) {
        const auto* value = property<base::Bytes>(now, "Value");
        const Peer* its = peer(peer_path_of(path));
        if (value != nullptr && its != nullptr && is_wanted(*its)) handler_.notified(Peer(*its), path, *value);
    }
}

// -- What they tell

void Bluez::update(Radio& radio, const Dict& now) {
    if (const auto* address = property<std::string>(now, "Address")) radio.address = *address;
    if (const auto* powered = property<bool>(now, "Powered")) radio.powered = *powered;
    if (const auto* discovering = property<bool>(now, "Discovering")) radio.discovering = *discovering;
    if (const auto* state = property<std::string>(now, "PowerState")) radio.blocked = *state == "off-blocked";
}

void Bluez::update(Peer& peer, const Dict& now, bool reports) {
    const auto flag = [&](std::string_view name, bool& kept) {
        const auto* value = property<bool>(now, name);
        if (value == nullptr || *value == kept) return false;
        kept = *value;
        return true;
    };
    bool moved = flag("Connected", peer.connected);
    moved = flag("ServicesResolved", peer.resolved) || moved;
    moved = flag("Paired", peer.paired) || moved;
    if (const auto* type = property<std::string>(now, "AddressType"))
        peer.known.type = *type == "random" ? AddressType::random : AddressType::fixed;
    // A name or a list of services comes with a connection, too; a signal strength or data only by the air.
    const bool is_report = reports && (now.contains("RSSI") || now.contains("ManufacturerData") || now.contains("ServiceData"));
    if (moved && is_wanted(peer)) {
        const std::string path = peer.path;
        const auto life = life_;
        handler_.peer_changed(Peer(peer));
        if (life != life_ || !peers_.contains(path)) return;
    }
    if (is_report) return report(peer, now);
    if (const auto* name = property<std::string>(now, "Name"); name != nullptr && name->size() <= longest_name)
        peer.known.name = *name;
    if (const auto* uuids = property<Strings>(now, "UUIDs"))
        for (const auto& text : *uuids)
            if (const auto uuid = Uuid::parse(text);
                uuid && peer.known.services.size() < most_data_items &&
                std::find(peer.known.services.begin(), peer.known.services.end(), *uuid) == peer.known.services.end())
                peer.known.services.push_back(*uuid);
}

void Bluez::report(Peer& peer, const Dict& now) {
    Advertisement report;
    report.address = peer.address;
    report.type = peer.known.type;
    report.adapter = peer.radio;
    report.at = timers_.now();
    report.wall = timers_.wall();
    report.rssi = peer.known.rssi;
    if (const auto* rssi = property<std::int64_t>(now, "RSSI"))
        report.rssi = static_cast<std::int16_t>(std::clamp<std::int64_t>(*rssi, -127, 127));
    std::size_t size = 0;
    if (const auto* name = property<std::string>(now, "Name"); name != nullptr && name->size() <= longest_name)
        report.name = *name;
    if (const auto* all = property<Dict>(now, "ManufacturerData"))
        for (const auto& [key, value] : *all) {
            std::uint16_t company = 0;
            const auto* data = value.as<base::Bytes>();
            const auto [end, trouble] = std::from_chars(key.data(), key.data() + key.size(), company);
            if (data == nullptr || trouble != std::errc() || end != key.data() + key.size()) continue;
            size += data->size();
            report.manufacturer.emplace_back(company, *data);
        }
    if (const auto* all = property<Dict>(now, "ServiceData"))
        for (const auto& [key, value] : *all) {
            const auto* data = value.as<base::Bytes>();
            const auto uuid = Uuid::parse(key);
            if (data == nullptr || !uuid) continue;
            size += data->size();
            report.service_data.emplace_back(*uuid, *data);
        }
    if (const auto* uuids = property<Strings>(now, "UUIDs"))
        for (const auto& text : *uuids)
            if (const auto uuid = Uuid::parse(text); uuid && report.services.size() < most_data_items)
                report.services.push_back(*uuid);
    if (size > longest_data || report.manufacturer.size() + report.service_data.size() > most_data_items) return;

    bool news = !report.name.empty() && report.name != peer.known.name;
    if (!report.name.empty()) peer.known.name = report.name;
    peer.known.rssi = report.rssi;
    peer.known.at = report.at;
    peer.known.wall = report.wall;
    for (const auto& [company, data] : report.manufacturer) keep_newest(peer.known.manufacturer, company, data, news);
    for (const auto& [uuid, data] : report.service_data) keep_newest(peer.known.service_data, uuid, data, news);
    for (const auto& uuid : report.services)
        if (peer.known.services.size() < most_data_items &&
            std::find(peer.known.services.begin(), peer.known.services.end(), uuid) == peer.known.services.end())
            peer.known.services.push_back(uuid), news = true;
    peer.news = news || peer.heard == base::Instant{} || report.at - peer.news_at >= std::chrono::minutes(1);
    if (peer.news) peer.news_at = report.at;
    peer.heard = report.at;
    if (const auto found = in_line_.find(peer.path); found != in_line_.end())
        strangers_.splice(strangers_.end(), strangers_, found->second);
    handler_.heard(report, peer);
}

// -- Keeping

Peer* Bluez::know(const std::string& path) {
    if (const auto found = peers_.find(path); found != peers_.end()) return &found->second;
    const auto address = address_of(path);
    if (!address || peer_path_of(path) != path) return nullptr;
    const bool wanted = wanted_.contains(*address);
    if (!wanted && strangers_.size() >= most_strangers) drop(std::string(strangers_.front()));
    Peer& peer = peers_[path];
    peer.path = path;
    peer.radio = radio_of(path);
    peer.address = *address;
    peer.known.address = *address;
    peer.known.adapter = peer.radio;
    if (!wanted) in_line_[path] = strangers_.insert(strangers_.end(), path);
    return &peer;
}

void Bluez::drop(const std::string& path) {
    const auto found = peers_.find(path);
    if (found == peers_.end()) return;
    const Peer gone = std::move(found->second);
    peers_.erase(found);
    gatt_.erase(gone.path);
    if (const auto place = in_line_.find(gone.path); place != in_line_.end()) {
        strangers_.erase(place->second);
        in_line_.erase(place);
    }
    if (is_wanted(gone)) handler_.peer_gone(gone);
}

const Radio* Bluez::radio(std::string_view name) const {
    for (const auto& [path, radio] : radios_)
        if (radio.name == name) return &radio;
    return nullptr;
}

const Peer* Bluez::peer(const std::string& path) const {
    const auto found = peers_.find(path);
    return found == peers_.end() ? nullptr : &found->second;
}

std::vector<const Peer*> Bluez::peers(const Address& address) const {
    std::vector<const Peer*> found;
    std::string name = address.str();
    std::replace(name.begin(), name.end(), ':', '_');
    for (const auto& [path, radio] : radios_) {
        const Peer* its = peer(fmt::format("{}/dev_{}", path, name));
        if (its != nullptr && its->is_object) found.push_back(its);
    }
    return found;
}

const Attribute* Bluez::attribute(const std::string& peer_path, const Characteristic& wanted) const {
    const auto gatt = gatt_.find(peer_path);
    if (gatt == gatt_.end()) return nullptr;
    for (const auto& [path, attribute] : gatt->second.attributes) {
        if (attribute.uuid != wanted.characteristic) continue;
        const auto service = gatt->second.services.find(attribute.service_path);
        if (service != gatt->second.services.end() && service->second == wanted.service) return &attribute;
    }
    return nullptr;
}

bool Bluez::has_attributes(const std::string& peer_path) const {
    const auto gatt = gatt_.find(peer_path);
    return gatt != gatt_.end() && !gatt->second.attributes.empty();
}

}  // namespace adapters::ble
