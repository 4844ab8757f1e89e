#pragma once

#include "adapters/modbus/frame.hpp"

#include <optional>

/// Addresses as people write them.
namespace adapters::modbus {

/// How the author of a profile counts.
enum class Addressing : std::uint8_t {
    zero,    ///< holding:10 is 10 on the wire
    one,     ///< holding:10 is 9 on the wire
    modicon  ///< 40011 or 400011 is holding 10 on the wire
};
/// "zero", "one", "modicon", in the order of Addressing.
const std::vector<std::string_view>& addressing_names();

constexpr std::string_view at_forms = "write holding:10, input:10, coil:10 or discrete:10";

struct Place {
    Table table = Table::holding;
    std::uint16_t address = 0;  ///< on the wire
    friend auto operator<=>(const Place&, const Place&) = default;
};

/// An address, or what is wrong with it and the remedy.
class AddressReader {
public:
    explicit AddressReader(Addressing addressing) : addressing_(addressing) {}

    /// "holding:10", "holding:0x0A", "holding:40070+16", "40011".
    std::optional<Place> read(std::string_view text);
    std::string what, remedy;  ///< when there is none

private:
    std::optional<Place> read_modicon(std::string_view text);
    std::optional<Place> wrong(std::string now, std::string then);

    Addressing addressing_;
};

}  // namespace adapters::modbus
