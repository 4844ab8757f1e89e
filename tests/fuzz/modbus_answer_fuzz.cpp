#include "adapters/modbus/frame.hpp"

#include <cstdlib>

/// Byte 0 picks the function, 1 the count, 2 the unit, 3 and 4 the transaction; the rest is what came from the wire.
/// An accepted answer must have exactly the data that was asked for, from the unit and transaction that were asked.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace adapters::modbus;
    if (size < 5) return 0;
    static constexpr Function functions[] = {Function::read_coils,  Function::read_discrete,  Function::read_holding,
                                             Function::read_input,  Function::write_coil,     Function::write_register,
                                             Function::write_coils, Function::write_registers};
    Request request{.unit = bytes[2], .function = functions[bytes[0] % 8], .address = 0x0102, .count = 1};
    const bool bits = request.function <= Function::read_discrete || request.function == Function::write_coils;
    if (request.function != Function::write_coil && request.function != Function::write_register)
        request.count = static_cast<std::uint16_t>(1 + bytes[1] % (bits ? 255 : 123));
    if (!is_read(request.function)) request.values.assign(bits ? (request.count + 7U) / 8U : request.count * 2U, 0x5A);
    const auto transaction = static_cast<std::uint16_t>(bytes[3] << 8 | bytes[4]);
    const ByteView wire(bytes + 5, size - 5);

    const auto prove = [&](const Verdict& verdict) {
        if (!verdict.data) return;
        const std::size_t asked = !is_read(request.function) ? 0 : bits ? (request.count + 7U) / 8U : request.count * 2U;
        if (!verdict.belongs || verdict.data->size() != asked) std::abort();
    };
    prove(check_answer(request, wire));
    const Verdict tcp = check_tcp_answer(request, transaction, wire);
    prove(tcp);
    if (tcp.belongs &&
        (tcp_transaction(wire) != transaction || wire[6] != request.unit || tcp_adu_size(wire).value_or(0) != wire.size()))
        std::abort();
    const Verdict rtu = check_rtu_answer(request, wire);
    prove(rtu);
    if (rtu.belongs && wire[0] != request.unit) std::abort();
    if (const auto adu = tcp_adu_size(wire); adu && *adu > largest_adu) std::abort();
    return 0;
}
