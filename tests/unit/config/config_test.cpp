#include "config/config.hpp"

#include "config/server_uri.hpp"
#include "tests/unit/config/site_folder.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <set>

namespace config {
namespace {

using base::Diagnostics;

// A site with one secret, `psk`, and an empty devices.d.
class Stage {
public:
    Stage() {
        folder.write("secrets/psk", "hex:000102030405060708090a0b0c0d0e0f\n");
        folder.folder("devices.d");
    }
    std::optional<Site> load(std::string_view gateway_yaml) {
        folder.write("gateway.yaml", gateway_yaml);
        return load_folder();
    }
    std::optional<Site> load_folder(const Shipped& shipped = {}) {
        diagnostics = {};
        return config::load(folder.path(), shipped, Secrets({folder.path("secrets")}), diagnostics);
    }
    // All mistakes of a gateway.yaml whose server is this.
    std::string server(std::string_view flow, std::string_view gateway = "edge") {
        return mistakes(fmt::format("format: 1\ngateway: {}\nservers:\n  main: {}\n", gateway, flow));
    }
    std::string mistakes(std::string_view gateway_yaml) {
        load(gateway_yaml);
        return said();
    }
    std::string said() const {
        std::string text = diagnostics.str();
        for (auto at = text.find(folder.path()); at != std::string::npos; at = text.find(folder.path()))
            text.replace(at, folder.path().size(), "SITE");
        return text;
    }

    SiteFolder folder;
    Diagnostics diagnostics;
};

constexpr std::string_view good =
    "format: 1\ngateway: edge-0042\nservers: {main: {uri: \"coaps://lwm2m.example\", key: \"${secret:psk}\"}}\n";

TEST(Config, the_reference_file_is_what_it_says_it_is) {
    Stage site;
    site.folder.write("secrets/lwm2m-psk", "hex:000102030405060708090a0b0c0d0e0f\n");
    std::filesystem::copy_file("config/gateway.yaml", site.folder.path("gateway.yaml"));
    const auto loaded = site.load_folder();
    ASSERT_TRUE(loaded && site.diagnostics.ok()) << site.said();
    EXPECT_EQ(loaded->endpoint, "edge-0042");
    ASSERT_EQ(loaded->servers.size(), 1U);
    EXPECT_EQ(loaded->servers[0].uri, "coaps://lwm2m.example:5684");
    EXPECT_EQ(loaded->servers[0].identity, loaded->endpoint);
    EXPECT_EQ(loaded->servers[0].lifetime, Server{}.lifetime) << "the file shows the default";
    EXPECT_EQ(loaded->log_level, Site{}.log_level) << "the file shows the default";
    std::set<std::string> links;
    for (const auto& link : loaded->links.members()) links.insert(link.key);
    EXPECT_EQ(links, (std::set<std::string>{"lan", "line-1", "bench"}));
}

TEST(Config, what_is_left_out_has_its_default) {
    Stage site;
    const auto loaded = site.load(good);
    ASSERT_TRUE(loaded && site.diagnostics.ok()) << site.said();
    const Server& server = loaded->servers.at(0);
    EXPECT_EQ(server.name, "main");
    EXPECT_EQ(server.uri, "coaps://lwm2m.example");
    EXPECT_EQ(server.security, Security::psk);
    EXPECT_EQ(server.identity, "edge-0042");
    EXPECT_EQ(base::to_hex(server.key), "000102030405060708090a0b0c0d0e0f");
    EXPECT_EQ(server.lifetime, std::chrono::minutes(5));
    EXPECT_EQ(server.short_id, 1);
    EXPECT_EQ(loaded->links.kind(), base::Node::Kind::null);
    EXPECT_EQ(loaded->log_level, "info");
}

TEST(Config, servers_are_numbered_in_the_order_of_the_file) {
    Stage site;
    const auto loaded = site.load(
        "format: 1\ngateway: edge\nservers:\n  zeta: {uri: \"coap://a/\", security: nosec, lifetime: 30d}\n"
        "  alpha: {uri: \"coaps://[2001:db8::1]:5685\", identity: me, key: \"${secret:psk}\", lifetime: 15s}\nlog: {level: "
        "warn}\n");
    ASSERT_TRUE(loaded && site.diagnostics.ok()) << site.said();
    EXPECT_EQ(loaded->servers.at(0).name, "zeta");
    EXPECT_EQ(loaded->servers.at(0).uri, "coap://a");
    EXPECT_EQ(loaded->servers.at(0).security, Security::nosec);
    EXPECT_EQ(loaded->servers.at(0).lifetime, std::chrono::days(30));
    EXPECT_TRUE(loaded->servers.at(0).key.empty());
    EXPECT_EQ(loaded->servers.at(1).short_id, 2);
    EXPECT_EQ(loaded->servers.at(1).identity, "me");
    EXPECT_EQ(loaded->servers.at(1).uri, "coaps://[2001:db8::1]:5685");
    EXPECT_EQ(loaded->log_level, "warn");
}

TEST(Config, a_server_has_settings_of_its_own) {
    Stage site;
    std::filesystem::copy_file("tests/unit/config/examples/good/server-settings.yaml", site.folder.path("gateway.yaml"));
    const auto loaded = site.load_folder();
    ASSERT_TRUE(loaded && site.diagnostics.ok()) << site.said();
    const Server& main = loaded->servers.at(0);
    EXPECT_EQ(main.order, 2U);
    EXPECT_TRUE(main.blocks && main.confirmable && main.queue && main.register_on_join);
    EXPECT_FALSE(main.storing);
    EXPECT_EQ(main.delay, std::chrono::seconds(10));
    EXPECT_EQ(main.retry.count, 3U);
    EXPECT_EQ(main.retry.timer, 2U);
    EXPECT_FALSE(main.retry.pause || main.retry.sequences);
    EXPECT_EQ(main.min_period, std::chrono::seconds(1));
    EXPECT_EQ(main.max_period, std::chrono::hours(1));
    EXPECT_EQ(main.profile_id, "6:27354b9a");
    EXPECT_EQ(main.send.every, std::chrono::seconds(10));
    EXPECT_EQ(main.send.paths, (std::vector<std::string>{"/3/0/9", "/dev1/3303/0/5700", "/*/3303"}));
    EXPECT_FALSE(main.send.devices);
    EXPECT_EQ(main.rights, 31);
    EXPECT_EQ(loaded->servers.at(1).rights, 5);
    EXPECT_TRUE(loaded->access_covers_devices);
    EXPECT_EQ(loaded->location->latitude, -33.9);
    EXPECT_FALSE(loaded->location->altitude);
    EXPECT_EQ(loaded->device.serial, "7");
    EXPECT_TRUE(loaded->device.factory_reset);
}

TEST(Config, settings_that_contradict_each_other_are_told) {
    Stage site;
    EXPECT_EQ(
        site.server("{uri: \"coaps://a\", key: \"${secret:psk}\", blocks: true, min_period: 1m, max_period: 30s}"),
        "gateway.yaml:4:58: server 'main': 'blocks' without 'order' holds up nobody; write order: 1, and higher numbers at "
        "the others\n"
        "gateway.yaml:4:92: server 'main': 'max_period' is below 'min_period'; write a longer one, or leave it out for "
        "none\n");
}

TEST(Config, an_empty_folder_is_told_how_to_begin) {
    Stage site;
    EXPECT_FALSE(site.load_folder());
    EXPECT_EQ(site.said(),
              "gateway.yaml: there is none in SITE; begin with three keys: format: 1, gateway: NAME, servers: {main: {uri: "
              "\"coaps://HOST\", "
              "key: \"${secret:NAME}\"}}\n");
}

TEST(Config, a_site_without_devices_d_is_told) {
    Stage site;
    std::filesystem::remove(site.folder.path("devices.d"));
    EXPECT_TRUE(site.load(good));
    EXPECT_EQ(site.said(),
              "devices.d: there is no such folder in SITE; make it, with a file for the devices of this site: format: 1, "
              "devices: [...]\n");
    site.folder.write("devices.d", "");
    site.load(good);
    EXPECT_EQ(site.said(), "devices.d: cannot be read: Not a directory; check the folder and its permissions\n");
}

TEST(Config, every_missing_key_is_told_at_once) {
    Stage site;
    EXPECT_EQ(site.mistakes("log: {levle: info}\nservres: {}\nstore: {memory: 8MiB}\n"),
              "gateway.yaml:1:1: gateway.yaml: 'format' is missing; write format: 1 as the first line\n"
              "gateway.yaml:1:1: gateway.yaml: 'gateway' is missing; write gateway: NAME, as the server knows this gateway "
              "(its endpoint name)\n"
              "gateway.yaml:1:1: gateway.yaml: 'servers' is missing; write servers: {main: {uri: \"coaps://HOST\", key: "
              "\"${secret:NAME}\"}}\n"
              "gateway.yaml:1:7: unknown key 'levle' in 'log'; did you mean 'level'?\n"
              "gateway.yaml:2:1: unknown key 'servres' in gateway.yaml; did you mean 'servers'?\n"
              "gateway.yaml:3:8: gateway.yaml: 'store' is not in this version; remove it\n");
    EXPECT_EQ(site.mistakes(""), "gateway.yaml:1:1: gateway.yaml is nothing, not a map; write it as `key: value` lines\n");
    EXPECT_FALSE(site.load("[1, 2]\n"));
    EXPECT_FALSE(site.load("format: 1\n gateway: [\n"));
}

TEST(Config, format_is_1_and_comes_first) {
    Stage site;
    EXPECT_EQ(site.mistakes("gateway: edge\nformat: 1\nservers: {main: {uri: \"coap://h\", security: nosec}}\n"),
              "gateway.yaml:2:9: gateway.yaml: 'format' does not come first; move it to the top\n");
    EXPECT_EQ(site.mistakes("format: 2\ngateway: edge\nservers: {main: {uri: \"coap://h\", security: nosec}}\n"),
              "gateway.yaml:1:9: gateway.yaml: format '2' is not known; write format: 1\n");
}

TEST(Config, the_endpoint_name_has_1_to_255_bytes) {
    Stage site;
    constexpr auto server = "{uri: \"coap://h\", security: nosec}";
    EXPECT_EQ(site.server(server, std::string(255, 'x')), "");
    const std::string why =
        "gateway.yaml:2:10: gateway.yaml: 'gateway' cannot be an endpoint name; write 1 to 255 bytes without control "
        "characters\n";
    EXPECT_EQ(site.server(server, std::string(256, 'x')), why);
    EXPECT_EQ(site.server(server, "\"\""), why);
    EXPECT_EQ(site.server(server, "\"a\\nb\""), why);
    EXPECT_EQ(
        site.server(server, "4711"),
        "gateway.yaml:2:10: gateway.yaml: 'gateway' must be text, not a whole number; write it in quotes: gateway: \"4711\"\n");
}

TEST(Config, going_without_security_has_to_be_written_out) {
    Stage site;
    EXPECT_EQ(site.server("{uri: \"coap://h\", security: nosec}"), "");
    EXPECT_EQ(site.server("{uri: \"coap://h\"}"),
              "gateway.yaml:4:15: server 'main': coap:// goes without any security; write coaps://, or allow it with security: "
              "nosec\n");
    EXPECT_EQ(
        site.server("{uri: \"coaps://h\", security: nosec}"),
        "gateway.yaml:4:38: server 'main': coaps:// with security: nosec; write security: psk, or coap:// to go without\n");
    EXPECT_EQ(site.server("{uri: \"coap://h\", security: psk, key: \"${secret:psk}\"}"),
              "gateway.yaml:4:15: server 'main': coap:// cannot have security: psk; write coaps://\n");
    EXPECT_EQ(
        site.server("{uri: \"coap://h\", security: nosec, identity: me, key: \"${secret:psk}\"}"),
        "gateway.yaml:4:54: server 'main': 'identity' has no use with security: nosec; remove it, or write security: psk\n"
        "gateway.yaml:4:63: server 'main': 'key' has no use with security: nosec; remove it, or write security: psk\n");
    EXPECT_EQ(site.server("{uri: \"coaps://h\", security: tls, key: \"${secret:psk}\"}"),
              "gateway.yaml:4:38: server 'main': 'security' cannot be 'tls'; write one of psk, nosec\n");
}

TEST(Config, a_key_is_named_and_never_written) {
    Stage site;
    const std::string why =
        "server 'main': 'key' does not name a secret; never write the key into the file: write \"${secret:NAME}\" and put it "
        "into the file "
        "NAME of the folder of secrets\n";
    for (const auto* literal :
         {"swordfish-swordfish", "\"hex:000102030405\"", "123456", "[1, 2]", "{a: swordfish}", "", "0123456789", "yes"}) {
        const auto said = site.server(fmt::format("{{uri: \"coaps://h\", key: {}}}", literal));
        EXPECT_NE(said.find(why), std::string::npos) << said;
        for (const auto* part : {"swordfish", "0001020304", "123456"}) EXPECT_EQ(said.find(part), std::string::npos) << said;
    }
    EXPECT_EQ(site.server("{uri: \"coaps://h\", key: \"${secret:My Key}\"}"),
              "gateway.yaml:4:33: server 'main': 'key' names a secret that cannot be; a secret's name has only a-z, 0-9 and . "
              "_ - in it: "
              "\"${secret:lwm2m-psk}\"\n");
    EXPECT_EQ(site.server("{uri: \"coaps://h\"}"),
              "gateway.yaml:4:9: server 'main': 'key' is missing; write key: \"${secret:NAME}\", and put the key into the file "
              "NAME of the "
              "folder of secrets\n");
}

TEST(Config, what_is_wrong_with_a_secret_is_told_at_the_servers_key) {
    Stage site;
    const auto said = [&](const char* name) {
        return site.server(fmt::format("{{uri: \"coaps://h\", key: \"${{secret:{}}}\"}}", name));
    };
    const std::string place = "gateway.yaml:4:33: server 'main': ";
    EXPECT_EQ(said("none"), place + "no secret 'none' in SITE/secrets; put it into SITE/secrets/none and `chmod 600` that\n");
    site.folder.write("secrets/open", "swordfish", 0644);
    EXPECT_EQ(said("open"),
              place + "SITE/secrets/open: others than its owner may use it (mode 0644); `chmod 600 SITE/secrets/open`\n");
    site.folder.write("secrets/long", std::string(65, 'x'));
    EXPECT_EQ(said("long"), place + "the secret 'long' has 65 bytes; a key has 1 to 64 bytes, 16 or more are safe\n");
    site.folder.write("secrets/most", std::string(64, 'x'));
    EXPECT_EQ(said("most"), "");
    site.folder.write("secrets/short", "x");
    EXPECT_EQ(said("short"), "");
}

TEST(Config, an_identity_has_1_to_128_bytes) {
    Stage site;
    const auto with = [](const std::string& identity) {
        return fmt::format("{{uri: \"coaps://h\", key: \"${{secret:psk}}\"{}}}", identity);
    };
    EXPECT_EQ(site.server(with(", identity: " + std::string(128, 'i'))), "");
    const std::string why =
        "gateway.yaml:4:60: server 'main': 'identity' cannot be a PSK identity; write 1 to 128 bytes without control "
        "characters\n";
    EXPECT_EQ(site.server(with(", identity: " + std::string(129, 'i'))), why);
    EXPECT_EQ(site.server(with(", identity: \"\"")), why);
    EXPECT_EQ(site.server(with(""), std::string(129, 'x')),
              "gateway.yaml:4:9: server 'main': the gateway's name is over 128 bytes, too long for a PSK identity; write a "
              "shorter one: identity: NAME\n");
}

TEST(Config, a_lifetime_is_a_span_of_whole_seconds) {
    Stage site;
    const auto said = [&](const char* lifetime) {
        return site.server(fmt::format("{{uri: \"coap://h\", security: nosec, lifetime: {}}}", lifetime));
    };
    EXPECT_EQ(said("15s"), "");
    EXPECT_EQ(said("30d"), "");
    EXPECT_EQ(said("1.5m"), "");
    EXPECT_EQ(said("14s"), "gateway.yaml:4:54: server 'main': 'lifetime' is 14s; write whole seconds from 15s to 30d\n");
    EXPECT_EQ(said("0s"), "gateway.yaml:4:54: server 'main': 'lifetime' is 0s; write whole seconds from 15s to 30d\n");
    EXPECT_EQ(said("31d"), "gateway.yaml:4:54: server 'main': 'lifetime' is 31d; write whole seconds from 15s to 30d\n");
    EXPECT_EQ(said("15500ms"), "gateway.yaml:4:54: server 'main': 'lifetime' is 15.5s; write whole seconds from 15s to 30d\n");
    EXPECT_EQ(said("300"), "gateway.yaml:4:54: server 'main': 'lifetime' is a bare number; write its unit: 300s or 300ms\n");
}

TEST(Config, there_are_1_to_16_servers) {
    Stage site;
    const auto said = [&](int count) {
        std::string text = "format: 1\ngateway: edge\nservers:\n";
        for (int i = 0; i < count; ++i) text += fmt::format("  s{}: {{uri: \"coap://h\", security: nosec}}\n", i);
        return site.mistakes(text + (count == 0 ? "  {}\n" : ""));
    };
    EXPECT_EQ(said(16), "");
    EXPECT_EQ(said(17), "gateway.yaml:4:3: gateway.yaml: 17 servers; at most 16\n");
    EXPECT_EQ(
        said(0),
        "gateway.yaml:4:3: gateway.yaml: no server; write servers: {main: {uri: \"coaps://HOST\", key: \"${secret:NAME}\"}}\n");
}

TEST(Config, the_examples_are_accepted_or_refused_as_the_schema_does) {  // tests/unit/config/schema_test.py reads the same
    int count = 0;
    for (const bool accepted : {true, false}) {
        for (const auto& example : std::filesystem::directory_iterator(accepted ? "tests/unit/config/examples/good"
                                                                                : "tests/unit/config/examples/bad")) {
            Stage site;
            std::filesystem::copy_file(example.path(), site.folder.path("gateway.yaml"));
            site.load_folder();
            EXPECT_EQ(site.diagnostics.ok(), accepted) << example.path() << "\n" << site.said();
            ++count;
        }
    }
    EXPECT_GT(count, 30);
}

std::string uri(std::string_view text) {
    UriMistake mistake;
    const auto parsed = parse_server_uri(text, mistake);
    return parsed ? parsed->str() : mistake.what + "; " + mistake.remedy;
}

TEST(ServerUri, takes_what_names_a_server) {
    for (const auto* same : {"coap://h", "coaps://lwm2m.example:5684", "coap://192.0.2.10:1", "coaps://[2001:db8::1]",
                             "coap://[::1]:65535", "coap://a_b-c.d."})
        EXPECT_EQ(uri(same), same);
    EXPECT_EQ(uri("coap://h:5683/"), "coap://h:5683");
    UriMistake mistake;
    const auto parsed = parse_server_uri("coaps://[2001:db8::1]:5684", mistake);
    EXPECT_TRUE(parsed->secure);
    EXPECT_EQ(parsed->host, "2001:db8::1");
    EXPECT_EQ(parsed->port, 5684);
}

TEST(ServerUri, tells_what_is_wrong) {
    EXPECT_EQ(uri("lwm2m.example"), "'uri' is no URI; write coaps://HOST or coaps://HOST:PORT");
    EXPECT_EQ(uri("http://h"), "this version cannot speak 'http' to a server; write coaps:// or coap://");
    EXPECT_EQ(uri("coaps+tcp://h"), "this version cannot speak 'coaps+tcp' to a server; write coaps:// or coap://");
    EXPECT_EQ(uri("coap://h:5683/rd"), "something behind host and port in the 'uri'; write coap://h:5683");
    EXPECT_EQ(uri("coap://h?a=1"), "something behind host and port in the 'uri'; write coap://h");
    EXPECT_EQ(uri("coaps://me@h"), "a user in the 'uri'; write the host alone; 'identity' and 'key' say who we are");
    EXPECT_EQ(uri("coap://"), "no host in the 'uri'; write coap://HOST");
    EXPECT_EQ(uri("coap://:5683"), "no host in the 'uri'; write coap://HOST");
    EXPECT_EQ(uri("coap://h:"), "'' is no port; write a number from 1 to 65535, or leave it out with its ':'");
    EXPECT_EQ(uri("coap://h:0"), "'0' is no port; write a number from 1 to 65535, or leave it out with its ':'");
    EXPECT_EQ(uri("coap://h:65536"), "'65536' is no port; write a number from 1 to 65535, or leave it out with its ':'");
    EXPECT_EQ(uri("coap://h:56x"), "'56x' is no port; write a number from 1 to 65535, or leave it out with its ':'");
    EXPECT_EQ(uri("coaps://2001:db8::1"), "an IPv6 address without brackets in the 'uri'; write coaps://[2001:db8::1]:5684");
    EXPECT_EQ(uri("coap://[2001:db8::1"), "a '[' without its ']' in the 'uri'; write the IPv6 address as [2001:db8::1]");
    EXPECT_EQ(uri("coap://[2001::db8::1]"), "'2001::db8::1' is no IPv6 address; write it as [2001:db8::1]");
    EXPECT_EQ(uri("coap://[fe80::1%eth0]"),
              "an address that is valid on one interface only in the 'uri'; write a global address or a name");
    EXPECT_EQ(uri("coap://[::1]5683"), "something behind the ']' in the 'uri'; write [2001:db8::1] or [2001:db8::1]:5684");
    EXPECT_EQ(uri("coap://192.0.2.300"), "'192.0.2.300' is no IPv4 address; write four numbers from 0 to 255: 192.0.2.10");
    EXPECT_EQ(uri("coap://-h"), "'-h' is no name of a host; write letters, digits, '-' and '.'");
    EXPECT_EQ(uri("coap://a..b"), "'a..b' is no name of a host; write letters, digits, '-' and '.'");
    EXPECT_EQ(uri("coap://h\n"),
              "'uri' is too long, or has characters that no URI has; write coaps://HOST or coaps://HOST:PORT");
    EXPECT_EQ(uri("coap://" + std::string(300, 'h')),
              "'uri' is too long, or has characters that no URI has; write coaps://HOST or coaps://HOST:PORT");
}

std::string names(const std::vector<base::Node>& nodes) {
    std::string out;
    for (const auto& node : nodes) out += node.at().file + " ";
    return out;
}

TEST(Config, reads_the_sites_folder_in_name_order_and_its_own_profiles_first) {
    Stage site;
    site.folder.write("devices.d/20-hall.yaml", "a: 1\n");
    site.folder.write("devices.d/10-roof.yaml", "a: 1\n");
    site.folder.write("devices.d/README", "not read");
    site.folder.write("devices.d/.hidden.yaml", "[");
    site.folder.write("devices.d/old/30.yaml", "[");  // only its own files
    site.folder.write("profiles/zeta/b.yaml", "a: 1\n");
    site.folder.write("profiles/acme/em24.yaml", "a: 1\n");
    SiteFolder shipped;
    shipped.write("acme/em24.yaml", "a: 1\n");
    site.folder.write("gateway.yaml", good);
    const auto loaded = site.load_folder({shipped.path(), true, {}});
    ASSERT_TRUE(loaded && site.diagnostics.ok()) << site.said();
    EXPECT_EQ(names(loaded->devices), "devices.d/10-roof.yaml devices.d/20-hall.yaml ");
    EXPECT_EQ(names(loaded->profiles), "profiles/acme/em24.yaml profiles/zeta/b.yaml " + shipped.path("acme/em24.yaml") + " ");
}

// Which of the shipped a-z/x@1 … are read with these devices.
std::string shipped_ones_read(std::string_view devices, std::vector<std::string> also = {}) {
    Stage site;
    SiteFolder shipped;
    for (const char* name : {"acme/em24", "acme/em25", "zeta/t1"})
        shipped.write(fmt::format("{}.yaml", name), fmt::format("profile: {}\nrevision: 1\n", name));
    shipped.write("broken/one.yaml", "a: [\n");
    site.folder.write("gateway.yaml", good);
    site.folder.write("profiles/zeta/t1.yaml", "profile: zeta/t1\nrevision: 2\n");
    site.folder.write("devices.d/a.yaml", devices);
    const auto loaded = site.load_folder({shipped.path(), false, std::move(also)});
    std::string read;
    for (const auto& profile : loaded->profiles)
        if (profile.at().file.starts_with(shipped.path())) read += profile.find("profile")->written() + " ";
    return read + (site.diagnostics.ok() ? "" : "with mistakes");
}

TEST(Config, reads_of_the_shipped_profiles_those_that_are_named) {
    EXPECT_EQ(shipped_ones_read("devices: []\n"), "");
    EXPECT_EQ(shipped_ones_read("devices: [{id: a, profile: acme/em24@1}, {id: b, profile: acme/em24@1}]\n"), "acme/em24 ");
    EXPECT_EQ(shipped_ones_read("discover: [{rules: [{profile: acme/em25@1}]}]\n"), "acme/em25 ");
    EXPECT_EQ(shipped_ones_read("devices: [{id: a, profile: zeta/t1@2}]\n"), "") << "the site has its own";
    EXPECT_EQ(shipped_ones_read("devices: []\n", {"zeta/t1@1"}), "zeta/t1 ");
}

TEST(Config, reads_all_shipped_profiles_when_a_name_is_not_found) {
    const std::string all = "acme/em24 acme/em25 zeta/t1 with mistakes";
    EXPECT_EQ(shipped_ones_read("devices: [{id: a, profile: acme/em42@1}]\n"), all);
    EXPECT_EQ(shipped_ones_read("devices: [{id: a, profile: acme/em24@2}]\n"), all) << "to say which revisions there are";
    EXPECT_EQ(shipped_ones_read("devices: [{id: a, profile: acme/em24}]\n"), all);
    EXPECT_EQ(shipped_ones_read("devices: [{id: a, profile: ../acme/em24@1}]\n"), all);
    EXPECT_EQ(shipped_ones_read("devices: [{id: a, profile: broken/one@1}]\n"), all);
}

TEST(Config, tells_the_mistakes_of_all_files_at_once) {
    Stage site;
    site.folder.write("devices.d/a.yaml", "format: 1\ndevices: yes\n");
    site.folder.write("devices.d/b.yml", "format: 1\n");
    site.folder.write("profiles/acme/em24.yaml", "a: [\n");
    site.folder.write("profiles/acme/em25.yaml", "a: 1\na: 2\n");
    const auto loaded = site.load("format: 2\ngateway: edge\nservers: {main: {uri: \"coap://h\", security: nosec}}\n");
    EXPECT_EQ(
        site.said(),
        "devices.d/a.yaml:2:10: 'yes' is true to some tools and text to others; write true, or \"yes\" in quotes for the text\n"
        "devices.d/b.yml: would not be read; rename it to end with .yaml\n"
        "gateway.yaml:1:9: gateway.yaml: format '2' is not known; write format: 1\n"
        "profiles/acme/em24.yaml:1:4: what this bracket opens does not end; close it, or put the comma that is missing before "
        "line 2, column 1\n"
        "profiles/acme/em25.yaml:2:1: the key 'a' is there already, in line 1; keep one of them\n");
    ASSERT_TRUE(loaded);
    EXPECT_EQ(names(loaded->profiles), "profiles/acme/em25.yaml ");
}

TEST(Config, other_files_are_looked_at_even_when_gateway_yaml_is_broken) {
    Stage site;
    site.folder.write("devices.d/a.yaml", "a: yes\n");
    EXPECT_FALSE(site.load("a: [\n"));
    EXPECT_EQ(site.diagnostics.count(), 2U);
}

TEST(Config, a_folder_is_bounded) {
    Stage site;
    site.folder.write("profiles/a/b/c/d/e.yaml", "a: 1\n");
    site.load(good);
    EXPECT_EQ(site.said(), "profiles/a/b/c/d: folders nest deeper than 4; write profiles/<maker>/<model>.yaml\n");
    Stage many;
    for (int i = 0; i <= 2000; ++i) many.folder.write(fmt::format("devices.d/{}.yaml", i), "a: 1\n");
    const auto loaded = many.load(good);
    EXPECT_EQ(many.said(), "devices.d: over 2000 files; put several devices or profiles into one file\n");
    EXPECT_EQ(loaded->devices.size(), 2000U);
}

TEST(Config, a_file_without_rights_is_told) {
    Stage site;
    site.folder.write("gateway.yaml", "format: 1\ngateway: edge\nservers: {main: {uri: \"coap://h\", security: nosec}}\n",
                      0644);
    site.folder.write("devices.d/a.yaml", "a: 1\n", 0);
    const bool root = ::geteuid() == 0;  // may read everything
    ASSERT_EQ(root ? ::seteuid(65534) : 0, 0);
    site.load_folder();
    ASSERT_EQ(root ? ::seteuid(0) : 0, 0);
    EXPECT_EQ(site.said(), "devices.d/a.yaml: cannot be read: no permission to read it; check the path and its permissions\n");
}

TEST(Config, profiles_can_be_read_by_themselves) {
    SiteFolder folder;
    folder.write("acme/em24.yaml", "a: 1\n");
    Diagnostics diagnostics;
    EXPECT_EQ(load_profiles(folder.path(), diagnostics).size(), 1U);
    EXPECT_TRUE(load_profiles(folder.path("none"), diagnostics).empty());
    EXPECT_TRUE(load_profiles("", diagnostics).empty());
    EXPECT_TRUE(diagnostics.ok());
}

}  // namespace
}  // namespace config
