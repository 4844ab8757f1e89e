#include "lwm2m/coap/session.hpp"

#include "gateway/base/log.hpp"
#include "lwm2m/coap/pump.h"

#include <boost/asio/post.hpp>
#include <cmath>
#include <cstring>

namespace lwm2m::coap {

namespace {

constexpr unsigned burst = 32;  // datagrams before other work of the loop gets its turn; two bursts at most
constexpr unsigned largest_datagram = 1472;

// Levels are those of syslog, under names that differ between libcoap's versions.
constexpr auto log_emergency = static_cast<coap_log_t>(0), log_warning = static_cast<coap_log_t>(4),
               log_debug = static_cast<coap_log_t>(7);

#ifndef COAP_RESOURCE_HANDLE_WELLKNOWN_CORE  // Debian 12's 4.3.1: no Connection ID, and /.well-known/core is libcoap's own
constexpr int whole_tree = 0;
void offer_connection_id(coap_dtls_cpsk_t&) {}
constexpr bool refuses_bad_answer(coap_nack_reason_t) { return false; }
#else
constexpr int whole_tree = COAP_RESOURCE_HANDLE_WELLKNOWN_CORE;
void offer_connection_id(coap_dtls_cpsk_t& psk) { psk.use_cid = 1; }
constexpr bool refuses_bad_answer(coap_nack_reason_t reason) { return reason == COAP_NACK_BAD_RESPONSE; }
#endif

void write_log(coap_log_t level, const char* message) {
    std::string_view text(message);
    while (text.ends_with('\n')) text.remove_suffix(1);
    // A reset is an alert to libcoap, a lost datagram a warning: everyday things. What matters we say ourselves.
    const auto to = level <= log_warning ? spdlog::level::debug : spdlog::level::trace;
    if (base::log().should_log(to)) base::log().log(to, "libcoap: {}", base::printable(text, 500));
}

/// Once a process.
struct Library {
    Library() {
        coap_startup();
        coap_set_log_handler(write_log);
        coap_set_show_pdu_output(0);             // messages to the log, not to standard output
        coap_dtls_set_log_level(log_emergency);  // Mbed TLS writes key material at its higher levels
    }
    ~Library() { coap_cleanup(); }
};

Session* session_of(const coap_session_t* session) { return static_cast<Session*>(coap_session_get_app_data(session)); }

void on_request(coap_resource_t*, coap_session_t* session, const coap_pdu_t* request, const coap_string_t*,
                coap_pdu_t* response) {
    if (Session* ours = session_of(session)) ours->handle_request(request, response);
}

coap_response_t on_answer(coap_session_t* session, const coap_pdu_t*, const coap_pdu_t* received, const coap_mid_t) {
    Session* ours = session_of(session);
    return ours != nullptr && ours->handle_answer(received) ? COAP_RESPONSE_OK : COAP_RESPONSE_FAIL;
}

void on_failure(coap_session_t* session, const coap_pdu_t*, const coap_nack_reason_t reason, const coap_mid_t message) {
    if (Session* ours = session_of(session)) ours->handle_failure(reason, static_cast<std::uint16_t>(message));
}

coap_fixed_point_t fixed_point(double number) {
    const double whole = std::floor(number);
    return {static_cast<std::uint16_t>(whole), static_cast<std::uint16_t>(std::lround((number - whole) * 1000))};
}

}  // namespace

Context make_context() {
    static const Library library;
    coap_set_log_level(base::log().should_log(spdlog::level::trace)   ? log_debug
                       : base::log().should_log(spdlog::level::debug) ? log_warning
                                                                      : log_emergency);
    coap_context_t* const raw = coap_new_context(nullptr);
    if (raw == nullptr) return nullptr;
    Context context(raw, &coap_free_context);
    // Never COAP_BLOCK_USE_LIBCOAP: a first block without Size1 ends 4.3.5. Blocks are joined in blockwise.cpp.
    coap_context_set_block_mode(context.get(), 0);
    coap_resource_t* everything = coap_resource_unknown_init2(&on_request, whole_tree);
    if (everything == nullptr) return nullptr;
    for (const coap_request_t method : {COAP_REQUEST_GET, COAP_REQUEST_POST, COAP_REQUEST_PUT, COAP_REQUEST_DELETE,
                                        COAP_REQUEST_FETCH, COAP_REQUEST_PATCH, COAP_REQUEST_IPATCH})
        coap_register_request_handler(everything, method, &on_request);
    coap_add_resource(context.get(), everything);
    coap_register_response_handler(context.get(), &on_answer);
    coap_register_nack_handler(context.get(), &on_failure);
    return context;
}

/// Between its birth and death libcoap may call us back; what it told is acted on after the outermost one.
class Session::Turn {
public:
    explicit Turn(Session& session) : session_(session) { ++session_.depth_; }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
        if (--session_.depth_ == 0) session_.settle();
    }

private:
    Session& session_;
};

Session::Session(boost::asio::any_io_executor executor, Context context, const Options& options, Owner& owner)
    : owner_(owner), options_(options), context_(std::move(context)), descriptor_(executor), wake_(executor) {}

Session::~Session() {
    if (session_ == nullptr) return;
    if (descriptor_.is_open()) descriptor_.release();  // it is libcoap that closes it
    coap_session_set_app_data(session_, nullptr);
    // Messages that still wait hold the session too, and would be sent to the end of their repetitions.
    coap_session_disconnected(session_, COAP_NACK_NOT_DELIVERABLE);
    pump_wipe_key(session_);
    coap_session_release(session_);
}

bool Session::open(const boost::asio::ip::udp::endpoint& server, const std::optional<Security>& security) {
    secure_ = security.has_value();
    coap_address_t address;
    coap_address_init(&address);
    std::memcpy(&address.addr, server.data(), server.size());
    address.size = static_cast<socklen_t>(server.size());
    if (security) {
        coap_dtls_cpsk_t psk{};
        psk.version = COAP_DTLS_CPSK_SETUP_VERSION;
        offer_connection_id(psk);  // RFC 9146: the session outlives a change of our address
        std::string name = security->name;
        psk.client_sni = name.empty() ? nullptr : name.data();
        psk.psk_info.identity = {security->identity.size(), reinterpret_cast<const std::uint8_t*>(security->identity.data())};
        psk.psk_info.key = {security->key.size(), security->key.data()};
        session_ = coap_new_client_session_psk2(context_.get(), nullptr, &address, COAP_PROTO_DTLS, &psk);
    } else {
        session_ = coap_new_client_session(context_.get(), nullptr, &address, COAP_PROTO_UDP);
    }
    if (session_ == nullptr) return false;
    coap_session_set_app_data(session_, this);
    pump_adopt(session_, static_cast<unsigned>(options_.ack_timeout.count()));
    coap_session_set_mtu(session_, largest_datagram);
    coap_session_set_ack_random_factor(session_, fixed_point(options_.ack_random_factor));
    coap_session_set_max_retransmit(session_, options_.max_retransmit);
    const int socket = pump_descriptor(session_);
    if (socket < 0) return false;
    boost::system::error_code error;
    descriptor_.assign(socket, error);
    if (error) return false;
    wait();
    const Turn turn(*this);  // plans the handshake's first repetition
    return true;
}

void Session::wait() {
    descriptor_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                           [weak = weak_from_this()](const boost::system::error_code& error) {
                               if (error) return;
                               if (const auto self = weak.lock()) self->on_readable();
                           });
}

void Session::on_readable() {
    if (ended_) return;
    bool more = true;
    {
        const Turn turn(*this);
        for (int i = 0; i < 2 && more && !ending_; ++i) {
            const int count = pump_receive(session_, burst);
            if (count < 0) refused_ = true;
            more = count < 0 || count == static_cast<int>(burst);
        }
    }
    if (ended_) return;
    if (more) {
        boost::asio::post(descriptor_.get_executor(), [weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->on_readable();
        });
    } else {
        wait();
    }
}

void Session::settle() {
    if (ended_) return;
    const auto self = shared_from_this();  // the owner may let go in each of its calls
    ++depth_;
    if (!ending_) {
        if (!connected_ && coap_session_get_state(session_) == COAP_SESSION_STATE_ESTABLISHED) {
            connected_ = true;
            owner_.on_connected();
        }
        if (ended_) return;
        // libcoap does not say when a message was acknowledged, but with one outstanding an empty queue does.
        if (outstanding_ && coap_can_exit(context_.get()) != 0) {
            outstanding_.reset();
            owner_.on_delivered();
        }
        if (!ended_ && std::exchange(refused_, false)) owner_.on_refused();
    }
    if (!ended_ && !ending_) plan_wake();
    --depth_;
    if (!ended_ && ending_) end(*ending_);
}

void Session::plan_wake() {
    const unsigned milliseconds = pump_due(context_.get());
    if (ending_ || milliseconds == 0) return;
    const auto at = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
    if (wake_at_ && *wake_at_ <= at) return;  // comes early enough, and plans anew
    wake_at_ = at;
    wake_.expires_at(at);
    wake_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        if (error) return;
        const auto self = weak.lock();
        if (!self || self->ended_) return;
        self->wake_at_.reset();
        const Turn turn(*self);
    });
}

void Session::end(End why) {
    ended_ = true;
    wake_.cancel();
    if (descriptor_.is_open()) descriptor_.release();
    outstanding_.reset();
    // Not from within: the owner drops this session then.
    boost::asio::post(descriptor_.get_executor(), [weak = weak_from_this(), why] {
        if (const auto self = weak.lock()) self->owner_.on_end(why);
    });
}

void Session::abandon() {
    ended_ = true;
    wake_.cancel();
    outstanding_.reset();
    if (session_ != nullptr) coap_session_set_app_data(session_, nullptr);
}

Pdu Session::message(coap_pdu_type_t type, std::uint16_t message_id, const Token& token, std::uint8_t code) const {
    Pdu pdu(coap_pdu_init(type, static_cast<coap_pdu_code_t>(code), message_id, coap_session_max_pdu_size(session_)));
    if (pdu && token.size != 0 && coap_add_token(pdu.get(), token.size, token.bytes.data()) == 0) pdu.reset();
    return pdu;
}

std::uint16_t Session::next_message_id() { return coap_new_message_id(session_); }

bool Session::send(Pdu pdu) {
    if (!pdu || ended_ || ending_) return false;
    const Turn turn(*this);
    const bool confirmable = coap_pdu_get_type(pdu.get()) == COAP_MESSAGE_CON;
    const auto id = static_cast<std::uint16_t>(coap_pdu_get_mid(pdu.get()));
    if (confirmable) outstanding_ = id;
    if (coap_send(session_, pdu.release()) == COAP_INVALID_MID) {
        if (confirmable) outstanding_.reset();
        return false;
    }
    return true;
}

bool Session::handle_answer(const coap_pdu_t* answer) {
    // A piggybacked answer is an acknowledgement, and what it leads to may be sent at once.
    if (coap_pdu_get_type(answer) == COAP_MESSAGE_ACK && outstanding_ == static_cast<std::uint16_t>(coap_pdu_get_mid(answer)))
        outstanding_.reset();
    return owner_.on_answer(answer);
}

void Session::handle_failure(coap_nack_reason_t reason, std::uint16_t message) {
    if (reason == COAP_NACK_RST || refuses_bad_answer(reason)) {
        if (outstanding_ == message) outstanding_.reset();
        owner_.on_reset(message);
        return;
    }
    switch (reason) {
        case COAP_NACK_ICMP_ISSUE: refused_ = true; return;
        case COAP_NACK_TOO_MANY_RETRIES: ending_ = End::unreachable; return;
        default: ending_ = connected_ ? End::closed : End::handshake_failed; return;
    }
}

}  // namespace lwm2m::coap
