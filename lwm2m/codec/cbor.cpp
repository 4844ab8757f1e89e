#include "lwm2m/codec/cbor.hpp"

#include <bit>
#include <cmath>
#include <limits>

namespace lwm2m::codec {

namespace {

using Kind = CborItem::Kind;

constexpr std::uint8_t stop = 0xFF;
constexpr std::uint8_t indefinite_length = 31;

/// The half-precision bits of a single-precision number, if it has such (IEEE 754: 5 bits exponent, 10 bits fraction).
std::optional<std::uint16_t> half_of(float number) {
    const auto bits = std::bit_cast<std::uint32_t>(number);
    const std::uint32_t sign = bits >> 16 & 0x8000;
    const int exponent = static_cast<int>(bits >> 23 & 0xFF) - 127;
    const std::uint32_t fraction = bits & 0x7FFFFF;
    if (exponent == 128) return static_cast<std::uint16_t>(sign | 0x7C00 | (fraction != 0 ? 0x200 : 0));
    if (exponent >= -14 && exponent <= 15) {
        if ((fraction & 0x1FFF) != 0) return std::nullopt;
        return static_cast<std::uint16_t>(sign | static_cast<std::uint32_t>(exponent + 15) << 10 | fraction >> 13);
    }
    if (exponent == -127 && fraction == 0) return static_cast<std::uint16_t>(sign);
    if (exponent < -24 || exponent > -15) return std::nullopt;
    const std::uint32_t whole = 0x800000 | fraction;  // subnormal: a multiple of 2^-24
    const auto shift = static_cast<unsigned>(-1 - exponent);
    if ((whole & ((1U << shift) - 1)) != 0) return std::nullopt;
    return static_cast<std::uint16_t>(sign | whole >> shift);
}

double from_half(std::uint16_t bits) {
    const int exponent = bits >> 10 & 31;
    const int fraction = bits & 0x3FF;
    double number = 0;
    if (exponent == 0)
        number = std::ldexp(fraction, -24);
    else if (exponent < 31)
        number = std::ldexp(fraction + 1024, exponent - 25);
    else
        number = fraction == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
    return (bits & 0x8000) != 0 ? -number : number;
}

}  // namespace

void CborWriter::big_endian(std::uint64_t number, unsigned width) {
    for (unsigned shift = 8 * width; shift != 0; shift -= 8) out_->push_back(static_cast<std::uint8_t>(number >> (shift - 8)));
}

void CborWriter::head(std::uint8_t major, std::uint64_t argument) {
    const auto first = static_cast<std::uint8_t>(major << 5);
    if (argument < 24) {
        out_->push_back(static_cast<std::uint8_t>(first | argument));
    } else if (argument <= 0xFF) {
        out_->push_back(first | 24);
        big_endian(argument, 1);
    } else if (argument <= 0xFFFF) {
        out_->push_back(first | 25);
        big_endian(argument, 2);
    } else if (argument <= 0xFFFFFFFF) {
        out_->push_back(first | 26);
        big_endian(argument, 4);
    } else {
        out_->push_back(first | 27);
        big_endian(argument, 8);
    }
}

void CborWriter::integer(std::int64_t number) {
    if (number >= 0)
        head(0, static_cast<std::uint64_t>(number));
    else
        head(1, ~static_cast<std::uint64_t>(number));
}

void CborWriter::bytes(base::ByteView data) {
    head(2, data.size());
    out_->insert(out_->end(), data.begin(), data.end());
}

void CborWriter::text(std::string_view text) {
    head(3, text.size());
    out_->insert(out_->end(), text.begin(), text.end());
}

void CborWriter::text(std::string_view first, std::string_view second) {
    head(3, first.size() + second.size());
    out_->insert(out_->end(), first.begin(), first.end());
    out_->insert(out_->end(), second.begin(), second.end());
}

void CborWriter::floating(double number) {
    const bool in_range = !(std::abs(number) > std::numeric_limits<float>::max()) || std::isinf(number);
    const float shorter = in_range ? static_cast<float>(number) : 0.0F;
    if (!in_range || (static_cast<double>(shorter) != number && !std::isnan(number))) {
        out_->push_back(0xFB);
        big_endian(std::bit_cast<std::uint64_t>(number), 8);
    } else if (const auto half = half_of(shorter)) {
        out_->push_back(0xF9);
        big_endian(*half, 2);
    } else {
        out_->push_back(0xFA);
        big_endian(std::bit_cast<std::uint32_t>(shorter), 4);
    }
}

std::optional<CborItem> CborReader::next() {
    const auto first = cursor_.byte();
    if (!first) return std::nullopt;
    const auto major = static_cast<std::uint8_t>(*first >> 5);
    const auto info = static_cast<std::uint8_t>(*first & 31);
    CborItem item;
    item.number = info;
    if (info >= 24 && info <= 27) {
        const auto argument = cursor_.big_endian(std::size_t{1} << (info - 24));
        if (!argument) return std::nullopt;
        item.number = *argument;
    } else if (info == indefinite_length) {
        if (major < 2 || major == 6) return std::nullopt;
        item.indefinite = true;
        item.number = 0;
    } else if (info > 27) {
        return std::nullopt;
    }
    switch (major) {
        case 0: item.kind = Kind::unsigned_integer; return item;
        case 1: item.kind = Kind::negative; return item;
        case 2: item.kind = Kind::bytes; return string(item, major);
        case 3: item.kind = Kind::text; return string(item, major);
        case 4: item.kind = Kind::array; return item;
        case 5: item.kind = Kind::map; return item;
        case 6: item.kind = Kind::tag; return item;
        default: return simple(info, item.number);
    }
}

std::optional<CborItem> CborReader::simple(std::uint8_t info, std::uint64_t argument) {
    CborItem item;
    switch (info) {
        case 20:
        case 21:
            item.kind = Kind::boolean;
            item.number = info - 20U;
            return item;
        case 22: item.kind = Kind::null; return item;
        case 24:
            if (argument < 32) return std::nullopt;  // RFC 8949 3.3
            return item;
        case 25:
            item.kind = Kind::floating;
            item.real = from_half(static_cast<std::uint16_t>(argument));
            return item;
        case 26:
            item.kind = Kind::floating;
            item.real = static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(argument)));
            return item;
        case 27:
            item.kind = Kind::floating;
            item.real = std::bit_cast<double>(argument);
            return item;
        case indefinite_length: item.kind = Kind::stop; return item;
        default: return item;  // undefined, and simple values that nobody has assigned
    }
}

std::optional<CborItem> CborReader::string(CborItem item, std::uint8_t major) {
    if (item.indefinite) {
        joined_.clear();
        while (!take_stop()) {
            const auto first = cursor_.byte();
            if (!first || *first >> 5 != major) return std::nullopt;
            const auto info = static_cast<std::uint8_t>(*first & 31);
            std::uint64_t length = info;
            if (info >= 24 && info <= 27) {
                const auto argument = cursor_.big_endian(std::size_t{1} << (info - 24));
                if (!argument) return std::nullopt;
                length = *argument;
            } else if (info > 27) {
                return std::nullopt;  // chunks are of definite length, RFC 8949 3.2.3
            }
            const auto chunk = length <= cursor_.size() ? cursor_.take(static_cast<std::size_t>(length)) : std::nullopt;
            if (!chunk) return std::nullopt;
            joined_.insert(joined_.end(), chunk->begin(), chunk->end());
        }
        item.indefinite = false;
        item.data = joined_;
    } else {
        const auto data = item.number <= cursor_.size() ? cursor_.take(static_cast<std::size_t>(item.number)) : std::nullopt;
        if (!data) return std::nullopt;
        item.data = *data;
    }
    if (item.kind == Kind::text && !base::is_utf8(base::as_text(item.data))) return std::nullopt;
    return item;
}

bool CborReader::take_stop() {
    if (cursor_.empty() || cursor_.rest().front() != stop) return false;
    cursor_.byte();
    return true;
}

bool CborReader::skip(unsigned depth) {
    const auto item = next();
    if (!item || item->kind == Kind::stop) return false;
    if (item->kind != Kind::array && item->kind != Kind::map && item->kind != Kind::tag) return true;
    if (depth == 0) return false;
    if (item->kind == Kind::tag) return skip(depth - 1);
    for (CborItems items(*this, *item); items.more();) {
        if (!skip(depth - 1)) return false;
        if (item->kind == Kind::map && !skip(depth - 1)) return false;
    }
    return true;
}

}  // namespace lwm2m::codec
