#pragma once

#include "gateway/base/bytes.hpp"

#include <optional>
#include <string_view>

/// CBOR (RFC 8949) as far as LwM2M's three formats use it: no values are built, items are handed out one by one.
namespace lwm2m::codec {

/// Appends to a buffer that outlives it. Always the shortest form.
class CborWriter {
public:
    explicit CborWriter(base::Bytes& out) : out_(&out) {}

    void unsigned_integer(std::uint64_t number) { head(0, number); }
    void integer(std::int64_t number);
    void bytes(base::ByteView data);
    void text(std::string_view text);
    void array(std::size_t items) { head(4, items); }
    void map(std::size_t pairs) { head(5, pairs); }
    void boolean(bool flag) { out_->push_back(flag ? 0xF5 : 0xF4); }
    /// Half, single or double: the shortest that gives the same number back.
    void floating(double number);
    /// A text string of two parts.
    void text(std::string_view first, std::string_view second);

private:
    void head(std::uint8_t major, std::uint64_t argument);
    void big_endian(std::uint64_t number, unsigned width);

    base::Bytes* out_;
};

struct CborItem {
    enum class Kind : std::uint8_t {
        unsigned_integer,
        negative,
        bytes,
        text,
        array,
        map,
        tag,
        boolean,
        null,
        floating,
        other,
        stop
    };

    Kind kind = Kind::other;
    bool indefinite = false;   ///< array or map that ends with a stop
    std::uint64_t number = 0;  ///< the integer; n of -1-n; items of an array, pairs of a map; the tag; 1 for true
    double real = 0;
    base::ByteView data{};  ///< of bytes and text; valid until the next call of next()
};

class CborReader {
public:
    explicit CborReader(base::ByteView bytes) : cursor_(bytes) {}

    bool empty() const { return cursor_.empty(); }
    /// Nothing: truncated, reserved, or text that is not UTF-8. Strings of indefinite length are put together.
    std::optional<CborItem> next();
    /// Passes over one item with all that is in it; false when it is malformed or nested deeper than `depth`.
    bool skip(unsigned depth);
    bool map_is_next() const { return !cursor_.empty() && cursor_.rest().front() >> 5 == 5; }
    /// True, and past it, when a stop is next.
    bool take_stop();

private:
    std::optional<CborItem> simple(std::uint8_t info, std::uint64_t argument);
    std::optional<CborItem> string(CborItem item, std::uint8_t major);

    base::Cursor cursor_;
    base::Bytes joined_;
};

/// The items of an array (or the pairs of a map) whose head has been read: `while (items.more()) …`.
/// A count that the bytes do not bear out ends in next() giving nothing.
class CborItems {
public:
    CborItems(CborReader& reader, const CborItem& head) : reader_(&reader), left_(head.number), indefinite_(head.indefinite) {}
    bool more() {
        if (indefinite_) return !reader_->take_stop();
        return left_ != 0 && left_-- != 0;
    }

private:
    CborReader* reader_;
    std::uint64_t left_;
    bool indefinite_;
};

}  // namespace lwm2m::codec
