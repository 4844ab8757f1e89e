#include "adapters/mqtt/payload.hpp"

#include <algorithm>
#include <charconv>

namespace adapters::mqtt {

namespace {

using base::Node;

constexpr std::size_t most_alternatives = 16, most_conditions = 16, most_channels = 256;

std::optional<Held> read_held(Fields& fields) {
    const auto choice = fields.choice("bytes", {"base64", "hex", "raw"});
    if (!choice) return std::nullopt;
    return static_cast<Held>(*choice);
}

bool is_scalar(const Node& node) {
    return node.kind() == Node::Kind::text || node.kind() == Node::Kind::integer || node.kind() == Node::Kind::number ||
           node.kind() == Node::Kind::boolean;
}

/// "byte:3", "byte:-2", "channel:0367"
bool read_place(Fields& point, PayloadRule& rule) {
    const auto text = point.text("at");
    if (!text) return false;
    std::string_view rest = *text;
    if (rest.starts_with("byte:")) {
        rest.remove_prefix(5);
        const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), rule.at);
        if (error == std::errc{} && end == rest.data() + rest.size() && rule.at >= -4096 && rule.at <= 4096) return true;
    } else if (rest.starts_with("channel:")) {
        rest.remove_prefix(8);
        const auto header = base::from_hex(rest);
        const bool listed = header && rule.channels &&
                            std::any_of(rule.channels->begin(), rule.channels->end(),
                                        [&](const auto& channel) { return channel.first == *header; });
        if (header && !header->empty() && !listed) {
            point.error("at", fmt::format("'{}' is not among the profile's channels", *text),
                        fmt::format("add it: channels: {{\"{}\": 2}} with the bytes of data that follow it", rest));
            return false;
        }
        if (listed) {
            rule.channel = *header;
            return true;
        }
    }
    point.error("at", fmt::format("'{}' is no place in a frame", *text),
                "write at: \"byte:3\", at: \"byte:-2\" from the end, or at: \"channel:0367\"");
    return false;
}

std::shared_ptr<const Channels> read_channels(Fields& section) {
    const Node* node = section.map("channels");
    if (node == nullptr) return nullptr;
    auto channels = std::make_shared<Channels>();
    for (const auto& member : node->members()) {
        const auto header = base::from_hex(member.key);
        if (!header || header->empty() || header->size() > 8)
            section.diagnostics().error(member.at, fmt::format("'{}' is no header of a record", member.key),
                                        "write 1 to 8 bytes in hex, in quotes");
        else if (member.value.kind() != Node::Kind::integer || member.value.integer() < 0 || member.value.integer() > 255)
            section.diagnostics().error(member.value.at(), fmt::format("channel '{}' without its length", member.key),
                                        "write how many bytes of data follow it, 0 to 255");
        else
            channels->emplace_back(*header, static_cast<std::uint8_t>(member.value.integer()));
    }
    if (channels->size() > most_channels)
        section.error("channels", fmt::format("over {} channels", most_channels), "leave out those that no device sends");
    // The longer header first: 01 must not hide 0175.
    std::stable_sort(channels->begin(), channels->end(),
                     [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
    return channels;
}

}  // namespace

std::vector<Pointer> read_pointers(Fields& fields, std::string_view key) {
    const Node* node = fields.find(key);
    std::vector<Pointer> pointers;
    if (node == nullptr) return pointers;
    const auto read = [&](const Node& item) {
        auto pointer = item.kind() == Node::Kind::text ? Pointer::parse(item.written()) : std::nullopt;
        if (pointer)
            pointers.push_back(std::move(*pointer));
        else
            fields.diagnostics().error(item.at(), fmt::format("{}: '{}' is no JSON Pointer", fields.what(), item.written()),
                                       "write it as /key/0/key, or \"\" for the whole payload");
    };
    if (node->kind() == Node::Kind::list) {
        if (node->items().empty() || node->items().size() > most_alternatives)
            fields.error(key, fmt::format("'{}' has {} alternatives", key, node->items().size()),
                         fmt::format("write 1 to {}", most_alternatives));
        for (const auto& item : node->items()) read(item);
    } else {
        read(*node);
    }
    return pointers;
}

std::vector<Condition> read_conditions(Fields& fields, std::string_view key) {
    std::vector<Condition> conditions;
    const Node* node = fields.map(key);
    if (node == nullptr) return conditions;
    if (node->members().size() > most_conditions)
        fields.error(key, fmt::format("'{}' has {} conditions", key, node->members().size()),
                     fmt::format("write at most {}", most_conditions));
    for (const auto& member : node->members()) {
        auto pointer = Pointer::parse(member.key);
        std::vector<std::string> any;
        bool good = pointer.has_value();
        if (member.value.kind() == Node::Kind::list) {
            for (const auto& item : member.value.items()) {
                good = good && is_scalar(item);
                any.push_back(item.written());
            }
        } else {
            good = good && is_scalar(member.value);
            any.push_back(member.value.written());
        }
        if (good && !any.empty())
            conditions.push_back({std::move(*pointer), std::move(any)});
        else
            fields.diagnostics().error(member.at,
                                       fmt::format("{}: '{}' in '{}' is no condition", fields.what(), member.key, key),
                                       "write a JSON Pointer and what stands there: {/fPort: 2}, or a list of possible values");
    }
    return conditions;
}

std::optional<std::pair<std::string, std::string>> read_states(Fields& fields) {
    const auto* list = fields.list("states");
    if (list == nullptr) return std::nullopt;
    if (list->size() == 2 && is_scalar(list->front()) && is_scalar(list->back()) &&
        list->front().written() != list->back().written())
        return std::pair(list->front().written(), list->back().written());
    fields.error("states", "'states' are two words, that for false first", "write states: [closed, open]");
    return std::nullopt;
}

PayloadDefaults read_defaults(Fields& section) {
    PayloadDefaults defaults;
    defaults.held = read_held(section);
    defaults.pick = read_pointers(section, "pick");
    defaults.when = read_conditions(section, "when");
    if (const auto order = section.choice("order", orders())) defaults.order = orders()[*order];
    defaults.channels = read_channels(section);
    return defaults;
}

std::optional<PayloadRule> read_payload_rule(Fields& point, const PayloadDefaults& defaults) {
    const std::size_t before = point.diagnostics().count();
    PayloadRule rule;
    rule.pick = point.has("pick") ? read_pointers(point, "pick") : defaults.pick;
    rule.when = point.has("when") ? read_conditions(point, "when") : defaults.when;
    rule.held = point.has("bytes") ? read_held(point) : defaults.held;
    rule.channels = defaults.channels;
    const bool placed = point.has("at");
    if (placed && !rule.held)
        point.error("at", "'at' counts bytes, and nothing says how the payload holds them",
                    "add bytes: base64, hex or raw, here or in the section mqtt:");
    else if (placed)
        read_place(point, rule);
    if (rule.held == Held::raw && !rule.pick.empty() && point.has("pick"))
        point.error("pick", "'pick' looks into JSON, and raw bytes are none", "remove 'pick', or write bytes: base64 or hex");

    const Node* type = point.find("type");
    rule.states = read_states(point);
    if (rule.states) rule.kind = Kind::boolean;
    if (rule.states && (rule.held || type != nullptr))
        point.error("states", "'states' are words of a plain payload", "remove 'type' and 'bytes', or use map");
    if (!rule.held) {
        for (const std::string_view key : {"order", "length"})
            if (point.has(key))
                point.error(key, fmt::format("'{}' is about bytes, and the payload is taken as text", key),
                            "remove it, or add bytes: base64, hex or raw");
        if (type != nullptr) {
            static const auto [kinds, names] = [] {
                std::pair<std::vector<Kind>, std::vector<std::string_view>> out;
                for (auto k = Kind::boolean; k < Kind::bytes; k = static_cast<Kind>(static_cast<int>(k) + 1)) {
                    if (k == Kind::sunssf || (k >= Kind::bcd8 && k <= Kind::bcd64)) continue;
                    out.first.push_back(k);
                    out.second.push_back(name(k));
                }
                return out;
            }();
            if (const auto choice = point.choice("type", names)) rule.kind = kinds[*choice];
        }
    } else {
        const bool texts = type != nullptr && (type->written() == "string" || type->written() == "bytes");
        if ((texts || type == nullptr) && !point.has("length")) {
            point.known("order");
            rule.encoding = {texts && type->written() == "string" ? Kind::string : Kind::bytes, 0, {}};
            if (point.has("order")) point.error("order", "'order' needs 'type'", "add type: uint16, or remove 'order'");
        } else if (auto encoding = read_encoding(point, Kind::bytes, defaults.order, 1)) {
            rule.encoding = std::move(*encoding);
        }
        rule.kind = rule.encoding.kind;
    }
    if (point.diagnostics().count() != before) return std::nullopt;
    return rule;
}

}  // namespace adapters::mqtt
