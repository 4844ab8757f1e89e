#include "tests/unit/modbus/link_stage.hpp"
#include "tests/unit/modbus/peers.hpp"
#include "tests/unit/modbus/tls_peer.hpp"

#include <filesystem>
#include <fstream>

/// Modbus/TCP Security against OpenSSL: who is let in, who is told what.
namespace adapters::modbus {
namespace {

namespace fs = std::filesystem;
using Wish = Credentials::Wish;
using namespace std::chrono_literals;

/// Certificates of one plant, and files of ours for a link.
struct Plant {
    Plant() {
        std::string name = fs::temp_directory_path() / "tls_XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
        folder = name;
        device_port = static_cast<std::uint16_t>(std::stoi(device.listen().substr(16)));
        write("ca.pem", authority.certificate_pem());
        write("own.pem", gateway.certificate_pem());
        write("own.key", gateway.key_pem());
        write("other-ca.pem", stranger.certificate_pem());
        write("other.pem", intruder.certificate_pem());
        write("other.key", intruder.key_pem());
    }
    ~Plant() {
        std::error_code ignored;
        fs::remove_all(folder, ignored);
    }
    void write(const std::string& name, const std::string& text) const { std::ofstream(folder / name) << text; }
    std::string link(std::uint16_t port, const std::string& more = "", const std::string& ca = "ca.pem",
                     const std::string& own = "own") const {
        const auto file = [&](const std::string& name) { return (folder / name).string(); };
        return fmt::format("{{modbus: \"tls://127.0.0.1:{}\", ca: {}, certificate: {}, key: {}{}}}", port, file(ca),
                           file(own + ".pem"), file(own + ".key"), more);
    }
    Credentials meter(Wish wish = {}) const {
        if (wish.alternative.empty()) wish.alternative = "IP:127.0.0.1,DNS:meter.example";
        return {wish, &authority};
    }
    /// What a link to a device with this certificate says first.
    std::string first_words(const Credentials& own, const std::string& link_text, const Credentials& trusted) {
        return first_words(own, link_text, trusted, {});
    }
    std::string first_words(const Credentials& own, const std::string& link_text, const Credentials& trusted,
                            TlsPeer::Ways ways) {
        TlsPeer peer(own, trusted, device_port, ways);
        std::string text = link_text;
        text.replace(text.find("PORT"), 4, std::to_string(peer.port()));
        LinkStage stage(text);
        stage.start();
        EXPECT_TRUE(stage.turn_until([&] { return !stage.said.empty(); }));
        return stage.said.empty() ? "" : stage.said[0];
    }
    std::string with_port(const std::string& more = "", const std::string& ca = "ca.pem",
                          const std::string& own = "own") const {
        std::string text = link(9, more, ca, own);
        text.replace(text.find(":9\""), 2, ":PORT");
        return text;
    }

    fs::path folder;
    LibmodbusDevice device;
    std::uint16_t device_port = 0;
    Credentials authority{{.name = "plant", .authority = true}, nullptr};
    Credentials gateway{{.name = "gateway"}, &authority};
    Credentials stranger{{.name = "stranger", .authority = true}, nullptr};
    Credentials intruder{{.name = "intruder"}, &stranger};
};

TEST(Tls, ReadsAndWritesADeviceOfThePlant) {
    Plant plant;
    for (const bool rsa : {false, true}) {
        TlsPeer peer(plant.meter({.rsa = rsa}), plant.authority, plant.device_port, {.slice = 1});
        LinkStage stage(plant.link(peer.port()));
        EXPECT_FALSE(stage.bus->rtu_frames());
        stage.start();
        EXPECT_TRUE(stage.is("up: connected with TLSv1.2"));
        for (std::uint16_t i = 0; i < 10; ++i) EXPECT_EQ(stage.read(1, i), fmt::format("{}", i * 10));
        EXPECT_EQ(stage.ask({.unit = 1, .function = Function::write_register, .address = 5, .values = {0, 50}}), Bytes{});
        const auto many = stage.ask({.unit = 1, .address = 0, .count = 100});
        ASSERT_TRUE(many);
        EXPECT_EQ(many->size(), 200U);
        EXPECT_EQ(peer.last(), rsa ? "TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 of /CN=gateway"
                                   : "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256 of /CN=gateway");
        EXPECT_EQ(peer.handshakes(), 1U);
        stage.stop();
    }
}

TEST(Tls, OldSuitesOfDevicesServe) {
    Plant plant;
    TlsPeer peer(plant.meter({.rsa = true}), plant.authority, plant.device_port, {.suites = "AES128-SHA256"});
    LinkStage stage(plant.link(peer.port()));
    stage.start();
    ASSERT_TRUE(stage.up());
    EXPECT_EQ(stage.read(1, 7), "70");
    EXPECT_EQ(peer.last(), "TLSv1.2 AES128-SHA256 of /CN=gateway");
}

TEST(Tls, ADeviceThatIsNotToBeTrustedIsToldInOneLine) {
    Plant plant;
    const std::string why = " (Mbed TLS: X509 - Certificate verification failed, e.g. CRL, CA or signature check failed)";
    EXPECT_EQ(plant.first_words(plant.meter(), plant.with_port("", "other-ca.pem"), plant.authority),
              "down: the device is not trusted: its certificate is not signed by the authority of 'ca'" + why);
    EXPECT_EQ(plant.first_words(plant.meter({.valid_from = -7200, .valid_to = -3600}), plant.with_port(), plant.authority),
              "down: the device is not trusted: its certificate has expired" + why);
    EXPECT_EQ(plant.first_words(plant.meter({.valid_from = 3600, .valid_to = 7200}), plant.with_port(), plant.authority),
              "down: the device is not trusted: its certificate is not valid yet (is the clock right?)" + why);
    EXPECT_EQ(plant.first_words(plant.meter({.alternative = "DNS:other.example"}), plant.with_port(), plant.authority),
              "down: the device is not trusted: its certificate is for another name than 127.0.0.1" + why);
    EXPECT_EQ(plant.first_words(plant.meter(), plant.with_port(", server_name: pump.example"), plant.authority),
              "down: the device is not trusted: its certificate is for another name than pump.example" + why);
    EXPECT_EQ(plant.first_words(plant.meter({.alternative = "DNS:meter.example"}),
                                plant.with_port(", server_name: meter.example"), plant.authority),
              "up: connected with TLSv1.2");
}

TEST(Tls, WhatADeviceHasAgainstUsIsToldInOneLine) {
    Plant plant;
    const std::string alert = " (Mbed TLS: SSL - A fatal alert message was received from our peer, alert ";
    EXPECT_EQ(
        plant.first_words(plant.meter(), plant.with_port("", "ca.pem", "other"), plant.authority, {.newest = TLS1_2_VERSION}),
        "down: the device refuses us: our certificate is of an authority that it does not know" + alert + "48)");
    // An expired certificate of ours.
    const Credentials old({.name = "gateway", .valid_from = -7200, .valid_to = -3600}, &plant.authority);
    plant.write("old.pem", old.certificate_pem());
    plant.write("old.key", old.key_pem());
    EXPECT_EQ(plant.first_words(plant.meter(), plant.with_port("", "ca.pem", "old"), plant.authority),
              "down: the device refuses us: our certificate has expired" + alert + "45)");
}

TEST(Tls, NothingOlderThanTls12IsSpoken) {
    Plant plant;
    const std::string said =
        plant.first_words(plant.meter({.rsa = true}), plant.with_port(), plant.authority, {.newest = TLS1_1_VERSION});
    EXPECT_EQ(said.find("down: the device refuses us: "), 0U) << said;
}

TEST(Tls, ARefusedDeviceIsTriedAgainWithBackOffAndServesOnceItIsRight) {
    Plant plant;
    auto wrong = std::make_unique<TlsPeer>(plant.meter({.alternative = "DNS:other.example"}), plant.authority,
                                           plant.device_port, TlsPeer::Ways{});
    const std::uint16_t port = wrong->port();
    LinkStage stage(plant.link(port));
    stage.start();
    ASSERT_TRUE(stage.turn_until([&] { return wrong->refused() >= 2; }));
    EXPECT_EQ(stage.said.size(), 1U) << "said once";
    EXPECT_EQ(stage.read(1, 7), "not connected");
    EXPECT_LE(wrong->refused() + wrong->handshakes(), 3U);
    wrong.reset();
    TlsPeer right(plant.meter(), plant.authority, plant.device_port, {}, port);
    ASSERT_TRUE(stage.up());
    EXPECT_EQ(stage.read(1, 7), "70");
}

TEST(Tls, APeerThatSpeaksNoTlsIsGivenUp) {
    Plant plant;
    const int listener = loopback_socket(0, true);
    ManualLinkStage stage(plant.link(port_of(listener)));
    stage.start();
    int client = -1;
    ASSERT_TRUE(stage.turn_until([&] {
        pollfd one{listener, POLLIN, 0};
        if (client < 0 && ::poll(&one, 1, 0) > 0) client = ::accept(listener, nullptr, nullptr);
        char byte = 0;
        return client >= 0 && ::recv(client, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
    }));
    stage.clock.timers.advance(10s);
    EXPECT_TRUE(stage.is("down: the device does not go on with the TLS handshake"));
    ::close(client);
    ::close(listener);
}

TEST(Tls, MistakesInTheFilesAreFoundBeforeAnythingRuns) {
    Plant plant;
    const auto complaints = [&](const std::string& link) {
        base::Diagnostics diagnostics;
        const auto node = config::read_yaml(link, "gateway.yaml", diagnostics).value_or(base::Node{});
        Fields fields(node, "link 'bus'", diagnostics);
        EXPECT_FALSE(read_link(fields));
        fields.done();
        const std::string text = diagnostics.str();
        EXPECT_EQ(text.find("PRIVATE"), std::string::npos) << text;
        return text.substr(text.find("link 'bus'"));
    };
    fs::copy_file(plant.folder / "other.key", plant.folder / "mixed.key");
    fs::copy_file(plant.folder / "own.pem", plant.folder / "mixed.pem");
    EXPECT_EQ(complaints(plant.link(802, "", "ca.pem", "mixed")),
              "link 'bus': 'key' does not belong to 'certificate'; give the private key that the certificate was made for\n");
    plant.write("own.key", "-----BEGIN PRIVATE KEY-----\nbm9uc2Vuc2U=\n-----END PRIVATE KEY-----\n");
    EXPECT_EQ(complaints(plant.link(802)).find("link 'bus': 'key' holds no private key: "), 0U) << complaints(plant.link(802));
    EXPECT_EQ(complaints(plant.link(802, "", "own.key")).find("link 'bus': 'ca' holds no certificate: "), 0U);
    EXPECT_EQ(complaints("{modbus: tls://meter.example}").substr(0, 37), "link 'bus': 'ca' is missing; write ca");
}

TEST(Tls, TheKeyMayBeASecretsContent) {
    Plant plant;
    TlsPeer peer(plant.meter(), plant.authority, plant.device_port, {});
    std::string key;
    for (const char c : plant.gateway.key_pem()) key += c == '\n' ? std::string("\\n") : std::string(1, c);
    LinkStage stage(fmt::format("{{modbus: \"tls://127.0.0.1:{}\", ca: {}, certificate: {}, key: \"{}\"}}", peer.port(),
                                (plant.folder / "ca.pem").string(), (plant.folder / "own.pem").string(), key));
    stage.start();
    ASSERT_TRUE(stage.up());
    EXPECT_EQ(stage.read(1, 7), "70");
    EXPECT_EQ(stage.settings->where(), fmt::format("tls 127.0.0.1:{}", peer.port()));
}

}  // namespace
}  // namespace adapters::modbus
