#include "tests/unit/coap/stage.hpp"

namespace stage {
namespace {

/// Messages that are well-formed and make no sense, in any order, while everything else goes on.
class HostileTest : public Stage {
protected:
    void SetUp() override { registered(); }

    std::size_t pick(std::size_t below) { return static_cast<std::size_t>(dice.next() % below); }
    std::uint8_t byte() { return static_cast<std::uint8_t>(dice.next()); }

    wire::Message any_message() {
        static constexpr std::uint8_t codes[] = {0, 1, 2, 3, 4, 5, 6, 7, 31, 65, 69, 95, 141, 160, 168, 255};
        static constexpr std::uint16_t options[] = {1,  3,  4,  5,  6,  7,  8,  9,  11, 12, 14,  15,  16,
                                                    17, 19, 20, 23, 27, 28, 31, 35, 39, 60, 252, 258, 292};
        wire::Message message{static_cast<wire::Type>(pick(4)), codes[pick(std::size(codes))], std::uint16_t(pick(64)),
                              wire::Bytes(pick(9), std::uint8_t(pick(3)))};
        for (std::size_t n = pick(8); n > 0; --n) {
            wire::Bytes value(pick(3) == 0 ? pick(400) : pick(4));
            for (auto& b : value) b = pick(2) == 0 ? byte() : byte() & 31;
            message.with(pick(4) == 0 ? std::uint16_t(pick(65536)) : options[pick(std::size(options))], std::move(value));
        }
        if (pick(2) == 0) message.payload.assign(pick(5) == 0 ? pick(1100) : std::size_t{16} << pick(7), 'p');
        return message;
    }

    fakes::FixedRandom dice{20261124};
};

TEST_F(HostileTest, AnyMessageInAnyOrderHarmsNobody) {  // TRANS-007
    SCOPED_TRACE("seed 20261124");
    engine.answer_at_once = [this](const lwm2m::Request& request) -> std::optional<lwm2m::Response> {
        if (pick(20) == 0) return std::nullopt;
        auto response = text(std::string(request.path.size() * 700, 'x'));
        response.observing = true;
        return response;
    };
    for (int i = 0; i < 10'000; ++i) {
        wire::Bytes bytes = any_message().encoded();
        if (pick(10) == 0) bytes[pick(bytes.size())] = byte();
        bytes.resize(std::min<std::size_t>(bytes.size(), 1400));
        peer.send_bytes(bytes);
        const lwm2m::ObservationId some = (lwm2m::ObservationId{main_server} << 40) + pick(50);
        if (pick(50) == 0) transport.notify(main_server, some, text(std::string(pick(1500), 'n')), pick(2) == 0);
        if (pick(100) == 0) transport.end(main_server, some);
        if (pick(400) == 0) send(register_uplink(std::string(pick(3000), 'l')));
        if (pick(1000) == 0) timers.advance(std::chrono::seconds(pick(300)));
        if (pick(3000) == 0) {
            transport.reconnect(main_server);
            send(register_uplink());
        }
        while (engine.asked.size() > 10) engine.asked.pop_front();
        if (pick(4) != 0) continue;
        settle();
        while (peer.receive_bytes()) {
        }
    }
    transport.close(main_server);
    answers.clear();
    engine.answer_at_once = nullptr;
    engine.asked.clear();
    registered();  // another account, another session: it still works
}

}  // namespace
}  // namespace stage
