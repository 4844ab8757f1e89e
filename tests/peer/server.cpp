#include "tests/peer/server.hpp"

#include "tests/peer/requests.hpp"

#include <netdb.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <stdexcept>

namespace peer {
namespace {

constexpr std::size_t most_upload = std::size_t{1} << 20;  // of a block-wise request, bytes
constexpr std::size_t most_uploads = 8;                    // block-wise requests at a time
constexpr int longest_turn_ms = 500;                       // so that lifetimes and delayed answers are looked after

Server& server_of(coap_session_t* session) {
    return *static_cast<Server*>(coap_get_app_data(coap_session_get_context(session)));
}

void request_handler(coap_resource_t*, coap_session_t* session, const coap_pdu_t* request, const coap_string_t*,
                     coap_pdu_t* response) {
    server_of(session).on_request(session, request, response);
}
coap_response_t response_handler(coap_session_t* session, const coap_pdu_t*, const coap_pdu_t* received, coap_mid_t) {
    return server_of(session).requests().on_response(session, received);
}
void nack_handler(coap_session_t* session, const coap_pdu_t* sent, coap_nack_reason_t reason, coap_mid_t) {
    server_of(session).requests().on_nack(sent, reason);
}
int event_handler(coap_session_t* session, coap_event_t event) {
    server_of(session).on_session(session, event);
    return 0;
}
const coap_bin_const_t* identity_handler(coap_bin_const_t* identity, coap_session_t*, void* server) {
    return static_cast<Server*>(server)->on_identity(identity);
}

std::string value_of(const std::vector<std::string>& query, std::string_view key) {
    for (const auto& part : query) {
        if (part.size() > key.size() && part.compare(0, key.size(), key) == 0 && part[key.size()] == '=')
            return part.substr(key.size() + 1);
    }
    return {};
}

/// Why these are not the object links of a Register (OMA Core 1.2 6.2.1, Gateway 8.2); empty when they are.
std::string fault_of(std::string_view links) {
    for (const auto& link : split(links, ',')) {
        if (link.front() != '<') continue;  // the rest of a quoted ct list
        const auto end = link.find('>');
        if (end == std::string::npos) return "a link without an end: " + link;
        const auto segments = split(std::string_view(link).substr(1, end - 1), '/');
        if (segments.size() > 2) return "a link below an object instance: " + link;
        for (const auto& segment : segments) {
            if (!is_digits(segment)) return "a link that is no object: " + link;
        }
    }
    return {};
}

std::string peer_address(const coap_session_t* session) {
    const std::string text = coap_session_str(session);  // "local <-> remote (if1) UDP "
    const auto from = text.find("<-> ");
    if (from == std::string::npos) return text;
    return text.substr(from + 4, text.find(' ', from + 4) - from - 4);
}

std::string cipher_of(const coap_session_t* session) {
    coap_tls_library_t library{};
    auto* tls = static_cast<SSL*>(coap_session_get_tls(session, &library));
    if (tls == nullptr || library != COAP_TLS_LIBRARY_OPENSSL) return {};
    const char* name = SSL_get_cipher_name(tls);
    return name != nullptr ? name : "";
}

Message diagnostic(unsigned c, const std::string& text) {
    Message message;
    message.code = c;
    message.payload.assign(text.begin(), text.end());
    return message;
}

}  // namespace

Server::Server(Options options, Event event)
    : options_(std::move(options)), event_(std::move(event)), requests_(std::make_unique<Requests>(*this)) {
    coap_startup();
    coap_set_log_level(2);  // critical; what matters is told by events
    coap_dtls_set_log_level(2);
    context_ = coap_new_context(nullptr);
    if (context_ == nullptr) throw std::runtime_error("no CoAP context");
    coap_set_app_data(context_, this);
    if (coap_context_get_coap_fd(context_) < 0) throw std::runtime_error("this libcoap was built without epoll");
    coap_register_response_handler(context_, response_handler);
    coap_register_nack_handler(context_, nack_handler);
    coap_register_event_handler(context_, event_handler);
    if (!options_.identity.empty()) {
        key_ = {options_.key.size(), options_.key.data()};
        coap_dtls_spsk_t setup{};
        setup.version = COAP_DTLS_SPSK_SETUP_VERSION;
        setup.validate_id_call_back = identity_handler;
        setup.id_call_back_arg = this;
        setup.psk_info.key = key_;
        if (coap_context_set_psk2(context_, &setup) == 0) throw std::runtime_error("the pre-shared key was refused");
    }
    coap_resource_t* all = coap_resource_unknown_init2(request_handler, 0);  // PUT
    for (const auto each : {COAP_REQUEST_GET, COAP_REQUEST_POST, COAP_REQUEST_DELETE, COAP_REQUEST_FETCH}) {
        coap_register_request_handler(all, each, request_handler);
    }
    coap_add_resource(context_, all);
    listen();
}

void Server::listen() {
    const auto colon = options_.listen.rfind(':');
    if (colon == std::string::npos) throw std::runtime_error("--listen takes HOST:PORT, not '" + options_.listen + "'");
    std::string host = options_.listen.substr(0, colon);
    if (host.size() > 1 && host.front() == '[') host = host.substr(1, host.size() - 2);
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* found = nullptr;
    if (const int error = getaddrinfo(host.c_str(), options_.listen.c_str() + colon + 1, &hints, &found); error != 0)
        throw std::runtime_error("--listen " + options_.listen + ": " + gai_strerror(error));
    coap_address_t address;
    coap_address_init(&address);
    address.size = found->ai_addrlen;
    std::copy_n(reinterpret_cast<const std::uint8_t*>(found->ai_addr), found->ai_addrlen,
                reinterpret_cast<std::uint8_t*>(&address.addr));
    freeaddrinfo(found);
    const coap_endpoint_t* endpoint =
        coap_new_endpoint(context_, &address, options_.identity.empty() ? COAP_PROTO_UDP : COAP_PROTO_DTLS);
    if (endpoint == nullptr) throw std::runtime_error("cannot listen on " + options_.listen + "; is the port taken?");
    const auto bound = split(coap_endpoint_str(endpoint), ' ').front();  // "127.0.0.1:34567"
    port_ = static_cast<std::uint16_t>(number(bound.substr(bound.rfind(':') + 1)).value_or(0));
}

Server::~Server() {
    listening = nullptr;
    delayed_.clear();
    registrations_.clear();
    requests_.reset();
    requests_ = std::make_unique<Requests>(*this);  // libcoap still reports what it gives up
    coap_free_context(context_);
    coap_cleanup();
}

int Server::descriptor() const { return coap_context_get_coap_fd(context_); }

int Server::patience() {
    coap_tick_t now = 0;
    coap_ticks(&now);
    const unsigned due = coap_io_prepare_epoll(context_, now);
    int wait = due == 0 ? longest_turn_ms : std::min(static_cast<int>(std::min(due, 10000U)), longest_turn_ms);
    for (const auto& each : delayed_) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(each.due - Clock::now()).count();
        wait = std::clamp(static_cast<int>(left), 0, wait);
    }
    return wait;
}

void Server::turn() {
    listening = this;
    coap_io_process(context_, COAP_IO_NO_WAIT);
    listening = nullptr;
    requests_->acknowledge_copies();
    const auto now = Clock::now();
    for (auto& each : delayed_) {
        if (each.due <= now) peer::send(each.session.get(), each.message);
    }
    std::erase_if(delayed_, [&](const Delayed& each) { return each.due <= now; });
    requests_->expire(now);
    for (auto it = registrations_.begin(); it != registrations_.end();) {
        const auto entry = it++;
        if (entry->second.ends > now) continue;
        emit({{"ev", "expired"}, {"ep", entry->second.endpoint}, {"location", entry->first}});
        drop(entry->first);
    }
}

const coap_bin_const_t* Server::on_identity(const coap_bin_const_t* identity) {
    const std::string text(reinterpret_cast<const char*>(identity->s), identity->length);
    const bool known = text == options_.identity;
    emit({{"ev", "identity"}, {"identity", text}, {"known", known}});
    return known ? &key_ : nullptr;
}

void Server::on_session(coap_session_t* session, coap_event_t event) {
    const char* what = nullptr;
    if (event == COAP_EVENT_DTLS_CONNECTED) what = "handshake";
    if (event == COAP_EVENT_DTLS_ERROR) what = "handshake_failed";
    if (event == COAP_EVENT_DTLS_CLOSED) what = "session_closed";
    if (what == nullptr) return;
    Json told{{"ev", what}, {"peer", peer_address(session)}};
    if (event == COAP_EVENT_DTLS_CONNECTED) told["cipher"] = cipher_of(session);
    emit(told);
}

void Server::on_request(coap_session_t* session, const coap_pdu_t* pdu, coap_pdu_t* response) {
    if (silent_) return;  // the code stays 0.00: an empty ACK is all that the client gets
    Message request = read(pdu);
    Message reply;
    if (request.block1 && (request.block1->more || request.block1->num > 0)) {
        const std::string key = peer_address(session) + join(request.path) + std::to_string(request.code);
        auto found = std::find_if(uploads_.begin(), uploads_.end(), [&](const Upload& each) { return each.key == key; });
        if (request.block1->num == 0) {
            if (found != uploads_.end()) uploads_.erase(found);
            if (uploads_.size() == most_uploads) uploads_.erase(uploads_.begin());
            found = uploads_.insert(uploads_.end(), {key, {}});
        }
        reply.block1 = request.block1;
        if (found == uploads_.end() || found->body.size() < request.block1->offset()) {
            reply.code = code(4, 8);
        } else if (request.block1->offset() + request.payload.size() > most_upload) {
            reply.code = code(4, 13);
        } else {
            found->body.resize(request.block1->offset());  // a block that comes again replaces itself
            found->body.insert(found->body.end(), request.payload.begin(), request.payload.end());
            if (request.block1->more) {
                reply.code = code(2, 31);
            } else {
                request.payload = std::move(found->body);
                uploads_.erase(found);
                const auto block = reply.block1;
                reply = answer(session, request);
                reply.block1 = block;
            }
        }
    } else {
        reply = answer(session, request);
    }
    if (options_.delay.count() > 0 && reply.code != code(2, 31)) {
        reply.token = request.token;
        delayed_.push_back({Clock::now() + options_.delay, SessionRef(session), std::move(reply)});
        return;
    }
    fill(response, reply);
}

Message Server::answer(coap_session_t* session, Message request) {
    constexpr auto post = code(0, COAP_REQUEST_POST);
    constexpr auto remove = code(0, COAP_REQUEST_DELETE);
    if (request.path == std::vector<std::string>{"rd"} && request.code == post) return register_client(session, request);
    if (request.path.size() == 2 && request.path[0] == "rd" && (request.code == post || request.code == remove)) {
        const auto found = registrations_.find(join(request.path));
        if (found == registrations_.end()) {
            emit({{"ev", "unknown_location"},
                  {"location", join(request.path)},
                  {"method", request.code == post ? "update" : "deregister"}});
            return diagnostic(code(4, 4), "no such registration");
        }
        if (request.code == post) return update_client(session, found->second, request);
        emit({{"ev", "deregistered"}, {"ep", found->second.endpoint}, {"location", found->first}});
        drop(found->first);
        return diagnostic(code(2, 2), "");
    }
    if (request.path == std::vector<std::string>{"dp"} && request.code == post) {
        Json event{{"ev", "send"}};
        describe_payload(event, request);
        emit(event);
        return diagnostic(code(2, 4), "");
    }
    emit({{"ev", "unexpected"}, {"path", join(request.path)}, {"method", request.code}});
    return diagnostic(code(4, 4), "not here");
}

Message Server::register_client(coap_session_t* session, const Message& request) {
    const auto refuse = [&](unsigned c, const std::string& why) {
        emit({{"ev", "refused"}, {"code", code_name(c)}, {"why", why}, {"query", request.query}});
        return diagnostic(c, why);
    };
    const std::string endpoint = value_of(request.query, "ep"), version = value_of(request.query, "lwm2m");
    const auto lifetime = number(value_of(request.query, "lt"));
    if (request.content_format != 40U) return refuse(code(4, 0), "the object list is not link-format (40)");
    if (endpoint.empty()) return refuse(code(4, 0), "no ep");
    if (!lifetime || *lifetime == 0) return refuse(code(4, 0), "no lt, or not a number of seconds");
    if (version.empty()) return refuse(code(4, 0), "no lwm2m");
    const std::string links(request.payload.begin(), request.payload.end());
    if (links.empty()) return refuse(code(4, 0), "no objects");
    if (const auto fault = fault_of(links); !fault.empty()) return refuse(code(4, 0), fault);
    if (!options_.only.empty() && version != options_.only) return refuse(code(4, 12), "only lwm2m=" + options_.only + " here");

    for (auto it = registrations_.begin(); it != registrations_.end();) {
        const auto known = it++;
        const Registration& old = known->second;
        if (old.endpoint != endpoint) continue;
        if (old.session.get() == session && old.mid == request.mid &&
            old.token == request.token) {  // the same message once more
            Message again = diagnostic(code(2, 1), "");
            again.location = split(known->first, '/');
            return again;
        }
        requests_->client_gone(old.session.get());
        drop(known->first);
    }
    coap_session_set_nstart(session, options_.nstart);
    const auto ms = options_.ack_timeout.count();
    coap_session_set_ack_timeout(session, {static_cast<std::uint16_t>(ms / 1000), static_cast<std::uint16_t>(ms % 1000)});

    const std::string location = "/rd/" + std::to_string(++next_location_);
    Registration& made = registrations_[location];
    made = {location,
            endpoint,
            version,
            value_of(request.query, "b"),
            links,
            *lifetime,
            Clock::now() + std::chrono::seconds(*lifetime),
            SessionRef(session),
            request.mid,
            request.token};
    current_ = location;
    Json event = describe(made);
    event["query"] = request.query;
    emit(event);
    Message reply = diagnostic(code(2, 1), "");
    reply.location = split(location, '/');
    return reply;
}

Json Server::describe(const Registration& client) const {
    Json event{{"ev", "registered"},          {"ep", client.endpoint},
               {"location", client.location}, {"lt", client.lifetime},
               {"lwm2m", client.version},     {"b", client.binding},
               {"links", client.links},       {"peer", peer_address(client.session.get())}};
    if (!options_.identity.empty()) {
        event["identity"] = options_.identity;
        event["cipher"] = cipher_of(client.session.get());
    }
    return event;
}

Message Server::update_client(coap_session_t* session, Registration& client, const Message& request) {
    if (const auto text = value_of(request.query, "lt"); !text.empty()) {
        const auto lifetime = number(text);
        if (!lifetime || *lifetime == 0) return diagnostic(code(4, 0), "lt is not a number of seconds");
        client.lifetime = *lifetime;
    }
    if (!request.payload.empty()) {
        const std::string links(request.payload.begin(), request.payload.end());
        if (const auto fault = fault_of(links); !fault.empty()) return diagnostic(code(4, 0), fault);
        client.links = links;
    }
    client.ends = Clock::now() + std::chrono::seconds(client.lifetime);
    if (client.session.get() != session) {
        client.session = SessionRef(session);
        coap_session_set_nstart(session, options_.nstart);
    }
    Json event = describe(client);
    event["ev"] = "updated";
    event["query"] = request.query;
    event["objects_sent"] = !request.payload.empty();
    emit(event);
    return diagnostic(code(2, 4), "");
}

void Server::drop(std::string location) {
    registrations_.erase(location);
    if (current_ == location) current_ = registrations_.empty() ? "" : registrations_.rbegin()->first;
}

const Registration* Server::client() const {
    for (const auto& [location, each] : registrations_) {
        if (!chosen_.empty() ? each.endpoint == chosen_ : location == current_) return &each;
    }
    return nullptr;
}

bool Server::use(const std::string& endpoint) {
    chosen_ = endpoint;
    return client() != nullptr;
}

void Server::call(Call call, Done done) {
    const Registration* target = client();
    if (target == nullptr) return done({{}, "no client is registered"});
    requests_->send(target->session.get(), std::move(call), std::move(done));
}

bool Server::forget_observation(const std::string& path) { return requests_->forget(path); }

void Server::forget() {
    registrations_.clear();
    current_.clear();
}

}  // namespace peer
