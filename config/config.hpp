#pragma once

#include "config/secrets.hpp"
#include "gateway/base/node.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

/// The site's folder: gateway.yaml, devices.d/*.yaml, profiles/. No meaning of devices here, that is mapping's.
namespace config {

enum class Security : std::uint8_t { psk, nosec };
struct Server {
    std::string name, uri;
    Security security = Security::psk;
    std::string identity;
    base::Bytes key;
    std::chrono::seconds lifetime{300};                 ///< 15 s … 30 d; 0 is refused
    std::uint16_t short_id = 1;                         ///< 1, 2 … in the order of the file
    std::chrono::seconds min_period{0}, max_period{0};  ///< defaults of its observations; max 0: none
    bool storing = true;                                ///< what it misses while it is away is kept
    bool confirmable = false, queue = false, register_on_join = false;
    std::optional<std::uint32_t> order;  ///< registered with in ascending order
    std::chrono::seconds delay{0};       ///< before the first attempt
    bool blocks = false;                 ///< those after it in order wait until it is there
    struct Retry {
        std::optional<std::uint32_t> count, timer, pause, sequences;  ///< timer and pause in seconds
    } retry;
    std::string profile_id;
    std::uint8_t rights = 31;  ///< to the gateway's own objects; bits 1 read, 2 write, 4 execute, 8 delete, 16 create
    struct Send {
        std::chrono::seconds every{0};
        std::vector<std::string> paths;  ///< "/3/0/9", "/PREFIX/3303", "/*/3303/0/5700"
        bool devices = true;
    } send;
    base::SourceLoc at;
};

struct Location {
    double latitude = 0, longitude = 0;  ///< degrees
    std::optional<double> altitude;      ///< metres
};
/// What object 3 says of the gateway; empty: what the program says of itself.
struct Device {
    std::string manufacturer, model, serial, hardware;
    bool factory_reset = false;  ///< a server may have what servers wrote forgotten
};

struct Site {
    std::string endpoint;  // `gateway:`
    bool access_covers_devices = false;
    std::optional<Location> location;
    Device device;
    std::vector<Server> servers;
    base::Node links;  // kind null when absent
    std::string log_level = "info";
    std::vector<base::Node> profiles;  // own ones first, then those of the shipped ones that were asked for
    std::vector<base::Node> devices;   // each file of devices.d
};

/// Every *.yaml below a folder, in name order; an absent folder is an empty one. Broken files are told and left out.
std::vector<base::Node> load_profiles(const std::string& folder, base::Diagnostics&);

/// The profiles that came with the program.
struct Shipped {
    std::string folder;  ///< "": none
    bool all = false;    ///< else those that the site's files name, since reading all costs more than the rest of a start
    std::vector<std::string> also;  ///< named elsewhere: "acme/em24@3"
};

/// Reads everything below `folder`, and of the shipped profiles what is needed: each from its `<maker>/<model>.yaml`, or
/// all of them when a name is not found so. All mistakes go to the diagnostics; nothing returned means that gateway.yaml
/// itself could not be understood. File names in messages are relative to `folder`.
std::optional<Site> load(const std::string& folder, const Shipped& shipped, const Secrets&, base::Diagnostics&);

}  // namespace config
