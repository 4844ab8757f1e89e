#include "config/server_settings.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace config {

namespace {

using base::Fields;
using base::Node;

constexpr auto longest = std::chrono::days(30);
constexpr std::size_t most_paths = 64;
constexpr std::int64_t most_number = 0xFFFFFFFF;

/// Whole seconds from `least` to 30 days.
std::optional<std::chrono::seconds> seconds(Fields& fields, std::string_view key, std::chrono::seconds least) {
    const auto span = fields.span(key);
    if (!span) return std::nullopt;
    if (*span < least || *span > longest || *span % std::chrono::seconds(1) != std::chrono::microseconds(0)) {
        fields.error(key, fmt::format("'{}' is {}", key, base::span_text(*span)),
                     fmt::format("write whole seconds from {} to 30d", base::span_text(least)));
        return std::nullopt;
    }
    return std::chrono::duration_cast<std::chrono::seconds>(*span);
}

bool digits(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// "/3/0/9", "/dev1/3303", "/*/3303/0/5700": a prefix or none, then one to four ids.
bool is_path(std::string_view text) {
    if (!text.starts_with('/') || text.size() > 300) return false;
    std::size_t ids = 0;
    for (bool first = true; !text.empty(); first = false) {
        text.remove_prefix(1);
        const std::string_view segment = text.substr(0, text.find('/'));
        text.remove_prefix(segment.size());
        if (digits(segment)) {
            if (segment.size() > 5 || (segment.size() > 1 && segment[0] == '0') || std::stoi(std::string(segment)) > 65534)
                return false;
            ++ids;
        } else if (!first || segment.empty()) {
            return false;
        }
    }
    return ids >= 1 && ids <= 4;
}

void read_retry(Fields& fields, Server& server) {
    const Node* node = fields.has("retry") ? fields.map("retry") : nullptr;
    if (node == nullptr) return;
    Fields retry(*node, "'retry'", fields.diagnostics());
    const auto number = [&](std::string_view key, std::int64_t least) -> std::optional<std::uint32_t> {
        const auto value = retry.integer(key, least, most_number);
        return value ? std::optional(static_cast<std::uint32_t>(*value)) : std::nullopt;
    };
    const auto span = [&](std::string_view key) -> std::optional<std::uint32_t> {
        const auto value = seconds(retry, key, std::chrono::seconds(1));
        return value ? std::optional(static_cast<std::uint32_t>(value->count())) : std::nullopt;
    };
    server.retry.count = number("count", 1);
    server.retry.timer = span("timer");
    server.retry.pause = span("pause");
    server.retry.sequences = number("sequences", 1);
    retry.done();
}

void read_rights(Fields& fields, Server& server) {
    static constexpr std::string_view words[] = {"read", "write", "execute", "delete", "create"};  // bits 0 to 4
    const auto* list = fields.has("rights") ? fields.list("rights") : nullptr;
    if (list == nullptr) return;
    server.rights = 0;
    for (const Node& node : *list) {
        const auto word = std::find(std::begin(words), std::end(words), node.written());
        if (word == std::end(words))
            fields.error("rights", fmt::format("'{}' is no right", node.written()),
                         "write any of read, write, execute, delete, create");
        else
            server.rights |= static_cast<std::uint8_t>(1U << (word - std::begin(words)));
    }
}

void read_send(Fields& fields, Server& server) {
    const Node* node = fields.has("send") ? fields.map("send") : nullptr;
    if (node == nullptr) return;
    Fields send(*node, "'send'", fields.diagnostics());
    if (const auto every = seconds(send, "every", std::chrono::seconds(10)); every)
        server.send.every = *every;
    else if (!send.has("every"))
        send.need("every", "write every: 15m, or how often the values are to be sent");
    if (const auto devices = send.boolean("devices")) server.send.devices = *devices;
    if (send.need("paths", "write paths: [\"/3/0/9\", \"/*/3303/0/5700\"]") != nullptr)
        if (const auto* paths = send.list("paths"); paths != nullptr) {
            if (paths->empty() || paths->size() > most_paths)
                send.error("paths", fmt::format("{} paths", paths->size()), fmt::format("name 1 to {}", most_paths));
            for (const Node& path : *paths) {
                server.send.paths.emplace_back(path.written());
                if (!is_path(path.written()))
                    send.error("paths", fmt::format("'{}' is no path", path.written()),
                               "write \"/3/0/9\" for the gateway's own, \"/PREFIX/3303/0/5700\" for a device's, \"/*/3303\" "
                               "for those of all");
            }
        }
    send.done();
}

void read_location(Fields& file, Site& site) {
    const Node* node = file.has("location") ? file.map("location") : nullptr;
    if (node == nullptr) return;
    Fields fields(*node, "'location'", file.diagnostics());
    const auto degrees = [&](std::string_view key, double most) {
        if (fields.need(key, "write degrees: latitude: 52.52, longitude: 13.405") == nullptr) return 0.0;
        const auto value = fields.number(key).value_or(0);
        if (!(value >= -most && value <= most))
            fields.error(key, fmt::format("'{}' is {}", key, value), fmt::format("write -{} to {}", most, most));
        return value;
    };
    Location location;
    location.latitude = degrees("latitude", 90);
    location.longitude = degrees("longitude", 180);
    location.altitude = fields.number("altitude");
    fields.done();
    site.location = location;
}

void read_device(Fields& file, Site& site) {
    const Node* node = file.has("device") ? file.map("device") : nullptr;
    if (node == nullptr) return;
    Fields fields(*node, "'device'", file.diagnostics());
    const auto text = [&](std::string_view key, std::string& into) {
        const auto value = fields.text(key);
        if (!value) return;
        if (value->empty() || value->size() > 255 || !base::is_utf8(*value))
            fields.error(key, fmt::format("'{}' cannot be shown", key), "write 1 to 255 bytes of text");
        into = *value;
    };
    text("manufacturer", site.device.manufacturer);
    text("model", site.device.model);
    text("serial", site.device.serial);
    text("hardware", site.device.hardware);
    if (const auto allowed = fields.boolean("factory_reset")) site.device.factory_reset = *allowed;
    fields.done();
}

}  // namespace

void read_server_settings(Fields& fields, Server& server) {
    const auto flag = [&](std::string_view key, bool& into) {
        if (const auto value = fields.boolean(key)) into = *value;
    };
    const auto span = [&](std::string_view key, std::chrono::seconds& into) {
        if (const auto value = seconds(fields, key, std::chrono::seconds(0))) into = *value;
    };
    span("min_period", server.min_period);
    span("max_period", server.max_period);
    if (server.max_period.count() > 0 && server.max_period < server.min_period)
        fields.error("max_period", "'max_period' is below 'min_period'", "write a longer one, or leave it out for none");
    flag("storing", server.storing);
    flag("confirmable", server.confirmable);
    flag("queue", server.queue);
    flag("register_on_join", server.register_on_join);
    if (const auto order = fields.integer("order", 0, most_number)) server.order = static_cast<std::uint32_t>(*order);
    span("delay", server.delay);
    flag("blocks", server.blocks);
    if (server.blocks && !server.order)
        fields.error("blocks", "'blocks' without 'order' holds up nobody", "write order: 1, and higher numbers at the others");
    read_retry(fields, server);
    if (const auto profile = fields.text("profile_id")) {
        server.profile_id = *profile;
        if (profile->empty() || profile->size() > 200 ||
            !std::all_of(profile->begin(), profile->end(), [](char c) { return c > 0x20 && c < 0x7F && c != '&'; }))
            fields.error("profile_id", "'profile_id' cannot be one",
                         "write what the server knows, such as 6:27354b9a or v:NAME");
    }
    read_rights(fields, server);
    read_send(fields, server);
}

void read_own_objects(Fields& file, Site& site) {
    if (const Node* node = file.has("access") ? file.map("access") : nullptr; node != nullptr) {
        Fields access(*node, "'access'", file.diagnostics());
        if (const auto devices = access.boolean("devices")) site.access_covers_devices = *devices;
        access.done();
    }
    read_location(file, site);
    read_device(file, site);
}

}  // namespace config
