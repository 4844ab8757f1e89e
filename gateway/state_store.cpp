#include "gateway/state_store.hpp"

#include "config/yaml_reader.hpp"
#include "gateway/base/log.hpp"
#include "gateway/state_file.hpp"
#include "lwm2m/path.hpp"

#include <charconv>
#include <filesystem>

namespace gateway {

namespace {

constexpr std::uint32_t most_instances = 65'535;  // 0 to 65,534 (OMA Core 1.2 7.4)
/// When both copies of the next free numbers are lost, so many are left out: a device that is not read any more had one.
constexpr std::uint32_t distrust = 1'000;

template <class T>
std::optional<T> number(std::string_view text) {
    T value{};
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (wrong != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// As YAML of one line, which config/yaml_reader reads back to the same node.
void write_node(const base::Node& node, std::string& out) {
    using Kind = base::Node::Kind;
    const auto quoted = [&out](std::string_view text) {
        out += '"';
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            if (c == '"' || c == '\\') {
                out += '\\';
                out += c;
            } else if (byte < 0x20 || byte == 0x7F) {
                out += fmt::format("\\x{:02x}", byte);
            } else {
                out += c;
            }
        }
        out += '"';
    };
    switch (node.kind()) {
        case Kind::null: out += "null"; break;
        case Kind::boolean:
        case Kind::integer:
        case Kind::number: out += node.written(); break;
        case Kind::text: quoted(node.written()); break;
        case Kind::list: {
            out += '[';
            bool first = true;
            for (const auto& item : node.items()) {
                if (!std::exchange(first, false)) out += ", ";
                write_node(item, out);
            }
            out += ']';
            break;
        }
        case Kind::map: {
            out += '{';
            bool first = true;
            for (const auto& member : node.members()) {
                if (!std::exchange(first, false)) out += ", ";
                quoted(member.key);
                out += ": ";
                write_node(member.value, out);
            }
            out += '}';
            break;
        }
    }
}

base::Node map_of(const adapters::Words& words) {
    std::vector<base::Node::Member> members;
    for (const auto& [key, value] : words) members.push_back({key, {}, base::Node::text({}, value)});
    return base::Node::map({}, std::move(members));
}

adapters::Words words_of(const base::Node* node) {
    adapters::Words words;
    if (node != nullptr)
        for (const auto& member : node->members()) words[member.key] = member.value.written();
    return words;
}

std::string flow(const base::Node& node) {
    std::string text;
    write_node(node, text);
    return text;
}

std::optional<base::Node> parsed(const std::string& text, const std::string& file) {
    base::Diagnostics diagnostics;
    auto node = config::read_yaml(text, file, diagnostics);
    if (!node || !diagnostics.ok() || node->kind() != base::Node::Kind::map) return std::nullopt;
    return node;
}

}  // namespace

base::Result<StateStore> StateStore::open(const std::string& folder) {
    StateStore store;
    if (folder.empty()) return store;
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (!std::filesystem::is_directory(folder, error))
        return base::fail(base::Errc::internal, fmt::format("{}: no folder, and none can be made there", folder));
    store.folder_ = folder;
    store.read_devices();
    store.read_found();
    store.read_learned();
    store.read_servers();
    return store;
}

// ---- prefixes

// What either copy still says counts: a line that was lost in both costs its device its prefix, but the numbers that were
// given out are written beside them, so that nobody else gets it.
void StateStore::read_devices() {
    bool counted = false, any = false;
    const auto each = [&](const std::vector<std::string>& columns) {
        if (columns.size() == 3 && columns[0] == "next") {
            const auto prefix = number<std::uint32_t>(columns[1]), instance = number<std::uint32_t>(columns[2]);
            if (!prefix || !instance) return;
            next_prefix_ = std::max(next_prefix_, *prefix);
            next_instance_ = std::max(next_instance_, *instance);
            counted = true;
        } else if (columns.size() == 2 && columns[0] == "retired") {
            retired_.insert(columns[1]);
            prefixes_.insert(columns[1]);
        } else if (columns.size() == 4 && columns[0] == "device") {
            const auto instance = number<std::uint16_t>(columns[1]);
            const std::string &prefix = columns[2], &id = columns[3];
            if (!instance || *instance >= most_instances || id.empty() || !lwm2m::check_prefix(prefix) || devices_.contains(id))
                return;
            if (!prefixes_.insert(prefix).second) return;
            next_instance_ = std::max<std::uint32_t>(next_instance_, *instance + 1U);
            devices_.emplace(id, Given{prefix, *instance});
        }
    };
    for (const char* name : {"/devices", "/devices.copy"}) {
        const auto bad = state_file::read(folder_ + name, each);
        any = any || bad.has_value();
        if (bad && *bad != 0) {
            base::log().error("{}{}: {} damaged lines; kept as {}.bad", folder_, name, *bad, name + 1);
            std::error_code error;
            std::filesystem::copy_file(folder_ + name, folder_ + name + ".bad",
                                       std::filesystem::copy_options::overwrite_existing, error);
        }
        devices_dirty_ = devices_dirty_ || !bad || *bad != 0;  // the next save makes both whole
    }
    if (!any) {
        devices_dirty_ = false;
    } else if (!counted) {
        base::log().error("{}/devices: what was given out is not known any more; the next {} numbers are left out", folder_,
                          distrust);
        next_instance_ = std::min(next_instance_ + distrust, most_instances - 1);
        next_prefix_ = next_instance_;
        devices_dirty_ = true;
    }
    // A retired prefix that a device has again is a contradiction of two copies: the device keeps it.
    for (const auto& [id, given] : devices_) retired_.erase(given.prefix);
}

Given StateStore::give(const std::string& device, const std::string& wanted) {
    auto found = devices_.find(device);
    if (found != devices_.end() && (wanted.empty() || found->second.prefix == wanted)) return found->second;
    Given given;
    if (found != devices_.end()) {
        given = found->second;  // the site renamed the prefix: the instance stays, nobody else gets the old prefix
        retired_.insert(given.prefix);
    } else {
        given.instance = static_cast<std::uint16_t>(std::min(next_instance_, most_instances - 1));
        next_instance_ = std::min(next_instance_ + 1, most_instances - 1);
    }
    if (!wanted.empty()) {
        given.prefix = wanted;
    } else {
        do {
            given.prefix = fmt::format("dev{}", next_prefix_++);
        } while (prefixes_.contains(given.prefix));
    }
    prefixes_.insert(given.prefix);
    retired_.erase(given.prefix);
    devices_[device] = given;
    devices_dirty_ = true;
    return given;
}

std::string StateStore::owner(const std::string& prefix) const {
    for (const auto& [device, given] : devices_)
        if (given.prefix == prefix) return device;
    return {};
}

// ---- discovered devices

void StateStore::read_found() {
    const auto bad = state_file::read(folder_ + "/found", [this](const std::vector<std::string>& columns) {
        if (columns.size() != 2 || columns[0] != "found") return;
        const auto node = parsed(columns[1], "found");
        if (!node) return;
        const auto text = [&node](std::string_view key) {
            const auto* value = node->find(key);
            return value != nullptr ? value->written() : std::string();
        };
        FoundDevice its;
        its.rule = text("rule");
        its.key = text("key");
        its.id = text("id");
        its.link = text("link");
        its.profile = text("profile");
        its.note = text("note");
        its.approved = text("state") == "approved";
        its.site = words_of(node->find("site"));
        its.facts = words_of(node->find("facts"));
        if (const auto seen = number<std::int64_t>(text("first_seen")))
            its.first_seen = base::WallTime(std::chrono::seconds(*seen));
        const auto* device = node->find("device");
        if (its.key.empty() || its.id.empty() || device == nullptr || device->kind() != base::Node::Kind::map) return;
        // Parsed once more, so that a mistake in it is told as the device's and not as the file's.
        if (auto again = parsed(flow(*device), fmt::format("discovered device '{}'", its.id))) {
            its.device = std::move(*again);
            found_.emplace(FoundKey{its.rule, its.key}, std::move(its));
        }
    });
    if (bad && *bad != 0) {
        base::log().error("{}/found: {} damaged lines; their devices are asked about again when they are found", folder_, *bad);
        found_dirty_ = true;
    }
}

void StateStore::keep(FoundDevice device) {
    const FoundKey key{device.rule, device.key};
    // Where it stands in no file, its mistakes are told as its own.
    if (auto again = parsed(flow(device.device), fmt::format("discovered device '{}'", device.id)))
        device.device = std::move(*again);
    found_.insert_or_assign(key, std::move(device));
    found_dirty_ = true;
}

void StateStore::drop(const FoundKey& key) { found_dirty_ = found_.erase(key) != 0 || found_dirty_; }

// ---- what adapters remember

void StateStore::read_learned() {
    const auto bad = state_file::read(folder_ + "/learned", [this](const std::vector<std::string>& columns) {
        if (columns.size() == 4 && columns[0] == "learned") learn(columns[1], columns[2], columns[3]);
    });
    learned_dirty_ = bad && *bad != 0;
    if (learned_dirty_) base::log().warn("{}/learned: {} damaged lines; what they held is learned again", folder_, *bad);
}

adapters::Words StateStore::learned(const std::string& link) const {
    const auto found = learned_.find(link);
    return found == learned_.end() ? adapters::Words{} : found->second;
}

bool StateStore::learn(const std::string& link, const std::string& key, std::string value) {
    const auto its = learned_.find(link);
    if (value.empty()) {
        if (its == learned_.end() || its->second.erase(key) == 0) return true;
        if (its->second.empty()) learned_.erase(its);
        learned_dirty_ = true;
        return true;
    }
    if (value.size() > most_value || key.empty() || key.size() > most_value) return false;
    if (its == learned_.end() && learned_.size() >= most_links) return false;
    auto& words = learned_[link];
    const auto known = words.find(key);
    if (known == words.end() && words.size() >= most_keys) return false;
    if (known != words.end() && known->second == value) return true;
    words[key] = std::move(value);
    learned_dirty_ = true;
    return true;
}

// ---- what servers wrote

// Line by line, so that damage costs what it hit.
void StateStore::read_servers() {
    const auto bad = state_file::read(folder_ + "/servers", [this](const std::vector<std::string>& columns) {
        if (columns.size() == 2 && columns[0] == "line") servers_ += columns[1] + '\n';
    });
    servers_dirty_ = bad && *bad != 0;
    if (servers_dirty_) base::log().error("{}/servers: {} damaged lines; servers must write that again", folder_, *bad);
}

void StateStore::set_servers(std::string text) {
    constexpr std::size_t most = 16U << 20U;
    if (text == servers_ || text.size() > most) return;
    servers_ = std::move(text);
    servers_dirty_ = true;
}

// ---- flash

base::Result<void> StateStore::write(const std::string& name, const std::string& text) const {
    return state_file::replace(folder_ + "/" + name, text);
}

base::Result<void> StateStore::save() {
    if (folder_.empty()) return {};
    base::Result<void> result;
    const auto keep = [&result](base::Result<void> written, bool& dirty) {
        if (written)
            dirty = false;
        else if (result)
            result = std::move(written);
    };
    if (devices_dirty_) {
        const auto prefix = std::to_string(next_prefix_), instance = std::to_string(next_instance_);
        std::string text = state_file::line({"next", prefix, instance});
        for (const auto& [device, given] : devices_)
            text += state_file::line({"device", std::to_string(given.instance), given.prefix, device});
        for (const auto& gone : retired_) text += state_file::line({"retired", gone});
        auto written = write("devices.copy", text);
        if (written) written = write("devices", text);
        keep(std::move(written), devices_dirty_);
    }
    if (found_dirty_) {
        std::string text;
        for (const auto& [key, its] : found_) {
            const auto word = [](std::string name, const std::string& value) {
                return base::Node::Member{std::move(name), {}, base::Node::text({}, value)};
            };
            const auto seen = std::chrono::duration_cast<std::chrono::seconds>(its.first_seen.time_since_epoch()).count();
            const auto node = base::Node::map({}, {word("rule", its.rule),
                                                   word("key", its.key),
                                                   word("id", its.id),
                                                   word("link", its.link),
                                                   word("profile", its.profile),
                                                   word("state", its.approved ? "approved" : "refused"),
                                                   word("first_seen", std::to_string(seen)),
                                                   word("note", its.note),
                                                   {"site", {}, map_of(its.site)},
                                                   {"facts", {}, map_of(its.facts)},
                                                   {"device", {}, its.device}});
            text += state_file::line({"found", flow(node)});
        }
        keep(write("found", text), found_dirty_);
    }
    if (learned_dirty_) {
        std::string text;
        for (const auto& [link, words] : learned_)
            for (const auto& [key, value] : words) text += state_file::line({"learned", link, key, value});
        keep(write("learned", text), learned_dirty_);
    }
    if (servers_dirty_) {
        std::string text;
        for (std::size_t from = 0; from < servers_.size();) {
            const std::size_t end = std::min(servers_.find('\n', from), servers_.size());
            text += state_file::line({"line", std::string_view(servers_).substr(from, end - from)});
            from = end + 1;
        }
        keep(write("servers", text), servers_dirty_);
    }
    return result;
}

}  // namespace gateway
