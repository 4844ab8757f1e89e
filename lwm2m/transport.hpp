#pragma once

#include "gateway/base/time.hpp"
#include "lwm2m/operation.hpp"
#include "lwm2m/value.hpp"

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// The engine and the wire. No CoAP is left in these types: no options, tokens, message ids or blocks.
namespace lwm2m {

using ServerId = std::uint16_t;       ///< Short Server ID, 1..65534
using ObservationId = std::uint64_t;  ///< the transport's number for (session, token); 0: none

enum class Method : std::uint8_t { get = 1, post, put, remove, fetch, patch, ipatch };
enum class Observe : std::uint8_t { none, start, cancel };

/// A whole request of a server: blocks are joined, duplicates are gone.
struct Request {
    Method method = Method::get;
    std::vector<std::string> path;   ///< Uri-Path segments as they came
    std::vector<std::string> query;  ///< Uri-Query options as they came
    std::optional<std::uint16_t> content_format, accept;
    Bytes payload;
    Observe observe = Observe::none;
    ObservationId observation = 0;  ///< with start: the new one's number; with cancel: 0 when the token is unknown
};

struct Response {
    Code code = Code::internal;
    std::optional<std::uint16_t> content_format{};
    Bytes payload{};
    std::vector<std::string> location{};     ///< Location-Path, for Create
    std::optional<std::uint32_t> max_age{};  ///< seconds
    bool observing = false;                  ///< answer to Observe start: accepted
    std::uint32_t number = 0;                ///< of a notification: on_acknowledged() names it; 0: nobody wants to know
    bool keep = false;                       ///< a notification that a later one does not replace while it waits
};

/// The answer to one request, given exactly once, at once or much later. Dropped, it answers 5.00 by itself.
class Reply {
public:
    using Send = std::function<void(Response)>;
    Reply() = default;
    explicit Reply(Send send) : send_(std::move(send)) {}
    Reply(Reply&& other) noexcept : send_(std::exchange(other.send_, nullptr)) {}
    Reply& operator=(Reply&& other) noexcept {
        std::swap(send_, other.send_);
        return *this;
    }
    ~Reply() {
        if (send_) send_(Response{Code::internal});
    }
    void operator()(Response response) && { std::exchange(send_, nullptr)(std::move(response)); }
    explicit operator bool() const { return static_cast<bool>(send_); }

private:
    Send send_;
};

/// Our own request to a server: Register, Update, De-register, Send. Confirmable.
struct Uplink {
    Method method = Method::post;
    std::vector<std::string> path, query;
    std::optional<std::uint16_t> content_format{};
    Bytes payload{};
};
struct UplinkAnswer {
    Code code = Code::internal;
    std::vector<std::string> location;
    std::optional<std::uint32_t> max_age;
    Bytes payload;
};
/// Failed: timeout (no answer), offline (no name, no route, handshake failed).
using Answer = std::function<void(Result<UplinkAnswer>)>;

enum class Security : std::uint8_t { psk = 0, nosec = 3 };
struct ServerAccount {
    ServerId id = 1;
    std::string name;  ///< as in gateway.yaml, for the log
    std::string uri;   ///< coap://host[:port] or coaps://host[:port]
    Security security = Security::psk;
    std::string identity;  ///< PSK identity, at most 128 bytes
    Bytes key;             ///< PSK, at most 64 bytes; never logged
};

enum class Lost : std::uint8_t { reset, timeout };

/// Implemented by lwm2m::Client, called by the transport on the core loop.
class RequestHandler {
public:
    virtual void on_request(ServerId, Request, Reply) = 0;
    /// A notification came back: reset (the server forgot it) or was not acknowledged (the server is away).
    virtual void on_lost(ServerId, ObservationId, Lost) = 0;
    /// A confirmable notification with a number arrived.
    virtual void on_acknowledged(ServerId, ObservationId, std::uint32_t /*number*/) {}
    /// The session ended (handshake lost, peer forgot us, address changed): the next uplink opens a new one.
    virtual void on_session_closed(ServerId, const std::string& why) = 0;

protected:
    ~RequestHandler() = default;
};

/// lwm2m/coap/coap_transport implements it; tests/fakes/scripted_server.hpp too.
class Transport {
public:
    virtual void set_handler(RequestHandler&) = 0;
    /// Prepares an account; name look-up and handshake start with the first send(). Never blocks.
    /// Errc::bad_request for an account that cannot be (URI, key length).
    virtual Result<void> open(const ServerAccount&) = 0;
    /// Ends the session; waiting answers fail with Errc::offline.
    virtual void close(ServerId) = 0;
    /// Drops the session but keeps the account, so that the next send() looks the name up and shakes hands anew.
    virtual void reconnect(ServerId) = 0;
    virtual void send(ServerId, Uplink, Answer) = 0;
    /// A later value for an observation. It replaces one that still waits for its turn, unless that one is to be kept.
    virtual void notify(ServerId, ObservationId, Response, bool confirmable) = 0;
    /// The engine forgot it.
    virtual void end(ServerId, ObservationId) = 0;

protected:
    ~Transport() = default;
};

}  // namespace lwm2m
