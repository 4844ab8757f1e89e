#include "adapters/modbus/frame.hpp"
#include "adapters/modbus/identity.hpp"
#include "adapters/modbus/read_plan.hpp"
#include "adapters/modbus/traffic_text.hpp"

#include <cstdlib>

/// Byte 0 picks the function, 1 the count, 2 the unit, 3 and 4 the transaction; the rest is what came from the wire.
/// An accepted answer must have exactly the data that was asked for, from the unit and transaction that were asked.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace adapters::modbus;
    if (size < 5) return 0;
    static constexpr Function functions[] = {Function::read_coils,  Function::read_discrete,   Function::read_holding,
                                             Function::read_input,  Function::write_coil,      Function::write_register,
                                             Function::write_coils, Function::write_registers, Function::report_server_id,
                                             Function::mask_write,  Function::write_read,      Function::identify};
    Request request{.unit = bytes[2], .function = functions[bytes[0] % 12], .address = 0x0102, .count = 1};
    const bool bits = request.function <= Function::read_discrete || request.function == Function::write_coils;
    const bool identity = request.function == Function::identify;
    const bool told = identity || request.function == Function::report_server_id;  // as much as the device pleases
    if (request.function != Function::write_coil && request.function != Function::write_register && !told)
        request.count = static_cast<std::uint16_t>(1 + bytes[1] % (bits ? 255 : 121));
    if (identity) {
        request.count = static_cast<std::uint16_t>(1 + bytes[1] % 4);
        request.address = bytes[1] / 4;
    }
    if (!is_read(request.function) && !told) request.values.assign(bits ? (request.count + 7U) / 8U : request.count * 2U, 0x5A);
    if (request.function == Function::mask_write) request.values.assign(4, 0x5A);
    const auto transaction = static_cast<std::uint16_t>(bytes[3] << 8 | bytes[4]);
    const ByteView wire(bytes + 5, size - 5);

    const auto prove = [&](const Verdict& verdict) {
        if (!verdict.data) return;
        const bool data = is_read(request.function) || request.function == Function::write_read;
        const std::size_t asked = !data ? 0 : bits ? (request.count + 7U) / 8U : request.count * 2U;
        if (!verdict.belongs || (!told && verdict.data->size() != asked)) std::abort();
        if (identity && !identity_page(*verdict.data)) std::abort();
        if (verdict.data->size() + 1 > most_answer(request)) std::abort();
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
    IdentityReader reader(bytes[2], {IdentityLevel::extended, IdentityLevel::basic});
    for (int page = 0; page < 200; ++page) {  // the same page for ever: it must end
        const auto complete = reader.take(Bytes(wire.begin(), wire.end()));
        if (!complete || *complete) break;
        if (page == 199) std::abort();
    }
    for (const bool rtu_frame : {false, true})
        for (const bool sent : {false, true}) (void)traffic_text(rtu_frame, sent, wire, request);
    (void)Holes::parse(base::as_text(wire));
    if (const auto adu = tcp_adu_size(wire); adu && *adu > largest_adu) std::abort();
    return 0;
}
