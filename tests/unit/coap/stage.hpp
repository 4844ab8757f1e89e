#pragma once

#include "lwm2m/coap/coap_transport.hpp"
#include "tests/fakes/manual_timers.hpp"
#include "tests/unit/coap/coap_message.hpp"

#include <arpa/inet.h>
#include <coap3/coap.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>

/// The transport on one side, a socket on the loopback that the test speaks CoAP through by hand on the other.
/// The transport's own delays are on manual time; libcoap's repetitions are on the real clock, so their time-outs are short.
namespace stage {

using namespace std::chrono_literals;

constexpr lwm2m::ServerId main_server = 7;

inline lwm2m::coap::Options quick() {
    lwm2m::coap::Options options;
    options.ack_timeout = 20ms;
    options.ack_random_factor = 1.0;
    options.max_retransmit = 2;
    return options;
}

/// A server's socket.
class Peer {
public:
    explicit Peer(int family = AF_INET) : socket_(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
        sockaddr_storage any{};
        any.ss_family = static_cast<sa_family_t>(family);
        if (family == AF_INET)
            reinterpret_cast<sockaddr_in&>(any).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        else
            reinterpret_cast<sockaddr_in6&>(any).sin6_addr = in6addr_loopback;
        usable_ = ::bind(socket_, reinterpret_cast<sockaddr*>(&any), size_of(family)) == 0;
        sockaddr_storage bound{};
        socklen_t size = sizeof bound;
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&bound), &size);
        port_ = ntohs(reinterpret_cast<sockaddr_in&>(bound).sin_port);  // at the same place for IPv6
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    ~Peer() { ::close(socket_); }

    bool usable() const { return usable_; }
    std::uint16_t port() const { return port_; }
    int descriptor() const { return socket_; }

    /// `flags`: MSG_PEEK leaves it there.
    std::optional<wire::Bytes> receive_bytes(int flags = 0) {
        wire::Bytes bytes(2048);
        socklen_t size = sizeof client_;
        const ssize_t count =
            ::recvfrom(socket_, bytes.data(), bytes.size(), flags, reinterpret_cast<sockaddr*>(&client_), &size);
        if (count < 0) return std::nullopt;
        client_size_ = size;
        bytes.resize(static_cast<std::size_t>(count));
        return bytes;
    }
    void send_bytes(wire::ByteView bytes) {
        ::sendto(socket_, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&client_), client_size_);
    }
    /// Where the last datagram came from: the client's port.
    const sockaddr_in& client() const { return reinterpret_cast<const sockaddr_in&>(client_); }
    std::uint16_t client_port() const { return ntohs(reinterpret_cast<const sockaddr_in&>(client_).sin_port); }

private:
    static socklen_t size_of(int family) { return family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6); }

    int socket_;
    bool usable_ = false;
    std::uint16_t port_ = 0;
    sockaddr_storage client_{};
    socklen_t client_size_ = 0;
};

/// What the engine would be.
struct Engine final : lwm2m::RequestHandler {
    struct Asked {
        lwm2m::Request request;
        lwm2m::Reply reply;  // empty when it was answered at once
    };
    std::deque<Asked> asked;
    std::function<std::optional<lwm2m::Response>(const lwm2m::Request&)> answer_at_once;
    std::vector<std::pair<lwm2m::ObservationId, lwm2m::Lost>> lost;
    std::vector<std::string> closed;

    void on_request(lwm2m::ServerId, lwm2m::Request request, lwm2m::Reply reply) override {
        if (answer_at_once) {
            if (auto response = answer_at_once(request)) std::move(reply)(std::move(*response));
        }
        asked.push_back({std::move(request), std::move(reply)});
    }
    void on_lost(lwm2m::ServerId, lwm2m::ObservationId id, lwm2m::Lost why) override { lost.emplace_back(id, why); }
    void on_acknowledged(lwm2m::ServerId, lwm2m::ObservationId id, std::uint32_t number) override {
        arrived.emplace_back(id, number);
    }
    std::vector<std::pair<lwm2m::ObservationId, std::uint32_t>> arrived;
    void on_session_closed(lwm2m::ServerId, const std::string& why) override { closed.push_back(why); }
};

inline lwm2m::Response text(const std::string& value, lwm2m::Code code = lwm2m::Code::content) {
    lwm2m::Response response{code};
    response.content_format = 0;
    response.payload.assign(value.begin(), value.end());
    return response;
}

inline lwm2m::Uplink register_uplink(const std::string& links = "</1/0>,</3/0>") {
    lwm2m::Uplink uplink;
    uplink.path = {"rd"};
    uplink.query = {"ep=gw", "lt=300"};
    uplink.content_format = 40;
    uplink.payload.assign(links.begin(), links.end());
    return uplink;
}

/// False with Debian 12's libcoap 4.3.1, which cannot do some things (cmake/third_party.cmake).
#ifdef COAP_RESOURCE_HANDLE_WELLKNOWN_CORE
constexpr bool full_libcoap = true;
#else
constexpr bool full_libcoap = false;
#endif

class Stage : public ::testing::Test {
protected:
    explicit Stage(lwm2m::coap::Options options = quick()) : transport(io.get_executor(), timers, random, options) {
        transport.set_handler(engine);
    }

    void open(const std::string& host = "127.0.0.1") {
        lwm2m::ServerAccount account;
        account.id = main_server;
        account.name = "main";
        account.uri = "coap://" + host + ":" + std::to_string(peer.port());
        account.security = lwm2m::Security::nosec;
        const auto opened = transport.open(account);
        ASSERT_TRUE(opened) << opened.error().message;
    }
    /// A session, as a server gets it: the client has registered.
    void registered() {
        open();
        send(register_uplink());
        const auto asked = receive();
        ASSERT_TRUE(asked);
        reply(wire::ack(*asked, wire::code(2, 1)).with(wire::location_path, "rd").with(wire::location_path, "5a3f"));
        run_until([this] { return !answers.empty(); });
        answers.clear();
    }

    void send(lwm2m::Uplink uplink) {
        transport.send(main_server, std::move(uplink),
                       [this](lwm2m::Result<lwm2m::UplinkAnswer> answer) { answers.push_back(std::move(answer)); });
    }
    /// Runs the loop until it holds, five seconds at most.
    bool run_until(const std::function<bool()>& holds) {
        const auto end = std::chrono::steady_clock::now() + 5s;
        while (!holds()) {
            if (std::chrono::steady_clock::now() > end) return false;
            io.restart();
            io.run_one_for(20ms);
        }
        return true;
    }
    /// All that is to be done without time going by.
    void settle() {
        io.restart();
        while (io.poll() != 0) io.restart();
    }
    /// The client's next message; nothing when none comes.
    std::optional<wire::Message> receive() {
        std::optional<wire::Bytes> bytes;
        run_until([this, &bytes] { return (bytes = peer.receive_bytes()).has_value(); });
        return bytes ? wire::Message::decode(*bytes) : std::nullopt;
    }
    bool silent() {
        settle();
        return !peer.receive_bytes();
    }
    void reply(const wire::Message& message) { peer.send_bytes(message.encoded()); }
    /// Sends a request and gives the next message back.
    std::optional<wire::Message> ask(const wire::Message& message) {
        reply(message);
        return receive();
    }

    boost::asio::io_context io;
    fakes::ManualTimers timers;
    fakes::FixedRandom random;
    Engine engine;
    Peer peer;
    lwm2m::coap::CoapTransport transport;
    std::vector<lwm2m::Result<lwm2m::UplinkAnswer>> answers;
};

}  // namespace stage
