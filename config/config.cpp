#include "config/config.hpp"

#include "config/folder.hpp"
#include "config/server_settings.hpp"
#include "config/server_uri.hpp"
#include "config/yaml_reader.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <set>

namespace config {

namespace {

using base::Diagnostics;
using base::Fields;
using base::Node;
using base::SourceLoc;

constexpr std::size_t most_endpoint = 255;  // bytes
constexpr std::size_t most_identity = 128;  // LwM2M Core 1.2 E.1, /0/x/3; RFC 4279 5.3
constexpr std::size_t most_key = 64;        // /0/x/5 of a PSK
constexpr std::size_t most_servers = 16;
constexpr auto least_lifetime = std::chrono::seconds(15);
constexpr auto most_lifetime = std::chrono::days(30);

bool clean(std::string_view text) {
    return base::is_utf8(text) &&
           std::none_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; });
}

void read_format(Fields& file) {
    const Node* format = file.need("format", "write format: 1 as the first line");
    if (format == nullptr) return;
    if (format->kind() != Node::Kind::integer || format->integer() != 1)
        file.error("format", fmt::format("format '{}' is not known", format->written()), "write format: 1");
    else if (file.node().members().front().key != "format")
        file.error("format", "'format' does not come first", "move it to the top");
}

std::string read_endpoint(Fields& file) {
    if (file.need("gateway", "write gateway: NAME, as the server knows this gateway (its endpoint name)") == nullptr) return "";
    const auto name = file.text("gateway");
    if (!name) return "";
    if (name->empty() || name->size() > most_endpoint || !clean(*name))
        file.error("gateway", "'gateway' cannot be an endpoint name",
                   fmt::format("write 1 to {} bytes without control characters", most_endpoint));
    return *name;
}

class ServerReader {
public:
    ServerReader(const std::string& endpoint, const Secrets& secrets) : endpoint_(endpoint), secrets_(secrets) {}

    Server read(const Node::Member& member, Diagnostics& diagnostics) const {
        Server server;
        server.name = member.key;
        server.at = member.at;
        Fields fields(member.value, fmt::format("server '{}'", member.key), diagnostics);
        if (!fields.valid()) return server;
        if (member.key.empty() || member.key.size() > 64 || !clean(member.key))
            diagnostics.error(member.at, "a server's name has 1 to 64 bytes", "write a short word: main");
        read_security(fields, server);
        read_lifetime(fields, server);
        read_server_settings(fields, server);
        if (server.security == Security::psk) {
            read_identity(fields, server);
            read_key(fields, server);
        } else {
            for (const std::string_view key : {"identity", "key"})
                if (fields.has(key))
                    fields.error(key, fmt::format("'{}' has no use with security: nosec", key),
                                 "remove it, or write security: psk");
        }
        fields.done();
        return server;
    }

private:
    void read_security(Fields& fields, Server& server) const {
        const auto security = fields.choice("security", {"psk", "nosec"});
        const bool written = fields.has("security");
        server.security = security == 1U ? Security::nosec : Security::psk;
        if (fields.need("uri", "write uri: \"coaps://HOST\"") == nullptr) return;
        const auto text = fields.text("uri");
        if (!text) return;
        UriMistake mistake;
        const auto uri = parse_server_uri(*text, mistake);
        if (!uri) return fields.error("uri", mistake.what, mistake.remedy);
        server.uri = uri->str();
        if (written && !security) return;  // what it should have been is not known
        if (uri->secure && server.security == Security::nosec)
            fields.error("security", "coaps:// with security: nosec", "write security: psk, or coap:// to go without");
        if (!uri->secure && server.security == Security::psk) {
            if (written)
                fields.error("uri", "coap:// cannot have security: psk", "write coaps://");
            else
                fields.error("uri", "coap:// goes without any security", "write coaps://, or allow it with security: nosec");
            server.security = Security::nosec;  // no words about a missing key
            if (fields.has("key") || fields.has("identity")) server.security = Security::psk;
        }
    }

    static void read_lifetime(Fields& fields, Server& server) {
        const auto lifetime = fields.span("lifetime");
        if (!lifetime) return;
        if (*lifetime < least_lifetime || *lifetime > most_lifetime ||
            *lifetime % std::chrono::seconds(1) != std::chrono::microseconds(0))
            return fields.error("lifetime", fmt::format("'lifetime' is {}", base::span_text(*lifetime)),
                                "write whole seconds from 15s to 30d");
        server.lifetime = std::chrono::duration_cast<std::chrono::seconds>(*lifetime);
    }

    void read_identity(Fields& fields, Server& server) const {
        server.identity = fields.text("identity").value_or(endpoint_);
        const bool written = fields.has("identity");
        if (server.identity.size() <= most_identity && clean(server.identity) && !(written && server.identity.empty())) return;
        if (written)
            fields.error("identity", "'identity' cannot be a PSK identity",
                         fmt::format("write 1 to {} bytes without control characters", most_identity));
        else
            fields.error("identity",
                         fmt::format("the gateway's name is over {} bytes, too long for a PSK identity", most_identity),
                         "write a shorter one: identity: NAME");
    }

    void read_key(Fields& fields, Server& server) const {
        const Node* key =
            fields.need("key", "write key: \"${secret:NAME}\", and put the key into the file NAME of the folder of secrets");
        if (key == nullptr) return;
        // Whatever it is, it may be the secret itself: no message repeats it.
        const std::string_view text = key->kind() == Node::Kind::text ? std::string_view(key->written()) : std::string_view{};
        const auto name = secret_name(text);
        if (name.empty()) {
            if (text.starts_with("${secret:"))
                fields.error("key", "'key' names a secret that cannot be",
                             "a secret's name has only a-z, 0-9 and . _ - in it: \"${secret:lwm2m-psk}\"");
            else
                fields.error("key", "'key' does not name a secret",
                             "never write the key into the file: write \"${secret:NAME}\" and put it into the file NAME of the "
                             "folder of secrets");
            return;
        }
        auto bytes = secrets_.key(name);
        if (!bytes) return fields.error("key", bytes.error().message, secrets_.remedy(name, bytes.error()));
        if (bytes->size() > most_key)
            return fields.error("key", fmt::format("the secret '{}' has {} bytes", name, bytes->size()),
                                fmt::format("a key has 1 to {} bytes, 16 or more are safe", most_key));
        server.key = std::move(*bytes);
    }

    const std::string& endpoint_;
    const Secrets& secrets_;
};

void read_servers(Fields& file, Site& site, const Secrets& secrets) {
    constexpr std::string_view remedy = "write servers: {main: {uri: \"coaps://HOST\", key: \"${secret:NAME}\"}}";
    if (file.need("servers", remedy) == nullptr) return;
    const Node* servers = file.map("servers");
    if (servers == nullptr) return;
    if (servers->members().empty()) return file.error("servers", "no server", remedy);
    if (servers->members().size() > most_servers)
        return file.error("servers", fmt::format("{} servers", servers->members().size()),
                          fmt::format("at most {}", most_servers));
    const ServerReader reader(site.endpoint, secrets);
    for (const auto& member : servers->members()) {
        site.servers.push_back(reader.read(member, file.diagnostics()));
        site.servers.back().short_id = static_cast<std::uint16_t>(site.servers.size());
    }
}

void read_log(Fields& file, Site& site) {
    static const std::vector<std::string_view> levels{"trace", "debug", "info", "warn", "error", "off"};
    if (!file.has("log")) return;
    const Node* node = file.map("log");
    if (node == nullptr) return;
    Fields log(*node, "'log'", file.diagnostics());
    if (const auto level = log.choice("level", levels)) site.log_level = levels[*level];
    log.done();
}

/// gateway.yaml; nothing when it is no map of keys.
std::optional<Site> read_site(const std::string& folder, const Secrets& secrets, Diagnostics& diagnostics) {
    constexpr const char* name = "gateway.yaml";
    if (!exists(folder + "/" + name)) {
        diagnostics.error({name, 0, 0}, fmt::format("there is none in {}", folder),
                          "begin with three keys: format: 1, gateway: NAME, servers: {main: {uri: \"coaps://HOST\", key: "
                          "\"${secret:NAME}\"}}");
        return std::nullopt;
    }
    const auto node = read_yaml_file(folder + "/" + name, name, diagnostics);
    if (!node) return std::nullopt;
    Fields file(*node, name, diagnostics);
    if (!file.valid()) return std::nullopt;
    Site site;
    read_format(file);
    site.endpoint = read_endpoint(file);
    read_servers(file, site, secrets);
    if (const Node* links = file.find("links"); links != nullptr && links->kind() != Node::Kind::null) {
        if (file.map("links") != nullptr) site.links = *links;
    }
    read_own_objects(file, site);
    read_log(file, site);
    for (const std::string_view later : {"store", "metrics", "page"})
        if (file.has(later)) file.error(later, fmt::format("'{}' is not in this version", later), "remove it");
    file.done();
    return site;
}

/// "acme/em24@3" of a profile's file; "" when it has no name or no revision.
std::string reference_to(const Node& profile) {
    const Node *name = profile.find("profile"), *revision = profile.find("revision");
    return name == nullptr || revision == nullptr ? std::string() : fmt::format("{}@{}", name->written(), revision->written());
}

/// Whatever stands under a key `profile`, at any depth: of a device, of a rule that discovers some.
void collect_profile_names(const Node& node, std::set<std::string, std::less<>>& names) {
    for (const auto& member : node.members()) {
        if (member.key == "profile" && member.value.kind() == Node::Kind::text) names.insert(member.value.written());
        collect_profile_names(member.value, names);
    }
    for (const auto& item : node.items()) collect_profile_names(item, names);
}

/// acme/em24.yaml for "acme/em24@3"; "" for what cannot be a name below a folder.
std::string file_of(std::string_view reference) {
    const auto name = reference.substr(0, reference.rfind('@'));
    const bool harmless = std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '/';
    });
    return harmless && !name.empty() && name.front() != '/' ? std::string(name) + ".yaml" : std::string();
}

std::vector<Node> load_shipped(const Shipped& shipped, std::set<std::string, std::less<>> wanted, const std::vector<Node>& own,
                               Diagnostics& diagnostics) {
    if (shipped.folder.empty()) return {};
    if (shipped.all) return load_profiles(shipped.folder, diagnostics);
    for (const Node& profile : own) wanted.erase(reference_to(profile));
    std::vector<Node> found;
    for (const auto& reference : wanted) {
        const std::string file = file_of(reference), path = shipped.folder + "/" + file;
        std::optional<Node> profile;
        Diagnostics its;
        if (!file.empty() && exists(path)) profile = read_yaml_file(path, path, its);
        // Misspelt, another revision, or a file of another name: only who sees all can say what was meant.
        if (!profile || reference_to(*profile) != reference) return load_profiles(shipped.folder, diagnostics);
        found.push_back(std::move(*profile));
    }
    return found;
}

}  // namespace

std::vector<Node> load_profiles(const std::string& folder, Diagnostics& diagnostics) {
    if (!exists(folder)) return {};
    return read_folder(folder, folder, Below::folders, diagnostics);
}

std::optional<Site> load(const std::string& folder, const Shipped& shipped, const Secrets& secrets, Diagnostics& diagnostics) {
    auto site = read_site(folder, secrets, diagnostics);
    Site rest;
    if (exists(folder + "/profiles"))
        rest.profiles = read_folder(folder + "/profiles", "profiles", Below::folders, diagnostics);
    if (exists(folder + "/devices.d"))
        rest.devices = read_folder(folder + "/devices.d", "devices.d", Below::files, diagnostics);
    else if (site)
        diagnostics.error({"devices.d", 0, 0}, fmt::format("there is no such folder in {}", folder),
                          "make it, with a file for the devices of this site: format: 1, devices: [...]");
    std::set<std::string, std::less<>> wanted(shipped.also.begin(), shipped.also.end());
    for (const Node& file : rest.devices) collect_profile_names(file, wanted);
    if (site) collect_profile_names(site->links, wanted);
    for (Node& profile : load_shipped(shipped, std::move(wanted), rest.profiles, diagnostics))
        rest.profiles.push_back(std::move(profile));
    if (!site) return std::nullopt;
    site->profiles = std::move(rest.profiles);
    site->devices = std::move(rest.devices);
    return site;
}

}  // namespace config
