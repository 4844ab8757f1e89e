#include "gateway/control/steps.hpp"

#include "mapping/conversion_rules.hpp"
#include "mapping/formula.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gateway::control {

std::string_view name(mapping::Quality quality) {
    switch (quality) {
        case mapping::Quality::never: return "never read";
        case mapping::Quality::not_available: return "not available";
        case mapping::Quality::rejected: return "rejected";
        case mapping::Quality::old: return "old";
        case mapping::Quality::good: return "good";
    }
    return "?";
}

std::vector<std::string> paths_of(const mapping::DeviceType& type, std::uint16_t point) {
    std::vector<std::string> paths;
    for (const auto& resource : type.resources)
        if (resource.source == mapping::Source::point && resource.number == point)
            paths.push_back(resource.path.str().substr(1));
    return paths;
}

std::vector<std::string> steps(const mapping::DeviceType& type, std::uint16_t number, const adapters::Adapter::Raw& raw,
                               const mapping::Reading& reading) {
    const auto& point = type.points[number];
    const auto& rules = point.conversion.rules();
    std::vector<std::string> out;
    if (raw.value) {
        std::string as = raw.taken_as;
        if (as.empty() && rules.kind) as = adapters::name(*rules.kind);
        out.push_back(as.empty() ? mapping::scalar_text(*raw.value)
                                 : fmt::format("{} {}", as, mapping::scalar_text(*raw.value)));
        const auto taken = point.conversion.take(*raw.value);
        if (!taken) {
            out.push_back(taken.error().message);
        } else if (!taken->there) {
            out.emplace_back("the device says: not available");
        } else {
            if (rules.bits)
                out.push_back(rules.single_bit ? fmt::format("bit {}", rules.bits->first)
                                               : fmt::format("bits {} to {}", rules.bits->first, rules.bits->second));
            if (!rules.map.empty()) out.push_back(fmt::format("map {}", mapping::scalar_text(taken->value)));
            if (rules.scale) out.push_back(fmt::format("× {}", mapping::number_text(rules.scale->number())));
            if (rules.offset) out.push_back(fmt::format("+ {}", mapping::number_text(rules.offset->number())));
        }
    }
    if (point.formula != nullptr) {
        if (point.formula->exponent)
            out.push_back(fmt::format("× 10 to the power of {}", type.points[*point.formula->exponent].name));
        if (point.formula->calc) {
            std::vector<std::string_view> names;
            for (const auto input : point.inputs) names.push_back(type.points[input].name);
            out.push_back(names.empty() ? "calc" : fmt::format("calc with {}", fmt::join(names, ", ")));
        }
    }
    const auto unit = rules.unit.empty() ? "" : " " + rules.unit;
    if (reading.value.index() != 0)
        out.push_back(lwm2m::str(reading.value) + unit);
    else if (reading.quality != mapping::Quality::not_available)
        out.emplace_back("no value");
    if (reading.quality == mapping::Quality::rejected)
        out.push_back(rules.range ? fmt::format("not within {} to {}", mapping::number_text(rules.range->first),
                                                mapping::number_text(rules.range->second))
                                  : "rejected");
    for (auto& path : paths_of(type, number)) out.push_back(std::move(path));
    return out;
}

}  // namespace gateway::control
