#include "adapters/modbus/dial_in.hpp"
#include "adapters/modbus/rtu_answer.hpp"

#include <cstdlib>

/// What comes over links that have no frame of their own: the answers of a serial line, in pieces, with echoes; and what a
/// caller says before it counts. Byte 0: bit 0 picks which.
///
/// RTU: byte 1 picks the function, 2 the count, 3 the unit, 4 the size of the pieces; the rest is the line. An accepted answer
/// has exactly the data that was asked for; what is held is bounded; the right answer behind anything that was taken for
/// an echo or a foreign frame is still found.
/// Hello: byte 1 is the length of the first hello, 2 of the second, then both, then the caller.
namespace {

using namespace adapters::modbus;

void line(ByteView input) {
    if (input.size() < 4) return;
    static constexpr Function functions[] = {Function::read_coils,      Function::read_holding,    Function::write_coil,
                                             Function::write_registers, Function::mask_write,      Function::write_read,
                                             Function::identify,        Function::report_server_id};
    Request request{.unit = input[2], .function = functions[input[0] % 8], .address = 0x0102, .count = 1};
    const bool counted = request.function == Function::read_holding || request.function == Function::write_read;
    if (counted) request.count = static_cast<std::uint16_t>(1 + input[1] % 120);
    if (request.function == Function::identify) request.count = 1 + input[1] % 4;
    if (!is_read(request.function) && request.function != Function::identify && request.function != Function::report_server_id)
        request.values.assign(request.function == Function::mask_write   ? 4
                              : request.function == Function::write_coil ? 1
                                                                         : 2,
                              0x5A);
    const std::size_t size = 1U + input[3] % 40;
    RtuAnswer answer(request, (input[3] & 0x80) != 0);
    for (ByteView rest = input.subspan(4); !rest.empty();) {
        const std::size_t taken = size < rest.size() ? size : rest.size();
        auto heard = answer.take(rest.first(taken));
        for (int i = 0; heard == RtuAnswer::Heard::foreign && i < 1000; ++i) {
            if (answer.foreign_unit() == request.unit) std::abort();
            heard = answer.take({});
        }
        if (heard == RtuAnswer::Heard::foreign) std::abort();
        rest = rest.subspan(taken);
        if (heard == RtuAnswer::Heard::unfinished) continue;
        if (heard == RtuAnswer::Heard::answer && answer.result() && counted && answer.result()->size() != request.count * 2U)
            std::abort();
        if (heard == RtuAnswer::Heard::wrong && answer.result()) std::abort();
        return;
    }
}

void hello(ByteView input) {
    if (input.size() < 2) return;
    const std::size_t a = 1U + input[0] % 64, b = 1U + input[1] % 64;
    if (input.size() < 2 + a + b) return;
    const ByteView first = input.subspan(2, a), second = input.subspan(2 + a, b), caller = input.subspan(2 + a + b);
    const std::vector<Bytes> hellos{Bytes(first.begin(), first.end()), Bytes(second.begin(), second.end())};
    for (std::size_t size = 0; size <= caller.size(); ++size) {
        const ByteView said = caller.first(size);
        const Greeted greeted = match_hello(said, hellos);
        const auto begins_with = [&](const Bytes& text) {
            return said.size() >= text.size() && std::equal(text.begin(), text.end(), said.begin());
        };
        if (greeted.known_so_far && !begins_with(hellos.at(greeted.which))) std::abort();
        if (greeted.as == Greeted::As::unknown && (begins_with(hellos[0]) || begins_with(hellos[1]))) std::abort();
        if (greeted.as == Greeted::As::unfinished && said.size() > 64) std::abort();
        if (greeted.as != Greeted::As::unfinished) return;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size < 1) return 0;
    const ByteView input(bytes + 1, size - 1);
    if ((bytes[0] & 1) != 0)
        hello(input);
    else
        line(input);
    return 0;
}
