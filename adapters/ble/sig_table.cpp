#include "adapters/ble/sig_format.hpp"

#include <algorithm>

namespace adapters::ble {

namespace {

using enum SigType;

// -- Fields of measurements

constexpr SigField blood_pressure[] = {  // kPa, or mmHg, of which 760 are 101,325 Pa
    {"systolic", medfloat16, 2, "Pa", {1'000}, {}, 1, 1},
    {"systolic", medfloat16, 2, "Pa", {101'325, 760}, {}, 1, 0},
    {"diastolic", medfloat16, 2, "Pa", {1'000}, {}, 1, 1},
    {"diastolic", medfloat16, 2, "Pa", {101'325, 760}, {}, 1, 0},
    {"mean", medfloat16, 2, "Pa", {1'000}, {}, 1, 1},
    {"mean", medfloat16, 2, "Pa", {101'325, 760}, {}, 1, 0},
    {"time", date_time, 7, "s", {}, {}, 2, 2},
    {"pulse", medfloat16, 2, "beat/min", {}, {}, 4, 4},
    {"user", number, 1, "", {}, 0xFF, 8, 8},
    {"status", number, 2, "", {}, {}, 16, 16}};
constexpr SigField temperature_measurement[] = {{"temperature", medfloat32, 4, "Cel", {}, {}, 1, 0},
                                                {"temperature", medfloat32, 4, "Cel", {5, 9, -160}, {}, 1, 1},  // Fahrenheit
                                                {"time", date_time, 7, "s", {}, {}, 2, 2},
                                                {"type", number, 1, "", {}, {}, 4, 4}};
constexpr SigField heart_rate[] = {{"rate", number, 1, "beat/min", {}, {}, 1, 0},
                                   {"rate", number, 2, "beat/min", {}, {}, 1, 1},
                                   {"contact", flag, 0, "", {}, {}, 4, 4, 1},
                                   {"energy", number, 2, "J", {1'000}, {}, 8, 8},
                                   {"rr_interval", number, 2, "s", {1, 1'024}, {}, 16, 16}};
constexpr SigField weight_measurement[] = {
    {"weight", number, 2, "kg", {5, 1'000}, 0xFFFF, 1, 0},
    {"weight", number, 2, "kg", {45'359'237, 10'000'000'000}, 0xFFFF, 1, 1},  // 0.01 pounds
    {"time", date_time, 7, "s", {}, {}, 2, 2},
    {"user", number, 1, "", {}, 0xFF, 4, 4},
    {"bmi", number, 2, "", {1, 10}, {}, 8, 8},
    {"height", number, 2, "m", {1, 1'000}, {}, 9, 8},
    {"height", number, 2, "m", {254, 100'000}, {}, 9, 9}};  // 0.1 inches
constexpr SigField pulse_oximeter[] = {{"spo2", medfloat16, 2, "%"}, {"pulse", medfloat16, 2, "beat/min"}};
constexpr SigField running[] = {{"speed", number, 2, "m/s", {1, 256}},
                                {"cadence", number, 1, "1/min"},
                                {"stride", number, 2, "m", {1, 100}, {}, 1, 1},
                                {"distance", number, 4, "m", {1, 10}, {}, 2, 2},
                                {"running", flag, 0, "", {}, {}, 0, 0, 2}};
constexpr SigField cycling[] = {{"wheel_turns", number, 4, "count", {}, {}, 1, 1},
                                {"wheel_time", number, 2, "s", {1, 1'024}, {}, 1, 1},
                                {"crank_turns", number, 2, "count", {}, {}, 2, 2},
                                {"crank_time", number, 2, "s", {1, 1'024}, {}, 2, 2}};
constexpr SigField battery_status[] = {{"power_state", number, 2},
                                       {"identifier", number, 2, "", {}, {}, 1, 1},
                                       {"level", number, 1, "%", {}, {}, 2, 2},
                                       {"status", number, 1, "", {}, {}, 4, 4}};

// -- Fields of the rest

constexpr SigField text_field[] = {{"text", text, 0}};
constexpr SigField level[] = {{"level", number, 1, "%"}};
constexpr SigField plain_8[] = {{"value", number, 1}};
constexpr SigField plain_16[] = {{"value", number, 2}};
constexpr SigField plain_32[] = {{"value", number, 4}};
constexpr SigField truth[] = {{"value", boolean, 1}};
constexpr SigField power_level[] = {{"power", signed_number, 1, "dBm"}};
constexpr SigField date_and_time[] = {{"time", date_time, 7, "s"}};
constexpr SigField day_and_time[] = {{"time", day_date_time, 8, "s"}};
constexpr SigField exact_time[] = {{"time", day_date_time, 8, "s"}, {"fraction", number, 1, "s", {1, 256}}};
constexpr SigField current_time[] = {
    {"time", day_date_time, 8, "s"}, {"fraction", number, 1, "s", {1, 256}}, {"reason", number, 1}};
constexpr SigField local_time[] = {{"zone", signed_number, 1, "s", {900}, -128}, {"dst", number, 1, "s", {900}, 0xFF}};
constexpr SigField interval[] = {{"interval", number, 2, "s"}};
constexpr SigField system_id[] = {{"manufacturer", number, 5}, {"organization", number, 3}};
constexpr SigField pnp_id[] = {{"source", number, 1}, {"vendor", number, 2}, {"product", number, 2}, {"version", number, 2}};
constexpr SigField date_utc[] = {{"date", number, 3, "s", {86'400}, 0}};
constexpr SigField temperature[] = {{"temperature", signed_number, 2, "Cel", {1, 100}, -0x8000}};
constexpr SigField temperature_8[] = {{"temperature", signed_number, 1, "Cel", {1, 2}, 0x7F}};
constexpr SigField whole_degrees[] = {{"temperature", signed_number, 1, "Cel"}};
constexpr SigField humidity[] = {{"humidity", number, 2, "%RH", {1, 100}, 0xFFFF}};
constexpr SigField pressure[] = {{"pressure", number, 4, "Pa", {1, 10}}};
constexpr SigField elevation[] = {{"elevation", signed_number, 3, "m", {1, 100}}};
constexpr SigField wind_speed[] = {{"speed", number, 2, "m/s", {1, 100}}};
constexpr SigField direction[] = {{"direction", number, 2, "deg", {1, 100}}};
constexpr SigField gust[] = {{"factor", number, 1, "", {1, 10}}};
constexpr SigField pollen[] = {{"concentration", number, 3}};  // grains per m³, which SenML has not
constexpr SigField irradiance[] = {{"irradiance", number, 2, "W/m2", {1, 10}}};
constexpr SigField rainfall[] = {{"rainfall", number, 2, "m", {1, 1'000}}};
constexpr SigField flux_2d[] = {{"x", signed_number, 2, "T", {1, 10'000'000}}, {"y", signed_number, 2, "T", {1, 10'000'000}}};
constexpr SigField flux_3d[] = {{"x", signed_number, 2, "T", {1, 10'000'000}},
                                {"y", signed_number, 2, "T", {1, 10'000'000}},
                                {"z", signed_number, 2, "T", {1, 10'000'000}}};
constexpr SigField gas_mass[] = {{"concentration", medfloat16, 2, "kg/m3"}};
constexpr SigField co2[] = {{"concentration", number, 2, "ppm", {}, 0xFFFF}};
constexpr SigField illuminance[] = {{"illuminance", number, 3, "lx", {1, 100}, 0xFFFFFF}};
constexpr SigField luminous_flux[] = {{"flux", number, 2, "lm", {}, 0xFFFF}};
constexpr SigField luminous_intensity[] = {{"intensity", number, 2, "cd", {}, 0xFFFF}};
constexpr SigField color_temperature[] = {{"temperature", number, 2, "K", {}, 0xFFFF}};
constexpr SigField current[] = {{"current", number, 2, "A", {1, 100}, 0xFFFF}};
constexpr SigField current_range[] = {{"minimum", number, 2, "A", {1, 100}, 0xFFFF},
                                      {"maximum", number, 2, "A", {1, 100}, 0xFFFF}};
constexpr SigField current_specification[] = {{"minimum", number, 2, "A", {1, 100}, 0xFFFF},
                                              {"typical", number, 2, "A", {1, 100}, 0xFFFF},
                                              {"maximum", number, 2, "A", {1, 100}, 0xFFFF}};
constexpr SigField voltage[] = {{"voltage", number, 2, "V", {1, 64}, 0xFFFF}};
constexpr SigField voltage_specification[] = {{"minimum", number, 2, "V", {1, 64}, 0xFFFF},
                                              {"typical", number, 2, "V", {1, 64}, 0xFFFF},
                                              {"maximum", number, 2, "V", {1, 64}, 0xFFFF}};
constexpr SigField energy[] = {{"energy", number, 3, "Wh", {1'000}, 0xFFFFFF}};
constexpr SigField power[] = {{"power", number, 3, "W", {1, 10}, 0xFFFFFF}};
constexpr SigField volume_flow[] = {{"flow", number, 2, "l/s", {}, 0xFFFF}};
constexpr SigField percentage[] = {{"percentage", number, 1, "%", {1, 2}, 0xFF}};
constexpr SigField count_16[] = {{"count", number, 2, "count", {}, 0xFFFF}};
constexpr SigField count_24[] = {{"count", number, 3, "count", {}, 0xFFFFFF}};
constexpr SigField temperature_range[] = {{"minimum", signed_number, 2, "Cel", {1, 100}, -0x8000},
                                          {"maximum", signed_number, 2, "Cel", {1, 100}, -0x8000}};
constexpr SigField decihours[] = {{"time", number, 1, "h", {1, 10}, 0xFF}};
constexpr SigField hours[] = {{"time", number, 3, "h", {}, 0xFFFFFF}};
constexpr SigField milliseconds[] = {{"time", number, 3, "s", {1, 1'000}, 0xFFFFFF}};
constexpr SigField seconds_16[] = {{"time", number, 2, "s", {}, 0xFFFF}};
constexpr SigField seconds_8[] = {{"time", number, 1, "s", {}, 0xFF}};
constexpr SigField beats[] = {{"rate", number, 1, "beat/min"}};
constexpr SigField length[] = {{"length", number, 2, "m", {1, 100}}};
constexpr SigField weight[] = {{"weight", number, 2, "kg", {5, 1'000}}};

constexpr SigFormat table[] = {
    {0x2A00, "Device Name", 0, text_field},
    {0x2A01, "Appearance", 0, plain_16},
    {0x2A06, "Alert Level", 0, plain_8},
    {0x2A07, "Tx Power Level", 0, power_level},
    {0x2A08, "Date Time", 0, date_and_time},
    {0x2A09, "Day of Week", 0, plain_8},
    {0x2A0A, "Day Date Time", 0, day_and_time},
    {0x2A0C, "Exact Time 256", 0, exact_time},
    {0x2A0F, "Local Time Information", 0, local_time},
    {0x2A19, "Battery Level", 0, level},
    {0x2A1C, "Temperature Measurement", 1, temperature_measurement},
    {0x2A1D, "Temperature Type", 0, plain_8},
    {0x2A1E, "Intermediate Temperature", 1, temperature_measurement},
    {0x2A21, "Measurement Interval", 0, interval},
    {0x2A23, "System ID", 0, system_id},
    {0x2A24, "Model Number String", 0, text_field},
    {0x2A25, "Serial Number String", 0, text_field},
    {0x2A26, "Firmware Revision String", 0, text_field},
    {0x2A27, "Hardware Revision String", 0, text_field},
    {0x2A28, "Software Revision String", 0, text_field},
    {0x2A29, "Manufacturer Name String", 0, text_field},
    {0x2A2B, "Current Time", 0, current_time},
    {0x2A2C, "Magnetic Declination", 0, direction},
    {0x2A35, "Blood Pressure Measurement", 1, blood_pressure},
    {0x2A36, "Intermediate Cuff Pressure", 1, blood_pressure},
    {0x2A37, "Heart Rate Measurement", 1, heart_rate},
    {0x2A38, "Body Sensor Location", 0, plain_8},
    {0x2A39, "Heart Rate Control Point", 0, plain_8},
    {0x2A3D, "String", 0, text_field},
    {0x2A50, "PnP ID", 0, pnp_id},
    {0x2A53, "RSC Measurement", 1, running},
    {0x2A5B, "CSC Measurement", 1, cycling},
    {0x2A5E, "PLX Spot-Check Measurement", 1, pulse_oximeter},
    {0x2A5F, "PLX Continuous Measurement", 1, pulse_oximeter},
    {0x2A6C, "Elevation", 0, elevation},
    {0x2A6D, "Pressure", 0, pressure},
    {0x2A6E, "Temperature", 0, temperature},
    {0x2A6F, "Humidity", 0, humidity},
    {0x2A70, "True Wind Speed", 0, wind_speed},
    {0x2A71, "True Wind Direction", 0, direction},
    {0x2A72, "Apparent Wind Speed", 0, wind_speed},
    {0x2A73, "Apparent Wind Direction", 0, direction},
    {0x2A74, "Gust Factor", 0, gust},
    {0x2A75, "Pollen Concentration", 0, pollen},
    {0x2A76, "UV Index", 0, plain_8},
    {0x2A77, "Irradiance", 0, irradiance},
    {0x2A78, "Rainfall", 0, rainfall},
    {0x2A79, "Wind Chill", 0, whole_degrees},
    {0x2A7A, "Heat Index", 0, whole_degrees},
    {0x2A7B, "Dew Point", 0, whole_degrees},
    {0x2A80, "Age", 0, plain_8},
    {0x2A8D, "Heart Rate Max", 0, beats},
    {0x2A8E, "Height", 0, length},
    {0x2A8F, "Hip Circumference", 0, length},
    {0x2A92, "Resting Heart Rate", 0, beats},
    {0x2A97, "Waist Circumference", 0, length},
    {0x2A98, "Weight", 0, weight},
    {0x2A9A, "User Index", 0, plain_8},
    {0x2A9D, "Weight Measurement", 1, weight_measurement},
    {0x2A9E, "Weight Scale Feature", 0, plain_32},
    {0x2AA0, "Magnetic Flux Density - 2D", 0, flux_2d},
    {0x2AA1, "Magnetic Flux Density - 3D", 0, flux_3d},
    {0x2AA3, "Barometric Pressure Trend", 0, plain_8},
    {0x2AE2, "Boolean", 0, truth},
    {0x2AE9, "Correlated Color Temperature", 0, color_temperature},
    {0x2AEA, "Count 16", 0, count_16},
    {0x2AEB, "Count 24", 0, count_24},
    {0x2AED, "Date UTC", 0, date_utc},
    {0x2AEE, "Electric Current", 0, current},
    {0x2AEF, "Electric Current Range", 0, current_range},
    {0x2AF0, "Electric Current Specification", 0, current_specification},
    {0x2AF2, "Energy", 0, energy},
    {0x2AFB, "Illuminance", 0, illuminance},
    {0x2AFF, "Luminous Flux", 0, luminous_flux},
    {0x2B01, "Luminous Intensity", 0, luminous_intensity},
    {0x2B04, "Percentage 8", 0, percentage},
    {0x2B05, "Power", 0, power},
    {0x2B0D, "Temperature 8", 0, temperature_8},
    {0x2B10, "Temperature Range", 0, temperature_range},
    {0x2B12, "Time Decihour 8", 0, decihours},
    {0x2B14, "Time Hour 24", 0, hours},
    {0x2B15, "Time Millisecond 24", 0, milliseconds},
    {0x2B16, "Time Second 16", 0, seconds_16},
    {0x2B17, "Time Second 8", 0, seconds_8},
    {0x2B18, "Voltage", 0, voltage},
    {0x2B19, "Voltage Specification", 0, voltage_specification},
    {0x2B1B, "Volume Flow", 0, volume_flow},
    {0x2B8C, "CO2 Concentration", 0, co2},
    {0x2BCF, "Ammonia Concentration", 0, gas_mass},
    {0x2BD0, "Carbon Monoxide Concentration", 0, gas_mass},
    {0x2BD1, "Methane Concentration", 0, gas_mass},
    {0x2BD2, "Nitrogen Dioxide Concentration", 0, gas_mass},
    {0x2BD3, "Non-Methane Volatile Organic Compounds Concentration", 0, gas_mass},
    {0x2BD4, "Ozone Concentration", 0, gas_mass},
    {0x2BD5, "Particulate Matter - PM1 Concentration", 0, gas_mass},
    {0x2BD6, "Particulate Matter - PM2.5 Concentration", 0, gas_mass},
    {0x2BD7, "Particulate Matter - PM10 Concentration", 0, gas_mass},
    {0x2BD8, "Sulfur Dioxide Concentration", 0, gas_mass},
    {0x2BD9, "Sulfur Hexafluoride Concentration", 0, gas_mass},
    {0x2BED, "Battery Level Status", 1, battery_status},
};
static_assert(std::is_sorted(std::begin(table), std::end(table), [](const auto& a, const auto& b) { return a.uuid < b.uuid; }));

}  // namespace

std::span<const SigFormat> sig_formats() { return table; }

const SigFormat* sig_format(const Uuid& uuid) {
    const auto number = uuid.short_form();
    if (!number) return nullptr;
    const auto found = std::lower_bound(std::begin(table), std::end(table), *number,
                                        [](const SigFormat& format, std::uint16_t its) { return format.uuid < its; });
    return found != std::end(table) && found->uuid == *number ? &*found : nullptr;
}

}  // namespace adapters::ble
