#include "adapters/ble/beacon.hpp"

#include <algorithm>

namespace adapters::ble {

using base::ByteView;
using base::Errc;
using base::fail;

namespace {

Heard decoded(const Shape& shape, const Advertisement& advertisement, Memory& memory) {
    auto report = shape.decoder->decode(advertisement, shape.security, memory);
    Heard heard{report.outcome, {}, std::move(report.why)};
    if (report.outcome != Outcome::values) return heard;
    heard.values.reserve(shape.points.size());
    for (std::size_t i = 0; i < shape.points.size(); ++i) {
        const auto* wanted = std::get_if<FieldRef>(&shape.points[i].from);
        if (wanted == nullptr) continue;
        const auto found = std::find_if(report.values.begin(), report.values.end(),
                                        [wanted](const FieldValue& value) { return value.field == *wanted; });
        if (found != report.values.end()) heard.values.emplace_back(static_cast<PointIndex>(i), found->value);
    }
    return heard;
}

Result<Scalar> take(const BytePlace& place, ByteView data) {
    if (data.size() < place.at + std::max<std::size_t>(place.encoding.length, 1))
        return fail(Errc::malformed, fmt::format("{} bytes, and the value is at {}", data.size(), place.at));
    const auto bytes = place.encoding.length == 0 ? data.subspan(place.at) : data.subspan(place.at, place.encoding.length);
    if (place.encoding.length != 0) return decode(place.encoding, bytes);
    Encoding open = place.encoding;
    open.length = static_cast<std::uint16_t>(bytes.size());
    return decode(open, bytes);
}

std::uint32_t count_of(const Scalar& value) {
    if (const auto* whole = std::get_if<std::uint64_t>(&value)) return static_cast<std::uint32_t>(*whole);
    if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<std::uint32_t>(*whole);
    return 0;
}

Heard own_bytes(const Shape& shape, const Advertisement& advertisement, Memory& memory) {
    const auto* of_company = shape.company ? advertisement.of_company(*shape.company) : nullptr;
    const auto* of_service = shape.service ? advertisement.of_service(*shape.service) : nullptr;
    const auto* main = shape.company ? of_company : of_service;
    if (main == nullptr && of_service == nullptr) return {};
    if (main != nullptr) {
        if (shape.length && main->size() != *shape.length) return {};
        if (main->size() < shape.starts_with.size() ||
            !std::equal(shape.starts_with.begin(), shape.starts_with.end(), main->begin()))
            return {};
    } else if (shape.length || !shape.starts_with.empty()) {
        return {};
    }
    const auto data_of = [&](const BytePlace& place) {
        return place.of == BytePlace::Of::manufacturer ? of_company : of_service;
    };
    if (shape.counter) {
        const auto* data = data_of(*shape.counter);
        const auto count =
            data != nullptr ? take(*shape.counter, *data) : fail(Errc::malformed, "the data with the counter are missing");
        if (!count) return {Outcome::malformed, {}, "no counter: " + count.error().message};
        if (is_repeat(memory, count_of(*count), advertisement.at)) return {Outcome::repeat, {}, {}};
    }
    Heard heard{Outcome::values, {}, {}};
    heard.values.reserve(shape.points.size());
    for (std::size_t i = 0; i < shape.points.size(); ++i) {
        const auto* place = std::get_if<BytePlace>(&shape.points[i].from);
        const auto* data = place != nullptr ? data_of(*place) : nullptr;
        if (data != nullptr) heard.values.emplace_back(static_cast<PointIndex>(i), take(*place, *data));
    }
    return heard;
}

}  // namespace

Heard hear(const Shape& shape, const Advertisement& advertisement, Memory& memory) {
    if (!shape.listens) return {};
    return shape.decoder != nullptr ? decoded(shape, advertisement, memory) : own_bytes(shape, advertisement, memory);
}

}  // namespace adapters::ble
