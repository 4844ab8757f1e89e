#pragma once

#include "tests/peer/wire.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace peer {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

struct Options {
    std::string listen = "127.0.0.1:0";  ///< numeric host and port; port 0: any free one
    std::string identity;                ///< PSK identity; empty: plain CoAP over UDP
    Bytes key;                           ///< PSK, never printed
    std::string only;                    ///< the one LwM2M version that is not answered 4.12; empty: any
    std::chrono::milliseconds delay{0};  ///< answers of /rd and /dp come so late, as separate responses
    std::chrono::milliseconds ack_timeout{2000};
    std::uint16_t nstart = 16;  ///< requests in flight to one client
};

/// A session that stays while somebody holds it.
class SessionRef {
public:
    SessionRef() = default;
    explicit SessionRef(coap_session_t* session) : session_(session != nullptr ? coap_session_reference(session) : nullptr) {}
    SessionRef(const SessionRef& other) : SessionRef(other.session_) {}
    SessionRef(SessionRef&& other) noexcept : session_(std::exchange(other.session_, nullptr)) {}
    SessionRef& operator=(SessionRef other) noexcept {
        std::swap(session_, other.session_);
        return *this;
    }
    ~SessionRef() {
        if (session_ != nullptr) coap_session_release(session_);
    }
    coap_session_t* get() const { return session_; }

private:
    coap_session_t* session_ = nullptr;
};

struct Registration {
    std::string location, endpoint, version, binding, links;
    std::uint32_t lifetime = 0;  ///< s
    Clock::time_point ends;
    SessionRef session;
    int mid = 0;  ///< message id and token of the Register, to know its retransmissions
    Bytes token;
};

/// What to ask the client.
struct Call {
    Message request;
    std::string tag;  ///< comes back in the answer's event
    bool start_observation = false, cancel_observation = false;
};
struct Answer {
    Message response;
    std::string failure;  ///< why there is no response; empty otherwise
};
using Done = std::function<void(const Answer&)>;

class Requests;
class Server;

/// The server whose turn it is; null between turns.
extern Server* listening;

/// The LwM2M server: registrations at /rd, Send at /dp, and requests to whoever is registered.
/// Single-threaded; the owner waits on descriptor() and calls turn().
class Server {
public:
    using Event = std::function<void(const Json&)>;
    /// Throws std::runtime_error when the address cannot be had.
    Server(Options, Event);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    std::uint16_t port() const { return port_; }
    int descriptor() const;
    /// Longest wait in ms before the next turn.
    int patience();
    void turn();

    /// The client that commands go to: the one of use(), else the one that registered last; null when none is there.
    const Registration* client() const;
    bool use(const std::string& endpoint);
    const std::map<std::string, Registration>& registrations() const { return registrations_; }
    void call(Call, Done);
    /// The next notification of this path is answered with a Reset.
    bool forget_observation(const std::string& path);
    /// Drops all registrations, as a server that lost its memory.
    void forget();
    Options& options() { return options_; }
    /// While silent, requests get an empty acknowledgement and never an answer.
    void set_silent(bool silent) { silent_ = silent; }
    void emit(const Json& event) { event_(event); }

    // Called by libcoap.
    void on_request(coap_session_t*, const coap_pdu_t* request, coap_pdu_t* response);
    const coap_bin_const_t* on_identity(const coap_bin_const_t* identity);
    void on_session(coap_session_t*, coap_event_t);
    Requests& requests() { return *requests_; }

private:
    struct Delayed {
        Clock::time_point due;
        SessionRef session;
        Message message;
    };
    struct Upload {
        std::string key;
        Bytes body;
    };
    void listen();
    Message answer(coap_session_t*, Message request);
    Message register_client(coap_session_t*, const Message&);
    Message update_client(coap_session_t*, Registration&, const Message&);
    void drop(std::string location);  // a copy: callers name it by the entry that goes
    Json describe(const Registration&) const;

    Options options_;
    Event event_;
    coap_context_t* context_ = nullptr;
    std::uint16_t port_ = 0;
    coap_bin_const_t key_{};
    std::map<std::string, Registration> registrations_;  // by location
    std::string current_, chosen_;                       // locations; endpoint of use()
    unsigned next_location_ = 0;
    bool silent_ = false;
    std::vector<Delayed> delayed_;
    std::vector<Upload> uploads_;
    std::unique_ptr<Requests> requests_;
};

}  // namespace peer
