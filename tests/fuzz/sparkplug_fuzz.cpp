// Sparkplug B payloads: the reader keeps its bounds, what it reads it can write and read again, and the host survives any
// order of births, deaths and data.
#include "adapters/mqtt/sparkplug_host.hpp"
#include "tests/fakes/manual_timers.hpp"

#include <cstdlib>

using namespace adapters::mqtt;

namespace {

struct Nobody final : sparkplug::Host::Events {
    void metric(std::size_t, std::string_view, std::string_view, adapters::Scalar, adapters::WallTime) override {}
    void alive(std::size_t, std::string_view, bool, std::string) override {}
    void send(Message message) override { sent += message.payload.size() > 0 ? 1 : 0; }
    std::size_t sent = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const base::ByteView all(data, size);
    if (const auto payload = sparkplug::decode(all)) {
        const auto again = sparkplug::decode(sparkplug::encode(*payload));
        if (!again || again->metrics.size() != payload->metrics.size() || again->seq != payload->seq) std::abort();
    }
    fakes::ManualTimers timers;
    Nobody events;
    sparkplug::Host host(timers, events);
    const auto node = host.add_node("G", "N");
    host.connected();
    constexpr const char* topics[] = {"spBv1.0/G/NBIRTH/N",  "spBv1.0/G/NDATA/N",  "spBv1.0/G/DBIRTH/N/d",
                                      "spBv1.0/G/DDATA/N/d", "spBv1.0/G/NDEATH/N", "spBv1.0/G/DDEATH/N/d",
                                      "spBv1.0/G/NCMD/N",    "spBv1.0/G/NBIRTH/X"};
    base::Cursor in(all);
    for (int turn = 0; turn < 32 && !in.empty(); ++turn) {
        const auto head = *in.byte();
        const auto payload = in.take(std::min<std::size_t>(in.byte().value_or(0), in.size()));
        static_cast<void>(host.received(topics[head % 8], *payload));
        if ((head & 0x80) != 0) timers.advance(std::chrono::seconds(1));
        static_cast<void>(host.command(node, "", "a", adapters::Scalar(true)));
    }
    timers.advance(std::chrono::minutes(1));
    if (events.sent > 400) std::abort();  // no storm
    return 0;
}
