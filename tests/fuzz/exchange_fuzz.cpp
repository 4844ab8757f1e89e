#include "gateway/base/log.hpp"
#include "lwm2m/coap/notifier.hpp"
#include "lwm2m/coap/responder.hpp"
#include "lwm2m/coap/uplinks.hpp"
#include "tests/fakes/manual_timers.hpp"

#include <cstdlib>
#include <deque>

/// The exchange and block layer of one server link on a fake wire and a fake clock: requests in any order, repeated,
/// in blocks that fit or do not; answers of the engine at once, late or never; acknowledgements, resets and answers to our
/// own requests, right or wrong; sessions that end. Every request reaches the engine at most once, every own request is
/// answered once, and one confirmable message at most is on its way.
namespace {

using namespace lwm2m;
using namespace lwm2m::coap;
using namespace std::chrono_literals;

void need(bool holds) {
    if (!holds) std::abort();
}

class Link final : public Wire, public RequestHandler {
public:
    Link(base::Timers& timers, base::Random& random)
        : observations(1, options.max_observations),
          responder(std::make_shared<Responder>(1, timers, random, options, *this, observations)),
          notifier(timers, *this, observations, *responder),
          uplinks(timers, random, options, *this, {}) {
        responder->set_handler(this);
    }

    // ---- Wire
    Pdu message(coap_pdu_type_t type, const Token& token, std::uint8_t code) override {
        return make(type, static_cast<std::uint16_t>(++last_message), token, code);
    }
    Pdu reply(coap_pdu_type_t type, std::uint16_t id, const Token& token) override { return make(type, id, token, 0); }
    bool send(Pdu pdu) override {
        if (!up) return false;
        if (coap_pdu_get_type(pdu.get()) == COAP_MESSAGE_CON) {
            need(!outstanding);
            outstanding = static_cast<std::uint16_t>(coap_pdu_get_mid(pdu.get()));
            last_token = Token::of(pdu.get());
        }
        return true;
    }
    void ask_turn() override { wants_turn = true; }
    void give_turn() {
        wants_turn = false;
        if (outstanding) return;
        sender = 0;
        if (responder->send_next())
            sender = 1;
        else if (uplinks.send_next())
            sender = 2;
        else if (notifier.send_next())
            sender = 3;
    }
    static Pdu make(coap_pdu_type_t type, std::uint16_t id, const Token& token, std::uint8_t code) {
        Pdu pdu(coap_pdu_init(type, static_cast<coap_pdu_code_t>(code), id, 1152));
        if (pdu && token.size != 0 && coap_add_token(pdu.get(), token.size, token.bytes.data()) == 0) pdu.reset();
        return pdu;
    }

    // ---- RequestHandler
    void on_request(ServerId, Request request, Reply reply) override {
        need(request.payload.size() <= options.max_request_body);
        need(waiting.size() < options.max_pending + 1);
        if (request.observation != 0) observed.push_back(request.observation);
        if (observed.size() > 64) observed.pop_front();
        if (late)
            waiting.push_back(std::move(reply));
        else
            std::move(reply)(answer(request.observe == Observe::start));
    }
    void on_lost(ServerId, ObservationId, Lost) override {}
    void on_session_closed(ServerId, const std::string&) override {}
    Response answer(bool observing) const {
        Response response{Code::content, 0, Bytes(length, 'x')};
        response.observing = observing;
        return response;
    }

    Options options;
    Observations observations;
    std::shared_ptr<Responder> responder;
    Notifier notifier;
    Uplinks uplinks;
    std::deque<Reply> waiting;
    std::deque<ObservationId> observed;
    std::optional<std::uint16_t> outstanding;
    Token last_token;
    unsigned last_message = 0;
    int sender = 0;
    std::size_t length = 1;
    bool late = false, up = true, wants_turn = false;
};

void add_number(coap_pdu_t* pdu, coap_option_num_t option, std::uint32_t value) {
    std::uint8_t bytes[4];
    coap_add_option(pdu, option, coap_encode_var_safe(bytes, sizeof bytes, value), bytes);
}

}  // namespace

std::uint64_t fuzz_steps = 0;  // for state_walk_test.cpp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    base::log().set_level(spdlog::level::off);
    coap_set_log_level(COAP_LOG_EMERG);
    fakes::ManualTimers timers;
    fakes::FixedRandom random;
    int sent = 0, answered = 0;
    {
        Link link(timers, random);
        base::Cursor input({data, size});
        const auto byte = [&] { return input.byte().value_or(0); };
        while (input.size() != 0) {
            ++fuzz_steps;
            const std::uint8_t what = byte(), with = byte();
            switch (what % 16) {
                case 0: timers.advance(std::chrono::milliseconds(with * 20)); break;
                case 1: timers.advance(std::chrono::seconds(with)); break;
                case 2:
                case 3:
                case 4:
                case 5: {  // a request, perhaps one that came before
                    Token token;
                    token.size = static_cast<std::uint8_t>(with % 5);
                    token.bytes.fill(with >> 6);
                    const std::uint8_t method = byte(), id = byte();
                    const auto type = (method & 128) != 0 ? COAP_MESSAGE_NON : COAP_MESSAGE_CON;
                    const Pdu pdu = Link::make(type, id, token, static_cast<std::uint8_t>(1 + method % 7));
                    if (!pdu) break;
                    const std::uint8_t options = byte();
                    if ((options & 1) != 0) add_number(pdu.get(), COAP_OPTION_OBSERVE, byte() & 1);
                    const std::uint8_t letter = static_cast<std::uint8_t>('a' + (with & 3));
                    coap_add_option(pdu.get(), COAP_OPTION_URI_PATH, 1, &letter);
                    if ((options & 2) != 0) add_number(pdu.get(), COAP_OPTION_CONTENT_FORMAT, byte() * 50U);
                    if ((options & 4) != 0) add_number(pdu.get(), COAP_OPTION_BLOCK2, byte());
                    if ((options & 8) != 0) add_number(pdu.get(), COAP_OPTION_BLOCK1, byte() | std::uint32_t{byte()} << 8);
                    if ((options & 16) != 0) add_number(pdu.get(), COAP_OPTION_SIZE1, byte() * 1000U);
                    if ((options & 32) != 0) add_number(pdu.get(), static_cast<coap_option_num_t>(byte()), byte());
                    const std::vector<std::uint8_t> body((options & 64) != 0 ? std::size_t{byte()} * 4 : byte() & 31, 'y');
                    if (!body.empty()) coap_add_data(pdu.get(), body.size(), body.data());
                    const Pdu response =
                        Link::make(type == COAP_MESSAGE_CON ? COAP_MESSAGE_ACK : COAP_MESSAGE_NON, id, token, 0);
                    link.responder->on_request(pdu.get(), response.get());
                    break;
                }
                case 6: link.late = (with & 1) != 0; break;
                case 7: link.length = std::size_t{with} * with; break;
                case 8:
                    for (int i = 0; i <= with % 8 && !link.waiting.empty(); ++i) {
                        Reply reply = std::move(link.waiting.front());
                        link.waiting.pop_front();
                        if ((with & 64) == 0) std::move(reply)(link.answer((with & 32) != 0));  // else dropped
                    }
                    break;
                case 9:
                    if (!link.observed.empty()) {
                        Response response = link.answer(true);
                        response.keep = (with & 1) != 0;
                        response.number = with;
                        if ((with & 2) != 0) response.code = Code::not_found;
                        link.notifier.notify(link.observed[with % link.observed.size()], std::move(response), (with & 4) != 0);
                    }
                    break;
                case 10:
                    if (!link.observed.empty()) link.notifier.end(link.observed[with % link.observed.size()]);
                    break;
                case 11: {
                    Uplink uplink{Method::post, {"rd"}, {}};
                    uplink.payload.resize(std::size_t{with} * 20);
                    ++sent;
                    link.uplinks.send(std::move(uplink), [&](const Result<UplinkAnswer>&) { ++answered; });
                    break;
                }
                case 12: {  // an answer to what is on its way, or to nothing
                    Token token = link.last_token;
                    if ((with & 1) != 0) token.bytes[0] ^= 1;
                    static constexpr std::uint8_t codes[] = {65, 68, 69, 95, 129, 132, 136, 141};
                    const bool acknowledges = (with & 2) != 0 && link.outstanding;
                    const Pdu pdu = Link::make(acknowledges ? COAP_MESSAGE_ACK : COAP_MESSAGE_CON,
                                               link.outstanding.value_or(with), token, codes[with >> 2 & 7]);
                    if (!pdu) break;
                    const std::uint8_t options = byte();
                    if ((options & 1) != 0) add_number(pdu.get(), COAP_OPTION_LOCATION_PATH, 'x');
                    if ((options & 2) != 0) add_number(pdu.get(), COAP_OPTION_BLOCK2, byte());
                    if ((options & 4) != 0) add_number(pdu.get(), COAP_OPTION_BLOCK1, byte());
                    if ((options & 8) != 0) add_number(pdu.get(), COAP_OPTION_ECHO, byte());
                    const std::vector<std::uint8_t> body(options >> 4, 'z');
                    if (!body.empty()) coap_add_data(pdu.get(), body.size(), body.data());
                    if (acknowledges) link.outstanding.reset();
                    link.uplinks.on_answer(pdu.get());
                    break;
                }
                case 13:
                    if (link.outstanding) {
                        link.outstanding.reset();
                        const int sender = std::exchange(link.sender, 0);
                        if ((with & 1) != 0) {
                            if (sender == 2) link.uplinks.on_delivered();
                            link.notifier.settle();
                        } else {
                            if (sender == 2) link.uplinks.on_reset();
                            if (sender == 3) link.notifier.end(link.notifier.settle().id);
                        }
                    }
                    break;
                case 14:
                    link.outstanding.reset();
                    link.responder->reset();
                    link.notifier.reset();
                    if ((with & 1) != 0)
                        link.uplinks.restart();
                    else
                        link.uplinks.fail_all({Errc::offline, "gone"});
                    break;
                default: link.up = (with & 7) != 0; break;
            }
            if (link.wants_turn || (what & 128) != 0) link.give_turn();
            need(timers.waiting() < 8);
            need(link.observations.size() <= link.options.max_observations);
        }
        link.waiting.clear();
        link.uplinks.fail_all({Errc::offline, "over"});
    }
    need(sent == answered);
    return 0;
}
