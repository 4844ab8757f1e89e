#include "adapters/ble/settings.hpp"

#include <algorithm>

namespace adapters::ble {

namespace {

using base::Node;

constexpr std::size_t most_radios = 16;
constexpr std::string_view forms = "write ble: hci0, ble: [hci0, hci1], or ble: all";

bool is_radio(std::string_view text) {
    return text.size() > 3 && text.size() <= 6 && text.starts_with("hci") &&
           std::all_of(text.begin() + 3, text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

void read_radio(const Node& node, Fields& link, LinkSettings& settings) {
    const auto& name = node.written();
    if (node.kind() != Node::Kind::text || !is_radio(name)) {
        const bool address = Address::parse(name).has_value();
        link.diagnostics().error(
            node.at(), fmt::format("{}: '{}' is no radio", link.what(), node.written().empty() ? node.kind_name() : name),
            address ? "that is a device's address; name the link too: link: radio, and links: {radio: {ble: hci0}}" : forms);
    } else if (settings.uses(name) && !settings.radios.empty()) {
        link.diagnostics().error(node.at(), fmt::format("{}: '{}' stands there twice", link.what(), name), "remove one");
    } else {
        settings.radios.push_back(name);
    }
}

}  // namespace

std::string LinkSettings::where() const {
    if (radios.empty()) return "ble, all radios";
    std::string text = "ble";
    for (const auto& radio : radios) text += (text.size() > 3 ? ", " : " ") + radio;
    return text;
}

bool LinkSettings::uses(std::string_view radio) const {
    return radios.empty() || std::find(radios.begin(), radios.end(), radio) != radios.end();
}

std::optional<LinkSettings> read_link(Fields& link) {
    const std::size_t before = link.diagnostics().count();
    LinkSettings settings;
    if (const Node* radios = link.need("ble", forms)) {
        if (radios->kind() == Node::Kind::list) {
            if (radios->items().empty() || radios->items().size() > most_radios)
                link.error("ble", fmt::format("'ble' names {} radios", radios->items().size()), forms);
            for (const auto& item : radios->items()) read_radio(item, link, settings);
        } else if (radios->written() != "all") {
            read_radio(*radios, link, settings);
        }
    }
    if (const auto choice = link.choice("scan", {"auto", "passive", "active"})) settings.scan = static_cast<Scan>(*choice);
    if (const auto most = link.integer("connections", 1, 32)) settings.connections = static_cast<std::uint8_t>(*most);
    if (link.diagnostics().count() != before) return std::nullopt;
    return settings;
}

std::optional<DeviceSettings> read_device(Fields& site) {
    const std::size_t before = site.diagnostics().count();
    DeviceSettings device;
    site.need("address", "write the device's address: address: \"C4:7C:8D:00:00:01\"");
    if (const auto text = site.text("address")) {
        if (const auto address = Address::parse(*text))
            device.address = *address;
        else
            site.error("address", fmt::format("'{}' is no Bluetooth address", *text),
                       "write six pairs of hex digits in quotes: \"C4:7C:8D:00:00:01\"");
    }
    if (site.has("unit")) site.error("unit", "'unit' is for Modbus", "a Bluetooth device has an address");
    if (site.diagnostics().count() != before) return std::nullopt;
    return device;
}

}  // namespace adapters::ble
