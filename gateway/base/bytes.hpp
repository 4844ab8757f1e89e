#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace base {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView as_bytes(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }
inline std::string_view as_text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// Lower-case hex without separators.
std::string to_hex(ByteView bytes);
/// Hex digits, blanks between bytes allowed; nothing when a digit is wrong or one is missing.
std::optional<Bytes> from_hex(std::string_view text);
/// True when `text` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool is_utf8(std::string_view text);

/// The one way to read from a wire: every access is checked, nothing is read past the end.
class Cursor {
public:
    explicit Cursor(ByteView bytes) : rest_(bytes) {}

    bool empty() const { return rest_.empty(); }
    std::size_t size() const { return rest_.size(); }
    ByteView rest() const { return rest_; }

    std::optional<std::uint8_t> byte() {
        if (rest_.empty()) return std::nullopt;
        const std::uint8_t first = rest_.front();
        rest_ = rest_.subspan(1);
        return first;
    }
    std::optional<ByteView> take(std::size_t count) {
        if (count > rest_.size()) return std::nullopt;
        const ByteView taken = rest_.first(count);
        rest_ = rest_.subspan(count);
        return taken;
    }
    /// An unsigned number of `width` bytes (1 to 8), big endian.
    std::optional<std::uint64_t> big_endian(std::size_t width) {
        const auto taken = take(width);
        if (!taken) return std::nullopt;
        std::uint64_t number = 0;
        for (const std::uint8_t b : *taken) number = number << 8 | b;
        return number;
    }

private:
    ByteView rest_;
};

}  // namespace base
