#include "lwm2m/object_catalog.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <limits>
#include <span>
#include <stdexcept>

/// The objects that this gateway serves or that a mapping may name. Ids, types and operations are those of the public
/// registry (newest versions, February 2024); the words are ours. tests/unit/lwm2m/catalog_registry_test compares.
namespace lwm2m {

namespace {

constexpr double open = std::numeric_limits<double>::quiet_NaN();  // no limit on this side
constexpr double id_max = 65534;

constexpr Type S = Type::string, I = Type::integer, U = Type::unsigned_integer, F = Type::floating, B = Type::boolean,
               O = Type::opaque, T = Type::time, L = Type::objlnk, C = Type::corelnk, X = Type::none;

struct Resource {
    ResourceId id;
    const char* name;
    const char* flags;  // R W E; m: several instances; !: mandatory
    Type type;
    double least = open, most = open;
    const char* unit = "";
};

struct CoreObject {
    ObjectId id;
    const char* name;
    Version version, enabler;
    const char* flags;  // m: several instances; !: mandatory
    std::span<const Resource> resources;
};

// An object of the reusable resources below: their ids, `!` behind a mandatory one, and groups by name.
struct IpsoObject {
    ObjectId id;
    const char* name;
    Version version;
    const char* resources;
};

// clang-format off
constexpr Resource server[] = {
    {0,  "short server id",             "R!",  I, 1, id_max},
    {1,  "lifetime",                    "RW!", I, open, open, "s"},
    {2,  "default minimum period",      "RW",  I, open, open, "s"},
    {3,  "default maximum period",      "RW",  I, open, open, "s"},
    {4,  "disable",                     "E",   X},
    {5,  "disable timeout",             "RW",  I, open, open, "s"},
    {6,  "store notifications while away", "RW!", B},
    {7,  "binding",                     "RW!", S},
    {8,  "update the registration now", "E!",  X},
    {9,  "bootstrap now",               "E",   X},
    {10, "apn link",                    "RW",  L},
    {11, "last tls alert",              "R",   U, 0, 255},
    {12, "last bootstrapped",           "R",   T},
    {13, "registration order",          "R",   U},
    {14, "initial registration delay",  "RW",  U, open, open, "s"},
    {15, "registration failure blocks the next", "R", B},
    {16, "bootstrap on registration failure", "R", B},
    {17, "retries in a sequence",       "RW",  U},
    {18, "first retry delay",           "RW",  U, open, open, "s"},
    {19, "delay between sequences",     "RW",  U, open, open, "s"},
    {20, "sequences",                   "RW",  U},
    {21, "sms trigger",                 "RW",  B},
    {22, "preferred transport",         "RW",  S},
    {23, "mute send",                   "RW",  B},
    {24, "other apn links",             "RWm", L},
    {25, "server versions",             "RWm", S},
    {26, "confirmable notifications",   "RW",  I, 0, 1},
    {27, "profile id hash",             "RW",  U, 0, 255},
};
constexpr Resource device[] = {
    {0,  "manufacturer",      "R",   S},
    {1,  "model",             "R",   S},
    {2,  "serial number",     "R",   S},
    {3,  "firmware version",  "R",   S},
    {4,  "reboot",            "E!",  X},
    {5,  "factory reset",     "E",   X},
    {6,  "power sources",     "Rm",  I, 0, 7},
    {7,  "source voltages",   "Rm",  I},
    {8,  "source currents",   "Rm",  I},
    {9,  "battery level",     "R",   I, 0, 100, "/100"},
    {10, "memory free",       "R",   I},
    {11, "error codes",       "Rm!", I, 0, 32},
    {12, "reset error codes", "E",   X},
    {13, "current time",      "RW",  T},
    {14, "utc offset",        "RW",  S},
    {15, "time zone",         "RW",  S},
    {16, "bindings",          "R!",  S},
    {17, "device type",       "R",   S},
    {18, "hardware version",  "R",   S},
    {19, "software version",  "R",   S},
    {20, "battery status",    "R",   I, 0, 6},
    {21, "memory total",      "R",   I},
    {22, "further device information", "Rm", L},
};
constexpr Resource connectivity[] = {
    {0,  "bearer in use",       "R!",  I, 0, 50},
    {1,  "bearers",             "Rm!", I, 0, 50},
    {2,  "signal strength",     "R!",  I, open, open, "dBm"},
    {3,  "link quality",        "R",   I},
    {4,  "ip addresses",        "Rm!", S},
    {5,  "router addresses",    "Rm",  S},
    {6,  "link utilization",    "R",   I, 0, 100, "/100"},
    {7,  "apn",                 "Rm",  S},
    {8,  "cell id",             "R",   I},
    {9,  "network code",        "R",   I, 0, 999},
    {10, "country code",        "R",   I, 0, 999},
    {11, "signal to noise",     "R",   I, open, open, "dB"},
    {12, "location area code",  "R",   I},
    {13, "coverage enhancement", "R",  I, 0, 4},
};
constexpr Resource firmware[] = {
    {0,  "package",            "W!",  O},
    {1,  "package uri",        "RW!", S, 0, 255},
    {2,  "update",             "E!",  X},
    {3,  "state",              "R!",  I, 0, 3},
    {5,  "result",             "R!",  I, 0, 11},
    {6,  "package name",       "R",   S, 0, 255},
    {7,  "package version",    "R",   S, 0, 255},
    {8,  "download protocols", "Rm",  I, 0, 5},
    {9,  "delivery method",    "R!",  I, 0, 2},
    {10, "cancel",             "E",   X},
    {11, "severity",           "RW",  I, 0, 2},
    {12, "last state change",  "R",   T},
    {13, "longest deferral",   "RW",  U, open, open, "s"},
    {14, "update when downloaded", "RW", B},
};
constexpr Resource location[] = {
    {0, "latitude",  "R!", F, open, open, "lat"},
    {1, "longitude", "R!", F, open, open, "lon"},
    {2, "altitude",  "R",  F, open, open, "m"},
    {3, "radius",    "R",  F, open, open, "m"},
    {4, "velocity",  "R",  O},
    {5, "time of the fix", "R!", T},
    {6, "speed",     "R",  F, open, open, "m/s"},
};
constexpr Resource statistics[] = {
    {0, "sms sent",         "R",  I},
    {1, "sms received",     "R",  I},
    {2, "data sent",        "R",  I},
    {3, "data received",    "R",  I},
    {4, "largest message",  "R",  I, open, open, "B"},
    {5, "average message",  "R",  I, open, open, "B"},
    {6, "start collecting", "E!", X},
    {7, "stop collecting",  "E!", X},
    {8, "collection period", "RW", I, open, open, "s"},
};
constexpr Resource access[] = {
    {0, "object",          "R!",  I, 1, id_max},
    {1, "instance",        "R!",  I, 0, 65535},
    {2, "rights",          "RWm", I, 0, 31},
    {3, "owner",           "RW!", I, 0, 65535},
};
constexpr Resource portfolio[] = {
    {0, "identity",            "RWm!", S},
    {1, "make the credential", "E",    X},
    {2, "credential",          "Rm",   O},
    {3, "credential state",    "R",    I, 0, 2},
};
constexpr Resource gateway[] = {  // version 2.0, OMA LwM2M Gateway 1.1
    {0, "device id", "R!", S},
    {1, "prefix",    "R!", S},
    {3, "objects of the device", "R!", C},
};

constexpr CoreObject core_objects[] = {
    {1,  "LwM2M Server",            {1, 2}, {1, 2}, "m!", server},
    {2,  "LwM2M Access Control",    {1, 1}, {1, 0}, "m",  access},
    {3,  "Device",                  {1, 2}, {1, 1}, "!",  device},
    {4,  "Connectivity Monitoring", {1, 3}, {1, 1}, "",   connectivity},
    {5,  "Firmware Update",         {1, 2}, {1, 1}, "",   firmware},
    {6,  "Location",                {1, 0}, {1, 0}, "",   location},
    {7,  "Connectivity Statistics", {1, 0}, {1, 0}, "",   statistics},
    {16, "Portfolio",               {1, 0}, {1, 0}, "m",  portfolio},
    {25, "LwM2M Gateway",           {2, 0}, {1, 1}, "m",  gateway},
};

// IPSO's resources mean the same in every object.
constexpr Resource reusable[] = {
    {5500, "digital input",               "R",  B},
    {5501, "count",                       "R",  I},
    {5502, "inverted input",              "RW", B},
    {5503, "debounce time",               "RW", I, open, open, "ms"},
    {5504, "counted edges",               "RW", I, 1, 3},
    {5505, "reset the count",             "E",  X},
    {5506, "current time",                "RW", T},
    {5507, "fraction of the second",      "RW", F, 0, 1, "s"},
    {5508, "least x",                     "R",  F},
    {5509, "greatest x",                  "R",  F},
    {5510, "least y",                     "R",  F},
    {5511, "greatest y",                  "R",  F},
    {5512, "least z",                     "R",  F},
    {5513, "greatest z",                  "R",  F},
    {5517, "velocity",                    "R",  O},
    {5518, "time of measurement",         "R",  T},
    {5519, "lower limit",                 "R",  F},
    {5520, "upper limit",                 "R",  F},
    {5521, "delay",                       "RW", F, open, open, "s"},
    {5522, "audio clip",                  "RW", O},
    {5523, "trigger",                     "E",  X},
    {5524, "duration",                    "RW", F, open, open, "s"},
    {5525, "least off time",              "RW", F, open, open, "s"},
    {5526, "timer mode",                  "RW", I, 0, 4},
    {5527, "text",                        "RW", S},
    {5528, "x position",                  "RW", I},
    {5529, "y position",                  "RW", I},
    {5530, "clear the display",           "E",  X},
    {5531, "contrast",                    "RW", F, 0, 100, "/100"},
    {5532, "up input",                    "R",  B},
    {5533, "down input",                  "R",  B},
    {5534, "timer count",                 "RW", I},
    {5536, "position",                    "RW", F, 0, 100, "/100"},
    {5537, "transition time",             "RW", F, open, open, "s"},
    {5538, "time left",                   "R",  F, open, open, "s"},
    {5541, "up count",                    "RW", I},
    {5542, "down count",                  "RW", I},
    {5543, "digital state",               "R",  B},
    {5544, "cumulative time",             "RW", F, open, open, "s"},
    {5545, "greatest x position",         "R",  I},
    {5546, "greatest y position",         "R",  I},
    {5547, "selected state",              "R",  I},
    {5548, "level",                       "RW", F, 0, 100, "/100"},
    {5550, "digital output",              "RW", B},
    {5551, "inverted output",             "RW", B},
    {5600, "analog input",                "R",  F},
    {5601, "least measured value",        "R",  F},
    {5602, "greatest measured value",     "R",  F},
    {5603, "lower end of the range",      "R",  F},
    {5604, "upper end of the range",      "R",  F},
    {5605, "reset least and greatest value", "E", X},
    {5650, "analog output",               "RW", F, 0, 1},
    {5700, "measured value",              "R",  F},
    {5701, "unit",                        "R",  S},
    {5702, "x value",                     "R",  F},
    {5703, "y value",                     "R",  F},
    {5704, "z value",                     "R",  F},
    {5705, "compass direction",           "R",  F, 0, 360, "deg"},
    {5706, "colour",                      "RW", S},
    {5750, "application",                 "RW", S},
    {5751, "kind of sensor",              "R",  S},
    {5800, "active power",                "R",  F, open, open, "W"},
    {5801, "least active power",          "R",  F, open, open, "W"},
    {5802, "greatest active power",       "R",  F, open, open, "W"},
    {5803, "lower end of active power",   "R",  F, open, open, "W"},
    {5804, "upper end of active power",   "R",  F, open, open, "W"},
    {5805, "active energy",               "R",  F, open, open, "Wh"},
    {5806, "active power calibration",    "W",  F, open, open, "W"},
    {5810, "reactive power",              "R",  F, open, open, "var"},
    {5811, "least reactive power",        "R",  F, open, open, "var"},
    {5812, "greatest reactive power",     "R",  F, open, open, "var"},
    {5813, "lower end of reactive power", "R",  F, open, open, "var"},
    {5814, "upper end of reactive power", "R",  F, open, open, "var"},
    {5815, "reactive energy",             "R",  F, open, open, "varh"},
    {5816, "reactive power calibration",  "W",  F, open, open, "var"},
    {5820, "power factor",                "R",  F},
    {5821, "calibration coefficient",     "RW", F},
    {5822, "reset the energy",            "E",  X},
    {5823, "event id",                    "RW", S},
    {5824, "start time",                  "RW", T},
    {5825, "duration in minutes",         "RW", I, open, open, "min"},
    {5826, "criticality",                 "RW", I, 0, 3},
    {5827, "load adjustment",             "RW", I, 0, 100, "/100"},
    {5828, "duty cycle",                  "RW", I, 0, 100, "/100"},
    {5850, "on",                          "RW", B},
    {5851, "dimmer",                      "RW", I, 0, 100, "/100"},
    {5852, "time on",                     "RW", I, open, open, "s"},
    {5853, "output state",                "RW", S},
    {5854, "time off",                    "RW", I, open, open, "s"},
    {5900, "set point",                   "RW", F},
    {5903, "busy to clear delay",         "RW", I, open, open, "ms"},
    {5904, "clear to busy delay",         "RW", I, open, open, "ms"},
    {6042, "quality indicator",           "R",  I, 0, 23},
    {6049, "quality level",               "R",  I, 0, 100},
    {6050, "fraction of the time of measurement", "R", F, 0, 1, "s"},
    {6051, "latitude",                    "R",  F, open, open, "lat"},
    {6052, "longitude",                   "R",  F, open, open, "lon"},
    {6053, "uncertainty",                 "R",  F, open, open, "m"},
};

struct Group { std::string_view name, resources; };
constexpr Group groups[] = {
    {"time",     "5518 6050"},
    {"quality",  "6042 6049"},
    {"measured", "5601 5602 5605"},
    {"range",    "5603 5604"},
};
// What every plain sensor has beside its value.
constexpr char sensor[] = "5700! 5701 5750 measured range time quality";
constexpr char adjustable_sensor[] = "5700! 5701 5750 5821 measured range time quality";

constexpr IpsoObject ipso_objects[] = {
    {3200, "Digital Input",       {1, 1}, "5500! 5501 5502 5503 5504 5505 5750 5751 time"},
    {3201, "Digital Output",      {1, 1}, "5550! 5551 5750 time"},
    {3202, "Analog Input",        {1, 1}, "5600! 5750 5751 measured range time quality"},
    {3203, "Analog Output",       {1, 1}, "5650! 5750 range time"},
    {3300, "Generic Sensor",      {1, 1}, "5700! 5701 5750 5751 measured range time quality"},
    {3301, "Illuminance",         {1, 1}, sensor},
    {3302, "Presence",            {1, 1}, "5500! 5501 5505 5750 5751 5903 5904 time quality"},
    {3303, "Temperature",         {1, 1}, sensor},
    {3304, "Humidity",            {1, 1}, sensor},
    {3305, "Power Measurement",   {1, 1}, "5800! 5801 5802 5803 5804 5805 5806 5810 5811 5812 5813 5814 5815 5816 5820 5821 5822 "
                                          "5605 5750 time quality"},
    {3306, "Actuation",           {1, 1}, "5850! 5851 5852 5853 5750 time"},
    {3308, "Set Point",           {1, 1}, "5900! 5701 5706 5750 time"},
    {3310, "Load Control",        {1, 1}, "5823! 5824! 5825! 5826 5827 5828 5750 time"},
    {3311, "Light Control",       {1, 0}, "5850! 5851 5852 5701 5706 5750 5805 5820"},
    {3312, "Power Control",       {1, 1}, "5850! 5851 5852 5750 5805 5820 time"},
    {3313, "Accelerometer",       {1, 1}, "5702! 5703 5704 5701 5750 range time quality"},
    {3314, "Magnetometer",        {1, 1}, "5702! 5703 5704 5701 5705 5750 time quality"},
    {3315, "Barometer",           {1, 1}, sensor},
    {3316, "Voltage",             {1, 1}, adjustable_sensor},
    {3317, "Current",             {1, 1}, adjustable_sensor},
    {3318, "Frequency",           {1, 1}, adjustable_sensor},
    {3319, "Depth",               {1, 1}, adjustable_sensor},
    {3320, "Percentage",          {1, 1}, adjustable_sensor},
    {3321, "Altitude",            {1, 1}, adjustable_sensor},
    {3322, "Load",                {1, 1}, adjustable_sensor},
    {3323, "Pressure",            {1, 1}, adjustable_sensor},
    {3324, "Loudness",            {1, 1}, adjustable_sensor},
    {3325, "Concentration",       {1, 1}, adjustable_sensor},
    {3326, "Acidity",             {1, 1}, adjustable_sensor},
    {3327, "Conductivity",        {1, 1}, adjustable_sensor},
    {3328, "Power",               {1, 1}, adjustable_sensor},
    {3329, "Power Factor",        {1, 1}, adjustable_sensor},
    {3330, "Distance",            {1, 1}, adjustable_sensor},
    {3331, "Energy",              {1, 1}, "5700! 5701 5750 5822 time quality"},
    {3332, "Direction",           {1, 1}, "5705! 5750 measured time quality"},
    {3333, "Time",                {1, 1}, "5506! 5507 5750 quality"},
    {3334, "Gyrometer",           {1, 1}, "5702! 5703 5704 5508 5509 5510 5511 5512 5513 5605 5701 5750 range time quality"},
    {3335, "Colour",              {1, 1}, "5706! 5701 5750 time quality"},
    {3336, "Location",            {2, 0}, "6051! 6052! 6053 5517 5705 5750 time quality"},
    {3337, "Positioner",          {1, 1}, "5536! 5519 5520 5537 5538 5750 measured time"},
    {3338, "Buzzer",              {1, 1}, "5850! 5525! 5521 5548 5750 time"},
    {3339, "Audio Clip",          {1, 0}, "5522! 5523 5524 5548 5750"},
    {3340, "Timer",               {1, 0}, "5521! 5501 5523 5525 5526 5534 5538 5543 5544 5750 5850"},
    {3341, "Addressable Text Display", {1, 0}, "5527! 5528 5529 5530 5531 5545 5546 5548 5750"},
    {3342, "On/Off switch",       {1, 1}, "5500! 5501 5750 5852 5854 time"},
    {3343, "Dimmer",              {1, 0}, "5548! 5750 5852 5854"},
    {3344, "Up/Down Control",     {1, 0}, "5532! 5533! 5541 5542 5750"},
    {3345, "Multiple Axis Joystick", {1, 0}, "5500 5501 5702 5703 5704 5750"},
    {3346, "Rate",                {1, 1}, adjustable_sensor},
    {3347, "Push button",         {1, 1}, "5500! 5501 5750 time"},
    {3348, "Multi-state Selector", {1, 1}, "5547! 5750 time"},
};
// clang-format on

ResourceDef definition(const Resource& row) {
    const std::string_view flags = row.flags;
    const auto has = [flags](char flag) { return flags.find(flag) != std::string_view::npos; };
    ResourceDef resource;
    resource.id = row.id;
    resource.name = row.name;
    resource.readable = has('R');
    resource.writable = has('W');
    resource.executable = has('E');
    resource.multiple = has('m');
    resource.mandatory = has('!');
    resource.type = row.type;
    if (row.least == row.least) resource.least = row.least;
    if (row.most == row.most) resource.most = row.most;
    resource.unit = row.unit;
    return resource;
}

const Resource& reusable_resource(ResourceId id) {
    const auto* row = std::lower_bound(std::begin(reusable), std::end(reusable), id,
                                       [](const Resource& resource, ResourceId wanted) { return resource.id < wanted; });
    if (row == std::end(reusable) || row->id != id)
        throw std::logic_error(fmt::format("built-in objects name resource {}", id));
    return *row;
}

void add_resources(ObjectDef& object, std::string_view list) {
    while (!list.empty()) {
        const auto blank = list.find(' ');
        std::string_view word = list.substr(0, blank);
        list.remove_prefix(blank == std::string_view::npos ? list.size() : blank + 1);
        const auto* group =
            std::find_if(std::begin(groups), std::end(groups), [word](const Group& g) { return g.name == word; });
        if (group != std::end(groups)) {
            add_resources(object, group->resources);
            continue;
        }
        const bool mandatory = word.back() == '!';
        if (mandatory) word.remove_suffix(1);
        ResourceId id = 0;
        std::from_chars(word.data(), word.data() + word.size(), id);
        object.resources.push_back(definition(reusable_resource(id)));
        object.resources.back().mandatory = mandatory;
    }
}

}  // namespace

ObjectCatalog ObjectCatalog::builtin() {
    ObjectCatalog catalog;
    for (const CoreObject& row : core_objects) {
        const std::string_view flags = row.flags;
        ObjectDef object;
        object.id = row.id;
        object.name = row.name;
        object.version = row.version;
        object.enabler = row.enabler;
        object.multiple = flags.find('m') != std::string_view::npos;
        object.mandatory = flags.find('!') != std::string_view::npos;
        for (const Resource& resource : row.resources) object.resources.push_back(definition(resource));
        catalog.add(std::move(object));
    }
    for (const IpsoObject& row : ipso_objects) {
        ObjectDef object;
        object.id = row.id;
        object.name = row.name;
        object.version = row.version;
        object.multiple = true;
        add_resources(object, row.resources);
        catalog.add(std::move(object));
    }
    return catalog;
}

}  // namespace lwm2m
