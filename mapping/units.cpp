#include "mapping/units.hpp"

#include <algorithm>
#include <string>

namespace mapping {

namespace {

// Primary units first, then the secondary ones of RFC 8798 and later entries of the registry.
constexpr std::string_view units[] = {
    "m",     "kg",   "g",   "s",    "A",    "K",     "cd",   "mol",  "Hz",    "rad",  "sr",    "N",   "Pa",    "J",
    "W",     "C",    "V",   "F",    "Ohm",  "S",     "Wb",   "T",    "H",     "Cel",  "lm",    "lx",  "Bq",    "Gy",
    "Sv",    "kat",  "m2",  "m3",   "l",    "m/s",   "m/s2", "m3/s", "l/s",   "W/m2", "cd/m2", "bit", "bit/s", "lat",
    "lon",   "pH",   "dB",  "dBW",  "Bspl", "count", "/",    "%",    "%RH",   "%EL",  "EL",    "1/s", "1/min", "beat/min",
    "beats", "S/m",  "B",   "VA",   "VAs",  "var",   "vars", "J/m",  "kg/m3", "deg",  "NTU",   "ms",  "min",   "h",
    "MHz",   "kW",   "kVA", "kvar", "Ah",   "Wh",    "kWh",  "varh", "kvarh", "kVAh", "Wh/km", "KiB", "GB",    "Mbit/s",
    "B/s",   "MB/s", "mV",  "mA",   "dBm",  "ug/m3", "mm/h", "m/h",  "ppm",   "/100", "/1000", "hPa", "mm",    "cm",
    "km",    "km/h", "ppb", "ppt",  "VAh",  "mg/l",  "ug/l", "g/l"};

struct Spelling {
    std::string_view written, meant;
};
constexpr Spelling spellings[] = {
    {"°C", "Cel"},    {"ºC", "Cel"},      {"degC", "Cel"},    {"degree", "deg"}, {"°", "deg"},     {"Ω", "Ohm"},
    {"ohm", "Ohm"},   {"rh", "%RH"},      {"rH", "%RH"},      {"%rF", "%RH"},    {"percent", "%"}, {"celsius", "Cel"},
    {"lux", "lx"},    {"µg/m³", "ug/m3"}, {"ug/m³", "ug/m3"}, {"m³", "m3"},      {"m²", "m2"},     {"W/m²", "W/m2"},
    {"m³/s", "m3/s"}, {"volt", "V"},      {"ampere", "A"},    {"watt", "W"},     {"rpm", "1/min"}, {"mbar", "hPa"},
    {"second", "s"},  {"sec", "s"},       {"minute", "min"},  {"hour", "h"},     {"hours", "h"}};

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return result;
}

}  // namespace

bool is_senml_unit(std::string_view symbol) { return std::find(std::begin(units), std::end(units), symbol) != std::end(units); }

std::string_view senml_unit_like(std::string_view symbol) {
    for (const auto& [written, meant] : spellings)
        if (lower(written) == lower(symbol)) return meant;
    for (const auto unit : units)
        if (lower(unit) == lower(symbol)) return unit;
    return {};
}

}  // namespace mapping
