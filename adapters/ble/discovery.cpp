#include "adapters/ble/discovery.hpp"

#include "adapters/ble/reading.hpp"
#include "gateway/base/pattern.hpp"

#include <algorithm>

namespace adapters::ble {

namespace {

constexpr std::size_t longest_pattern = 100;

std::string read_pattern(Fields& match, std::string_view key) {
    const auto text = match.text(key);
    if (!text) return {};
    if (text->empty() || text->size() > longest_pattern)
        match.error(key, fmt::format("'{}' has {} bytes", key, text->size()),
                    fmt::format("write 1 to {}; * stands for anything", longest_pattern));
    return *text;
}

}  // namespace

std::vector<std::string> DiscoveryRule::facts() const { return {"address", "name", "company", "service", "rssi"}; }

std::optional<DiscoveryRule> read_rule(Fields& rule) {
    const std::size_t before = rule.diagnostics().count();
    DiscoveryRule read;
    rule.need("match", "say what it advertises: match: {company: 0x0499}");
    if (const base::Node* node = rule.map("match")) {
        Fields match(*node, fmt::format("'match' of {}", rule.what()), rule.diagnostics());
        if (const auto company = match.integer("company", 0, 0xFFFF)) read.company = static_cast<std::uint16_t>(*company);
        read.service = read_uuid(match, "service");
        read.name = read_pattern(match, "name");
        read.address = read_pattern(match, "address");
        std::transform(read.address.begin(), read.address.end(), read.address.begin(),
                       [](char c) { return c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c; });
        if (const auto rssi = match.integer("rssi", -127, 20)) read.rssi = static_cast<std::int16_t>(*rssi);
        if (const auto number = match.choice("decode", decoder_names())) read.decoder = &decoder(*number);
        match.done();
        if (!match.has("company") && !match.has("service") && !match.has("name") && !match.has("address") &&
            !match.has("decode"))
            rule.error("match", "'match' would fit every device in the air",
                       "say what it advertises: company:, service:, name:, address: or decode:");
    }
    if (rule.diagnostics().count() != before) return std::nullopt;
    return read;
}

bool matches(const DiscoveryRule& rule, const Advertisement& advertisement) {
    if (rule.rssi && (!advertisement.rssi || *advertisement.rssi < *rule.rssi)) return false;
    if (rule.company && advertisement.of_company(*rule.company) == nullptr) return false;
    if (rule.service && advertisement.of_service(*rule.service) == nullptr &&
        std::find(advertisement.services.begin(), advertisement.services.end(), *rule.service) == advertisement.services.end())
        return false;
    if (!rule.name.empty() && !base::fits_pattern(rule.name, advertisement.name)) return false;
    if (!rule.address.empty() && !base::fits_pattern(rule.address, advertisement.address.str())) return false;
    if (rule.decoder == nullptr) return true;
    Memory memory;
    const auto outcome = rule.decoder->decode(advertisement, {}, memory).outcome;
    return outcome == Outcome::values || outcome == Outcome::no_key;
}

Found found(const Advertisement& advertisement) {
    Found find;
    find.key = advertisement.address.str();
    find.site = {{"address", find.key}};
    find.facts = {{"address", find.key}};
    if (!advertisement.name.empty()) find.facts["name"] = advertisement.name.substr(0, longest_name);
    if (!advertisement.manufacturer.empty())
        find.facts["company"] = fmt::format("0x{:04X}", advertisement.manufacturer.front().first);
    if (!advertisement.service_data.empty())
        find.facts["service"] = advertisement.service_data.front().first.text();
    else if (!advertisement.services.empty())
        find.facts["service"] = advertisement.services.front().text();
    if (advertisement.rssi) find.facts["rssi"] = fmt::format("{}", *advertisement.rssi);
    for (std::size_t i = 0; i < decoder_names().size(); ++i) {
        Memory memory;
        const auto outcome = decoder(i).decode(advertisement, {}, memory).outcome;
        if (outcome == Outcome::values || outcome == Outcome::no_key)
            find.note += fmt::format("{}{}{}", find.note.empty() ? "" : ", ", decoder(i).name(),
                                     outcome == Outcome::no_key ? " (encrypted)" : "");
    }
    return find;
}

}  // namespace adapters::ble
