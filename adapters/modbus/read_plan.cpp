#include "adapters/modbus/read_plan.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>

namespace adapters::modbus {

bool Holes::forbid(Table table, std::uint32_t from, std::uint32_t end) {
    bool news = false;
    for (std::uint32_t address = from; address < end && address < 65536; ++address)
        news = addresses_.emplace(table, address).second || news;
    return news;
}

bool Holes::limit(Table table, std::uint16_t count) {
    auto& most = most_[static_cast<std::size_t>(table)];
    const std::uint16_t before = most;
    most = std::max<std::uint16_t>(1, std::min(most, count));
    return most != before;
}

bool Holes::empty() const {
    return addresses_.empty() && std::all_of(std::begin(most_), std::end(most_), [](auto most) { return most == 0xFFFF; });
}

namespace {

constexpr std::size_t most_text = 4000;
constexpr Table all_tables[] = {Table::coil, Table::discrete, Table::input, Table::holding};

std::optional<std::uint32_t> take_number(std::string_view& text) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || number > 65535) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return number;
}

std::optional<Table> take_table(std::string_view& text, char after) {
    for (const Table table : all_tables) {
        const auto word = name(table);
        if (!text.starts_with(word) || text.size() <= word.size() || text[word.size()] != after) continue;
        text.remove_prefix(word.size() + 1);
        return table;
    }
    return std::nullopt;
}

}  // namespace

std::string Holes::str() const {
    std::string text;
    for (const Table table : all_tables)
        if (const auto most = most_[static_cast<std::size_t>(table)]; most != 0xFFFF)
            text += fmt::format("{}most:{}={}", text.empty() ? "" : " ", name(table), most);
    std::optional<Table> under_way;
    for (auto first = addresses_.begin(); first != addresses_.end();) {
        auto last = first, next = std::next(first);
        while (next != addresses_.end() && next->first == last->first && next->second == last->second + 1) last = next++;
        std::string piece =
            under_way == first->first ? std::string(",") : fmt::format("{}{}:", text.empty() ? "" : " ", name(first->first));
        piece += fmt::format("{}", first->second);
        if (last != first) piece += fmt::format("-{}", last->second);
        if (text.size() + piece.size() > most_text) break;
        text += piece;
        under_way = first->first;
        first = next;
    }
    return text;
}

Holes Holes::parse(std::string_view text) {
    Holes holes;
    while (!text.empty()) {
        auto word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        if (word.starts_with("most:")) {
            word.remove_prefix(5);
            const auto table = take_table(word, '=');
            const auto most = table ? take_number(word) : std::nullopt;
            if (most && word.empty()) holes.limit(*table, static_cast<std::uint16_t>(*most));
            continue;
        }
        const auto table = take_table(word, ':');
        while (table && !word.empty()) {
            const auto first = take_number(word);
            auto last = first;
            if (first && word.starts_with('-')) {
                word.remove_prefix(1);
                last = take_number(word);
            }
            if (!first || !last || *last < *first) break;
            holes.forbid(*table, *first, *last + 1);
            if (!word.starts_with(',')) break;
            word.remove_prefix(1);
        }
    }
    return holes;
}

bool Holes::touches(Table table, std::uint32_t from, std::uint32_t end) const {
    const auto next = addresses_.lower_bound({table, from});
    return next != addresses_.end() && next->first == table && next->second < end;
}

std::uint16_t Holes::most(Table table, const ReadLimits& limits) const {
    const std::uint16_t asked =
        is_bits(table) ? std::min(limits.bits, most_read_bits) : std::min(limits.registers, most_read_registers);
    return std::min(asked, most_[static_cast<std::size_t>(table)]);
}

namespace {

bool joins(const Block& block, const Extent& next, const ReadLimits& limits, const Holes& holes, bool block_on_hole) {
    if (block.table != next.table) return false;
    const std::uint32_t end = std::max(block.end(), next.end());
    if (block_on_hole) return next.address == block.address && next.end() == block.end();
    if (next.end() <= block.end()) return true;  // costs nothing
    if (holes.touches(next.table, next.address, next.end())) return false;
    if (end - block.address > holes.most(block.table, limits)) return false;
    if (next.address <= block.end()) return true;
    const std::uint32_t gap = next.address - block.end();
    const std::uint32_t bridged = is_bits(block.table) ? limits.gap * 16U : limits.gap;
    return gap <= bridged && !holes.touches(block.table, block.end(), next.address);
}

}  // namespace

std::vector<Block> plan_reads(std::span<const Extent> extents, const ReadLimits& limits, const Holes& holes) {
    std::vector<std::uint32_t> order(extents.size());
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return extents[a] < extents[b]; });

    std::vector<Block> blocks;
    bool on_hole = false;
    for (const std::uint32_t index : order) {
        const Extent& extent = extents[index];
        if (blocks.empty() || !joins(blocks.back(), extent, limits, holes, on_hole)) {
            blocks.push_back({extent.table, extent.address, extent.count, {index}});
            on_hole = holes.touches(extent.table, extent.address, extent.end());
            continue;
        }
        Block& block = blocks.back();
        block.points.push_back(index);
        block.count = static_cast<std::uint16_t>(std::max(block.end(), extent.end()) - block.address);
    }
    return blocks;
}

namespace {

Block block_of(Table table, std::span<const std::uint32_t> points, std::span<const Extent> extents) {
    Block block{table, extents[points.front()].address, 0, {points.begin(), points.end()}};
    std::uint32_t end = 0;
    for (const std::uint32_t index : points) end = std::max(end, extents[index].end());
    block.count = static_cast<std::uint16_t>(end - block.address);
    return block;
}

}  // namespace

std::vector<Block> split(const Block& block, std::span<const Extent> extents) {
    const std::span<const std::uint32_t> points(block.points);
    // Candidates are the places between two different extents. Of those in the middle half the one with the widest gap,
    // so that a hole is found sooner; else the one nearest to the middle.
    std::size_t best = 0;
    std::int64_t best_score = INT64_MIN;
    std::uint32_t end = extents[points[0]].end();
    for (std::size_t i = 1; i < points.size(); ++i) {
        const Extent& next = extents[points[i]];
        if (next != extents[points[i - 1]]) {
            const auto twice_off_middle = std::abs(static_cast<std::int64_t>(2 * i) - static_cast<std::int64_t>(points.size()));
            const bool central = 2 * twice_off_middle <= static_cast<std::int64_t>(points.size());
            const std::int64_t gap = next.address > end ? next.address - end : 0;
            const std::int64_t score = (central ? gap * 100'000 : 0) - twice_off_middle;
            if (score > best_score) {
                best = i;
                best_score = score;
            }
        }
        end = std::max(end, next.end());
    }
    if (best == 0) return {};
    return {block_of(block.table, points.first(best), extents), block_of(block.table, points.subspan(best), extents)};
}

unsigned gaps(const Block& block, std::span<const Extent> extents) {
    unsigned found = 0;
    std::uint32_t end = block.address;
    for (const std::uint32_t index : block.points) {
        if (extents[index].address > end) ++found;
        end = std::max(end, extents[index].end());
    }
    return found;
}

std::string describe(const Block& block, std::span<const Extent> extents) {
    std::string text = range_text(block.table, block.address, block.count);
    if (block.count == 1) return text;
    text += fmt::format("  {} {}", block.count, is_bits(block.table) ? "bits" : "registers");
    if (const unsigned number = gaps(block, extents); number > 0)
        text += fmt::format(", {} {}", number, number == 1 ? "gap" : "gaps");
    return text;
}

std::uint16_t gap_of_line(double character_us, double silence_us, double turnaround_us) {
    const double request = (8 + 5) * character_us + 2 * silence_us + turnaround_us;
    return static_cast<std::uint16_t>(std::clamp(std::lround(request / (2 * character_us)), 0L, 124L));
}

}  // namespace adapters::modbus
