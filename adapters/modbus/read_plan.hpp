#pragma once

#include "adapters/modbus/frame.hpp"

#include <set>
#include <span>
#include <utility>
#include <vector>

/// Many points become few requests. Pure functions.
namespace adapters::modbus {

/// Where one point lies.
struct Extent {
    Table table = Table::holding;
    std::uint16_t address = 0;
    std::uint16_t count = 1;  ///< registers or bits
    std::uint32_t end() const { return static_cast<std::uint32_t>(address) + count; }
    friend auto operator<=>(const Extent&, const Extent&) = default;
};

/// What one request may span.
struct ReadLimits {
    std::uint16_t registers = most_read_registers;  ///< 1 to 125
    std::uint16_t bits = most_read_bits;            ///< 1 to 2000
    std::uint16_t gap = 0;  ///< unasked registers that are cheaper to read along than another request; 16 times as many bits
};

/// What a device type was found to refuse. Nothing in it hides a value: it only says what is asked for alone.
class Holes {
public:
    /// Reads that cover this address fail. Neighbours are read around it. True: this is new.
    bool forbid(Table table, std::uint32_t from, std::uint32_t end);
    /// Nothing longer than `count` is answered in this table. True: this is new.
    bool limit(Table table, std::uint16_t count);
    bool empty() const;
    /// "coil:5 holding:100-110,200 most:holding=60", at most 4,000 characters; what does not fit is left out. parse()
    /// takes it back, and leaves alone what makes no sense.
    std::string str() const;
    static Holes parse(std::string_view text);

    bool touches(Table table, std::uint32_t from, std::uint32_t end) const;
    std::uint16_t most(Table table, const ReadLimits& limits) const;

private:
    std::set<std::pair<Table, std::uint32_t>> addresses_;  // at most 4 × 65536
    std::uint16_t most_[4] = {0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF};
};

/// One request and the points that it serves.
struct Block {
    Table table = Table::holding;
    std::uint16_t address = 0, count = 0;
    std::vector<std::uint32_t> points;  ///< indices of the extents given, by address
    std::uint32_t end() const { return static_cast<std::uint32_t>(address) + count; }
};

/// The fewest requests, in the order of table and address, that read all extents: neighbours and whatever is not
/// further apart than the gap share one, within the limits and never over 125 registers or 2000 bits; equal and
/// overlapping points share their registers. What lies on a hole is asked for alone.
std::vector<Block> plan_reads(std::span<const Extent>, const ReadLimits&, const Holes&);

/// A refused block in two, at the widest gap near its middle; empty when nothing is left to part (all its points are
/// one extent).
std::vector<Block> split(const Block&, std::span<const Extent>);

/// Runs of registers in the block that no point needs.
unsigned gaps(const Block&, std::span<const Extent>);
/// "holding 1..21  21 registers, 2 gaps", as `explain` shows it.
std::string describe(const Block&, std::span<const Extent>);

/// Registers that cost no more than one request more, on a line with `character` µs a character and a device that
/// thinks for `turnaround` µs: one more register is 2 characters; a request is 8 characters there, 5 around the
/// answer, two silences and the thinking.
std::uint16_t gap_of_line(double character_us, double silence_us, double turnaround_us);

}  // namespace adapters::modbus
