#pragma once

#include "adapters/ble/advertisement.hpp"
#include "adapters/ble/bluez_error.hpp"
#include "adapters/ble/settings.hpp"

#include <list>
#include <set>
#include <unordered_map>

namespace adapters::ble {

/// One controller: "hci0".
struct Radio {
    std::string path, name, address;
    bool powered = false, discovering = false;
    bool blocked = false;   ///< by rfkill, where bluetoothd says so (5.66 on)
    bool monitors = false;  ///< it has AdvertisementMonitorManager1
};

/// One device as one controller sees it.
struct Peer {
    std::string path, radio;
    Address address;
    bool connected = false, resolved = false, paired = false;
    bool is_object = false;  ///< bluetoothd has an object of it now
    /// All that is known of it, from all its reports; of each company and service the newest data.
    Advertisement known;
    base::Instant heard{};  ///< last report
    /// The last report told a name, company or service that was not known; and once a minute.
    bool news = false;
    base::Instant news_at{};
};

struct Attribute {
    std::string path, service_path;
    Uuid uuid;
    Strings flags;
    std::uint16_t mtu = 0;  ///< 0: not told
    bool acquires = false;  ///< has NotifyAcquired: AcquireNotify works
    bool can(std::string_view flag) const;
};

/// What bluetoothd shows in its object tree, mirrored by its signals; everything is thrown away when it goes.
///
/// Bounds: 16 controllers; of devices that nobody asked for most_strangers, the one heard longest ago goes first; GATT
/// objects of the devices asked for only, 1,024 each.
class Bluez final : private Bus::Events {
public:
    static constexpr std::size_t most_radios = 16, most_strangers = 1'024, most_attributes = 1'024, most_services = 256;
    static constexpr Milliseconds tree_limit{10'000};

    class Handler {
    public:
        /// bluetoothd is there, and what it has is told next; or it went away, and with it all radios and devices.
        virtual void service(bool up, const std::string& why) = 0;
        virtual void radio_changed(const Radio&) = 0;
        virtual void radio_gone(const Radio&) = 0;
        /// A report; `peer` is what is known by now.
        virtual void heard(const Advertisement& report, const Peer& peer) = 0;
        /// A device that was asked for: its object came, its connection, bond or services changed.
        virtual void peer_changed(const Peer&) = 0;
        virtual void peer_gone(const Peer&) = 0;
        /// `Value` of a characteristic of a device that was asked for: a notification or a read.
        virtual void notified(const Peer&, const std::string& path, const base::Bytes& value) = 0;

    protected:
        ~Handler() = default;
    };

    Bluez(Bus&, base::Timers&, Handler&);

    /// A device whose object, connection and services are wanted. Before start() or later.
    void want(const Address& address) { wanted_.insert(address); }
    void start();
    void stop(std::function<void()> stopped);

    bool is_up() const { return up_; }
    /// Neither known to be there nor to be away: just started.
    bool is_starting() const { return !up_ && !told_; }
    const std::string& why_down() const { return why_; }
    const Radio* radio(std::string_view name) const;
    const std::map<std::string, Radio, std::less<>>& radios() const { return radios_; }
    const Peer* peer(const std::string& path) const;
    /// The device as each controller sees it; only those that have an object now.
    std::vector<const Peer*> peers(const Address&) const;
    const std::unordered_map<std::string, Peer>& all() const { return peers_; }
    /// Null: no such characteristic is known (yet).
    const Attribute* attribute(const std::string& peer_path, const Characteristic&) const;
    bool has_attributes(const std::string& peer_path) const;
    /// Reads the tree again: signals come in no fixed order, and some never.
    void refresh(std::function<void(bool read)> done);

private:
    struct Gatt {
        std::unordered_map<std::string, Uuid> services;
        std::unordered_map<std::string, Attribute> attributes;
    };

    void bus_lost(std::string why) override;
    void service_appeared() override;
    void service_vanished(std::string why) override;
    void object_added(const std::string& path, const Interfaces&) override;
    void object_removed(const std::string& path, const Strings& interfaces) override;
    void changed(const std::string& path, std::string_view interface, const Dict& now, const Strings& gone) override;

    void load();
    void add(const std::string& path, const Interfaces&, bool reports);
    void update(Radio&, const Dict&);
    void update(Peer&, const Dict&, bool reports);
    void report(Peer&, const Dict&);
    Peer* know(const std::string& path);
    void drop(const std::string& path);
    void forget_all(const std::string& why);
    bool is_wanted(const Peer& peer) const { return wanted_.contains(peer.address); }

    Bus& bus_;
    base::Timers& timers_;
    Handler& handler_;
    bool up_ = false, told_ = false;
    std::string why_ = "not started";
    std::map<std::string, Radio, std::less<>> radios_;  ///< by path
    std::set<Address> wanted_;
    std::unordered_map<std::string, Peer> peers_;                                ///< by path
    std::list<std::string> strangers_;                                           ///< paths, heard longest ago first
    std::unordered_map<std::string, std::list<std::string>::iterator> in_line_;  ///< of strangers_
    std::unordered_map<std::string, Gatt> gatt_;                                 ///< by the device's path
    base::Timer retry_;
    std::uint64_t life_ = 0;  ///< of the daemon
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

/// "/org/bluez/hci0/dev_C4_7C_8D_00_00_01/service0010/char0011" is of the device ".../dev_C4_7C_8D_00_00_01"; "" for none.
std::string peer_path_of(std::string_view path);

}  // namespace adapters::ble
