#pragma once

#include "lwm2m/coap/message.hpp"
#include "lwm2m/coap/options.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

namespace lwm2m::coap {

using Context = std::shared_ptr<coap_context_t>;  // a session holds it too
/// A libcoap context that serves every method and path, and hands what comes to the Session that it comes for.
/// Null when there is no memory. libcoap's log goes to base::log() from then on.
Context make_context();

/// One association with a server over UDP or DTLS, through libcoap, waiting on the event loop.
/// At most one confirmable message of ours is outstanding (NSTART, RFC 7252 4.7).
class Session : public std::enable_shared_from_this<Session> {
public:
    enum class End : std::uint8_t {
        unreachable,       ///< a confirmable message was never acknowledged
        handshake_failed,  ///< no DTLS session came about
        closed             ///< the server ended the DTLS session
    };
    /// All calls come from the event loop. The session may be dropped in none of them but on_end().
    class Owner {
    public:
        /// A request. `response` has its token, and type ACK for a confirmable request; with code 0 the empty ACK is sent,
        /// and nothing when its type is changed to NON.
        virtual void on_request(const coap_pdu_t* request, coap_pdu_t* response) = 0;
        /// False: nobody asked for it.
        virtual bool on_answer(const coap_pdu_t* answer) = 0;
        /// The outstanding message was acknowledged.
        virtual void on_delivered() = 0;
        /// The server wants nothing to do with a message of ours, outstanding or not.
        virtual void on_reset(std::uint16_t message) = 0;
        /// The server's host says that nobody listens there (ICMP): a hint only, anybody can send that.
        virtual void on_refused() = 0;
        virtual void on_connected() = 0;
        /// Once, and nothing after it.
        virtual void on_end(End) = 0;

    protected:
        ~Owner() = default;
    };
    struct Security {
        std::string identity;
        ByteView key;      ///< not kept beyond open()
        std::string name;  ///< for the server name indication; empty for a literal address
    };

    Session(boost::asio::any_io_executor executor, Context context, const Options& options, Owner& owner);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session();

    /// Begins: a DTLS handshake when `security` is there. False when there is no way to the address.
    bool open(const boost::asio::ip::udp::endpoint& server, const std::optional<Security>& security);

    /// The owner lets go: it hears nothing more. The session is closed when the last that runs inside it has returned.
    void abandon();

    /// A message with its token. Null when there is no memory.
    Pdu message(coap_pdu_type_t type, std::uint16_t message_id, const Token& token, std::uint8_t code = 0) const;
    std::uint16_t next_message_id();
    /// False when it cannot be sent. A confirmable one is outstanding from now on; there must be no other.
    /// Before the handshake is done it waits.
    bool send(Pdu pdu);
    /// The message that is outstanding.
    std::optional<std::uint16_t> outstanding() const { return outstanding_; }
    bool connected() const { return connected_; }
    bool uses_dtls() const { return secure_; }

    /// libcoap's call-backs.
    void handle_request(const coap_pdu_t* request, coap_pdu_t* response) { owner_.on_request(request, response); }
    bool handle_answer(const coap_pdu_t* answer);
    void handle_failure(coap_nack_reason_t reason, std::uint16_t message);

private:
    class Turn;
    void wait();
    void on_readable();
    void settle();
    void plan_wake();
    void end(End why);

    Owner& owner_;
    const Options& options_;
    Context context_;
    coap_session_t* session_ = nullptr;
    boost::asio::posix::stream_descriptor descriptor_;
    boost::asio::steady_timer wake_;  // libcoap's clock is the real one, so its repetitions are too
    std::optional<std::chrono::steady_clock::time_point> wake_at_;
    std::optional<std::uint16_t> outstanding_;
    std::optional<End> ending_;
    int depth_ = 0;
    bool secure_ = false, connected_ = false, ended_ = false, refused_ = false;
};

}  // namespace lwm2m::coap
