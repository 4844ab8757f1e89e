#pragma once

#include "lwm2m/coap/credentials.hpp"
#include "lwm2m/coap/notifier.hpp"
#include "lwm2m/coap/responder.hpp"
#include "lwm2m/coap/session.hpp"
#include "lwm2m/coap/uplinks.hpp"
#include "lwm2m/coap/uri.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <vector>

namespace lwm2m::coap {

/// One server account: finds the server, opens a session with it when there is something to send, and gives each part its
/// turn: separate answers first, then our requests, then notifications.
class ServerLink final : public std::enable_shared_from_this<ServerLink>, private Wire, private Session::Owner {
public:
    ServerLink(boost::asio::any_io_executor executor, base::Timers& timers, base::Random& random, const Options& options,
               const ServerAccount& account, Uri uri, Context context);
    ~ServerLink();

    void set_handler(RequestHandler* handler);
    void send(Uplink uplink, Answer answer);
    void notify(ObservationId id, Response response, bool confirmable) {
        notifier_.notify(id, std::move(response), confirmable);
    }
    void end(ObservationId id) { notifier_.end(id); }
    /// What waits fails with Errc::offline.
    void drop_session(const std::string& why);

private:
    using Address = boost::asio::ip::udp::endpoint;
    enum class Part : std::uint8_t { none, responder, uplinks, notifier };

    Pdu message(coap_pdu_type_t type, const Token& token, std::uint8_t code) override;
    Pdu reply(coap_pdu_type_t type, std::uint16_t message_id, const Token& token) override;
    bool send(Pdu pdu) override;
    void ask_turn() override;

    void on_request(const coap_pdu_t* request, coap_pdu_t* response) override;
    bool on_answer(const coap_pdu_t* answer) override;
    void on_delivered() override;
    void on_reset(std::uint16_t message) override;
    void on_refused() override;
    void on_connected() override;
    void on_end(Session::End why) override;

    void start();
    void resolve();
    void use(std::vector<Address> addresses);
    bool connect_next();
    void forget_session();
    void guard();
    void give_up(const Error& error, const std::string& why);
    void give_turn();
    std::string where() const;

    const ServerId id_;
    const std::string name_;
    const Uri uri_;
    const Credentials credentials_;
    boost::asio::any_io_executor executor_;
    base::Timers& timers_;
    const Options& options_;
    Context context_;
    RequestHandler* handler_ = nullptr;

    Observations observations_;
    std::shared_ptr<Responder> responder_;
    Notifier notifier_;
    Uplinks uplinks_;

    std::shared_ptr<Session> session_;
    std::uint64_t attempt_ = 0;  // an answer of the resolver to an earlier one is void
    bool resolving_ = false, proven_ = false, giving_ = false, again_ = false;
    std::vector<Address> addresses_;
    std::size_t next_address_ = 0;
    std::optional<Address> current_address_, good_address_;
    Part sender_ = Part::none;  // whose message is outstanding
    base::Timer guard_timer_;
};

}  // namespace lwm2m::coap
