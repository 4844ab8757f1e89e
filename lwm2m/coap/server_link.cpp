#include "lwm2m/coap/server_link.hpp"

#include "gateway/base/log.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>

namespace lwm2m::coap {

namespace asio = boost::asio;

ServerLink::ServerLink(asio::any_io_executor executor, base::Timers& timers, base::Random& random, const Options& options,
                       const ServerAccount& account, Uri uri, Context context)
    : id_(account.id),
      name_(account.name),
      uri_(std::move(uri)),
      credentials_(account.identity, account.key),
      executor_(std::move(executor)),
      timers_(timers),
      options_(options),
      context_(std::move(context)),
      observations_(account.id, options.max_observations),
      responder_(std::make_shared<Responder>(account.id, timers, random, options, static_cast<Wire&>(*this), observations_)),
      notifier_(timers, static_cast<Wire&>(*this), observations_, *responder_),
      uplinks_(timers, random, options, static_cast<Wire&>(*this), uri_.path),
      guard_timer_(timers) {}

ServerLink::~ServerLink() {
    if (session_) session_->abandon();
}

void ServerLink::set_handler(RequestHandler* handler) {
    handler_ = handler;
    responder_->set_handler(handler);
}

// What the engine asks for

void ServerLink::send(Uplink uplink, Answer answer) {
    uplinks_.send(std::move(uplink), std::move(answer));
    if (!session_ && !resolving_) start();
}

void ServerLink::drop_session(const std::string& why) {
    forget_session();
    uplinks_.fail_all(Error{Errc::offline, why});
}

// Towards the server

std::string ServerLink::where() const {
    return current_address_ ? fmt::format("{}:{}", current_address_->address().to_string(), current_address_->port())
                            : uri_.host;
}

void ServerLink::start() {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(uri_.host, error);
    if (!error)
        use({Address(address, uri_.port)});
    else
        resolve();
}

void ServerLink::resolve() {
    resolving_ = true;
    guard();
    // getaddrinfo() runs in a thread of Asio's.
    const auto resolver = std::make_shared<asio::ip::udp::resolver>(executor_);
    resolver->async_resolve(
        uri_.host, std::to_string(uri_.port), asio::ip::resolver_base::numeric_service,
        [weak = weak_from_this(), resolver, attempt = attempt_](const boost::system::error_code& error,
                                                                const asio::ip::udp::resolver::results_type& results) {
            const auto self = weak.lock();
            if (!self || self->attempt_ != attempt || !self->resolving_) return;
            if (error) {
                self->give_up(Error{Errc::offline, fmt::format("no address for '{}': {}", self->uri_.host, error.message())},
                              "");
                return;
            }
            std::vector<Address> addresses;
            for (const auto& result : results) addresses.push_back(result.endpoint());
            self->use(std::move(addresses));
        });
}

void ServerLink::use(std::vector<Address> addresses) {
    resolving_ = false;
    if (good_address_) {  // the one that answered last time comes first
        const auto good = std::ranges::find(addresses, *good_address_);
        if (good != addresses.end()) std::rotate(addresses.begin(), good, good + 1);
    }
    addresses_ = std::move(addresses);
    next_address_ = 0;
    if (!connect_next()) give_up(Error{Errc::offline, fmt::format("no way to '{}'", uri_.host)}, "");
}

/// False when there is no address left that a socket can be had for.
bool ServerLink::connect_next() {
    while (next_address_ < addresses_.size()) {
        current_address_ = addresses_[next_address_++];
        proven_ = false;
        sender_ = Part::none;
        std::optional<Session::Security> security;
        if (uri_.secure) {
            boost::system::error_code is_name;
            static_cast<void>(asio::ip::make_address(uri_.host, is_name));
            security = {credentials_.identity(), credentials_.key(), is_name ? uri_.host : std::string()};
        }
        session_ = std::make_shared<Session>(executor_, context_, options_, static_cast<Session::Owner&>(*this));
        if (session_->open(*current_address_, security)) {
            if (!session_->connected()) guard();
            give_turn();
            return true;
        }
        session_->abandon();
        session_.reset();
    }
    return false;
}

/// An endless look-up or handshake ends here.
void ServerLink::guard() {
    guard_timer_.set(timers_.now() + options_.handshake_timeout, [this] {
        if (resolving_)
            give_up(Error{Errc::offline, fmt::format("no address for '{}' in time", uri_.host)}, "");
        else if (session_ && !session_->connected())
            on_end(Session::End::handshake_failed);
    });
}

void ServerLink::forget_session() {
    ++attempt_;
    resolving_ = false;
    guard_timer_.cancel();
    if (session_) std::exchange(session_, nullptr)->abandon();
    sender_ = Part::none;
    responder_->reset();
    notifier_.reset();
}

/// `why` is empty when there was no session that the engine could have known.
void ServerLink::give_up(const Error& error, const std::string& why) {
    base::log().debug("{}: {}", name_, error.message);
    const bool was_open = session_ != nullptr;
    forget_session();
    uplinks_.fail_all(error);
    if (was_open && handler_ != nullptr && !why.empty()) handler_->on_session_closed(id_, why);
}

// What the session tells

void ServerLink::on_connected() {
    guard_timer_.cancel();
    if (session_->uses_dtls()) {
        proven_ = true;
        good_address_ = current_address_;
        base::log().debug("{}: DTLS session with {}", name_, where());
    }
}

void ServerLink::on_refused() {
    base::log().debug("{}: {} says that nobody listens", name_, where());
    // Worth more than nothing only when there is another address to try.
    if (proven_ || next_address_ >= addresses_.size()) return;
    forget_session();
    uplinks_.restart();
    if (!connect_next()) give_up(Error{Errc::offline, fmt::format("no way to '{}'", uri_.host)}, "");
}

void ServerLink::on_end(Session::End why) {
    const ObservationId lost = sender_ == Part::notifier ? notifier_.settle().id : 0;
    const std::string from = where();
    if (!proven_ && next_address_ < addresses_.size()) {
        base::log().debug("{}: no answer from {}, trying the next address", name_, from);
        forget_session();
        uplinks_.restart();
        if (connect_next()) return;
    }
    if (lost != 0 && why == Session::End::unreachable && handler_ != nullptr) handler_->on_lost(id_, lost, Lost::timeout);
    switch (why) {
        case Session::End::unreachable:
            give_up(Error{Errc::timeout, "no answer from " + from}, "no answer from " + from);
            break;
        case Session::End::handshake_failed:
            give_up(Error{Errc::offline, "no DTLS session with " + from}, "no DTLS session with " + from);
            break;
        case Session::End::closed:
            give_up(Error{Errc::offline, from + " ended the DTLS session"}, from + " ended the DTLS session");
            break;
    }
}

void ServerLink::on_request(const coap_pdu_t* request, coap_pdu_t* response) {
    proven_ = true;
    responder_->on_request(request, response);
}

bool ServerLink::on_answer(const coap_pdu_t* answer) {
    proven_ = true;
    good_address_ = current_address_;
    const bool ours = uplinks_.on_answer(answer);
    give_turn();
    return ours;
}

void ServerLink::on_delivered() {
    proven_ = true;
    if (std::exchange(sender_, Part::none) == Part::uplinks) uplinks_.on_delivered();
    const auto told = notifier_.settle();
    if (told.id != 0 && told.number != 0 && handler_ != nullptr) handler_->on_acknowledged(id_, told.id, told.number);
    give_turn();
}

void ServerLink::on_reset(std::uint16_t message) {
    proven_ = true;
    ObservationId lost = 0;
    if (!session_->outstanding() && sender_ != Part::none) {  // it was the outstanding one
        const Part sender = std::exchange(sender_, Part::none);
        if (sender == Part::uplinks) uplinks_.on_reset();
        if (sender == Part::notifier) lost = notifier_.settle().id;
    } else {
        lost = notifier_.of_message(message);
    }
    if (observations_.find(lost) != nullptr) {  // RFC 7641 3.6
        notifier_.end(lost);
        if (handler_ != nullptr) handler_->on_lost(id_, lost, Lost::reset);
    }
    give_turn();
}

// What the parts send

Pdu ServerLink::message(coap_pdu_type_t type, const Token& token, std::uint8_t code) {
    return session_ ? session_->message(type, session_->next_message_id(), token, code) : nullptr;
}

Pdu ServerLink::reply(coap_pdu_type_t type, std::uint16_t message_id, const Token& token) {
    return session_ ? session_->message(type, message_id, token) : nullptr;
}

bool ServerLink::send(Pdu pdu) { return session_ && session_->send(std::move(pdu)); }

void ServerLink::ask_turn() { give_turn(); }

void ServerLink::give_turn() {
    if (giving_) {  // what failed to be sent led to something else to send: not from within
        if (!std::exchange(again_, true)) {
            asio::post(executor_, [weak = weak_from_this()] {
                const auto self = weak.lock();
                if (!self) return;
                self->again_ = false;
                self->give_turn();
            });
        }
        return;
    }
    if (!session_ || session_->outstanding()) return;
    giving_ = true;
    sender_ = Part::none;
    if (responder_->send_next())
        sender_ = Part::responder;
    else if (uplinks_.send_next())
        sender_ = Part::uplinks;
    else if (notifier_.send_next())
        sender_ = Part::notifier;
    giving_ = false;
}

}  // namespace lwm2m::coap
