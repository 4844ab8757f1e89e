#include "adapters/ble/gatt_value.hpp"

#include "adapters/ble/sig_format.hpp"

#include <algorithm>

namespace adapters::ble {

using base::Bytes;
using base::ByteView;
using base::Errc;
using base::fail;

namespace {

Encoding whole_of(const Encoding& encoding, std::size_t size) {
    Encoding its = encoding;
    its.length = static_cast<std::uint16_t>(size);
    return its;
}

/// A pattern of bits as the encoding holds it, and back.
Encoding as_unsigned(const Encoding& encoding) {
    Encoding its = encoding;
    its.kind = encoding.length == 1   ? Kind::uint8
               : encoding.length == 2 ? Kind::uint16
               : encoding.length == 4 ? Kind::uint32
                                      : Kind::uint64;
    return its;
}

Result<std::uint64_t> whole_number(const Scalar& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? 1 : 0;
    if (const auto* whole = std::get_if<std::int64_t>(&value); whole != nullptr && *whole >= 0)
        return static_cast<std::uint64_t>(*whole);
    if (const auto* whole = std::get_if<std::uint64_t>(&value)) return *whole;
    return fail(Errc::bad_request, "bits take a whole number from 0 on");
}

}  // namespace

Result<std::optional<Scalar>> value_of(const PointShape& point, ByteView bytes) {
    const GattPlace& place = *point.gatt();
    if (place.sig != nullptr) return take(*place.sig, place.field, bytes);
    const bool to_the_end = place.encoding.length == 0;
    if (bytes.size() < place.byte + std::size_t{place.encoding.length} || bytes.size() > longest_value)
        return fail(Errc::malformed, fmt::format("{} bytes, and the value would be at {} to {}", bytes.size(), place.byte,
                                                 place.byte + std::max<unsigned>(place.encoding.length, 1) - 1));
    const auto data = to_the_end ? bytes.subspan(place.byte) : bytes.subspan(place.byte, place.encoding.length);
    auto value = adapters::decode(whole_of(place.encoding, data.size()), data);
    if (!value) return tl::unexpected(value.error());
    return std::optional(std::move(*value));
}

bool needs_present(const PointShape& point) {
    const GattPlace& place = point.write_place();
    if (place.sig != nullptr) return place.sig->more_than(place.field);
    return point.bits.has_value() || place.byte > 0 || place.partial;
}

Result<Bytes> bytes_of(const PointShape& point, const Scalar& value, ByteView present) {
    const GattPlace& place = point.write_place();
    if (place.sig != nullptr) return put(*place.sig, place.field, value, present);
    if (place.encoding.length == 0) {  // to the end
        if (const auto* text = std::get_if<std::string>(&value); text != nullptr && place.encoding.kind == Kind::string)
            return text->size() <= longest_value ? Result<Bytes>(Bytes(text->begin(), text->end()))
                                                 : fail(Errc::bad_request, "at most 512 bytes can be written");
        if (const auto* raw = std::get_if<Bytes>(&value); raw != nullptr && place.encoding.kind == Kind::bytes)
            return raw->size() <= longest_value ? Result<Bytes>(*raw)
                                                : fail(Errc::bad_request, "at most 512 bytes can be written");
        return fail(Errc::bad_request, fmt::format("{} are wanted", name(place.encoding.kind)));
    }
    const auto end = place.byte + std::size_t{place.encoding.length};
    if (needs_present(point) && present.size() < end)
        return fail(Errc::malformed, fmt::format("the present value has {} bytes, and {} are written to", present.size(), end));
    Scalar written = value;
    if (point.bits) {
        const auto [low, high] = *point.bits;
        const unsigned count = high - low + 1U;
        const std::uint64_t most = count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
        const auto field = whole_number(value);
        if (!field) return tl::unexpected(field.error());
        if (*field > most) return fail(Errc::bad_request, fmt::format("bits {} to {} take 0 to {}", low, high, most));
        const auto before = adapters::decode(as_unsigned(place.encoding), present.subspan(place.byte, place.encoding.length));
        if (!before) return tl::unexpected(before.error());
        const auto bits = whole_number(*before);
        if (!bits) return tl::unexpected(bits.error());
        written = (*bits & ~(most << low)) | *field << low;
    }
    auto part = adapters::encode(point.bits ? as_unsigned(place.encoding) : place.encoding, written);
    if (!part || !needs_present(point)) return part;
    Bytes whole(present.begin(), present.end());
    std::copy(part->begin(), part->end(), whole.begin() + place.byte);
    return whole;
}

}  // namespace adapters::ble
