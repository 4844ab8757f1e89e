#include "lwm2m/coap/coap_transport.hpp"

#include "lwm2m/coap/server_link.hpp"

#include <boost/asio/post.hpp>
#include <unordered_map>

namespace lwm2m::coap {

struct CoapTransport::Impl {
    boost::asio::any_io_executor executor;
    base::Timers& timers;
    base::Random& random;
    Options options;
    RequestHandler* handler = nullptr;
    std::unordered_map<ServerId, std::shared_ptr<ServerLink>> links{};

    ServerLink* link(ServerId server) {
        const auto found = links.find(server);
        return found == links.end() ? nullptr : found->second.get();
    }
};

CoapTransport::CoapTransport(boost::asio::any_io_executor executor, base::Timers& timers, base::Random& random, Options options)
    : impl_(std::make_unique<Impl>(Impl{std::move(executor), timers, random, options})) {}

CoapTransport::~CoapTransport() = default;

void CoapTransport::set_handler(RequestHandler& handler) {
    impl_->handler = &handler;
    for (const auto& [id, link] : impl_->links) link->set_handler(&handler);
}

Result<void> CoapTransport::open(const ServerAccount& account) {
    auto uri = parse_uri(account.uri);
    if (!uri) return tl::unexpected<Error>(base::in(fmt::format("server '{}'", account.name), uri.error()));
    if (const auto fine = check_credentials(account, uri->secure); !fine) return fine;
    Context context = make_context();
    if (!context) return fail(Errc::internal, "libcoap has no memory for another server");
    close(account.id);
    const auto link = std::make_shared<ServerLink>(impl_->executor, impl_->timers, impl_->random, impl_->options, account,
                                                   std::move(*uri), std::move(context));
    link->set_handler(impl_->handler);
    impl_->links.emplace(account.id, link);
    return {};
}

void CoapTransport::close(ServerId server) {
    const auto found = impl_->links.find(server);
    if (found == impl_->links.end()) return;
    const auto link = std::move(found->second);
    impl_->links.erase(found);
    link->set_handler(nullptr);
    link->drop_session("the account was closed");
    boost::asio::post(impl_->executor, [link] {});  // one of its own calls may have led here
}

void CoapTransport::reconnect(ServerId server) {
    if (ServerLink* link = impl_->link(server)) link->drop_session("the session was dropped for a new one");
}

void CoapTransport::send(ServerId server, Uplink uplink, Answer answer) {
    if (ServerLink* link = impl_->link(server))
        link->send(std::move(uplink), std::move(answer));
    else
        answer(fail(Errc::not_found, fmt::format("there is no account for server {}", server)));
}

void CoapTransport::notify(ServerId server, ObservationId observation, Response response, bool confirmable) {
    if (ServerLink* link = impl_->link(server)) link->notify(observation, std::move(response), confirmable);
}

void CoapTransport::end(ServerId server, ObservationId observation) {
    if (ServerLink* link = impl_->link(server)) link->end(observation);
}

}  // namespace lwm2m::coap
