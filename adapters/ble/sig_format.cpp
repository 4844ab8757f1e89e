#include "adapters/ble/sig_format.hpp"

#include <algorithm>
#include <cmath>

namespace adapters::ble {

using base::Bytes;
using base::ByteView;
using base::Errc;
using base::fail;

namespace {

bool is_variable(SigType type) { return type == SigType::text || type == SigType::rest; }

/// 10^exponent × mantissa, by one division or multiplication of numbers that a double holds exactly where that goes.
double decimal(std::int64_t mantissa, int exponent) {
    double power = 1;
    const int digits = std::abs(exponent);
    if (digits <= 22)
        for (int i = 0; i < digits; ++i) power *= 10;
    else
        power = std::pow(10.0, digits);
    return exponent < 0 ? static_cast<double>(mantissa) / power : static_cast<double>(mantissa) * power;
}

/// NaN, infinities, "not at this resolution" and the reserved one are no values.
std::optional<double> medical_float(ByteView bytes) {
    const unsigned mantissa_bits = bytes.size() == 2 ? 12 : 24;
    const std::uint64_t bits = unsigned_of(bytes);
    const std::uint64_t mantissa = bits & ((std::uint64_t{1} << mantissa_bits) - 1);
    const std::uint64_t middle = std::uint64_t{1} << (mantissa_bits - 1);
    if (mantissa >= middle - 2 && mantissa <= middle + 2) return std::nullopt;
    const auto exponent = signed_of(bits >> mantissa_bits, mantissa_bits == 12 ? 4 : 8);
    return decimal(signed_of(mantissa, mantissa_bits), static_cast<int>(exponent));
}

// Days since 1970-01-01 of a date of the Gregorian calendar, and back (the usual count in eras of 400 years from March 0).
std::int64_t days_of(std::int64_t year, unsigned month, unsigned day) {
    year -= month <= 2 ? 1 : 0;
    const std::int64_t era = year / 400;
    const auto of_era = static_cast<unsigned>(year - era * 400);
    const unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146'097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719'468;
}
struct Date {
    std::int64_t year;
    unsigned month, day;
};
Date date_of(std::int64_t days) {
    days += 719'468;
    const std::int64_t era = days / 146'097;
    const auto of_era = static_cast<unsigned>(days - era * 146'097);
    const unsigned years = (of_era - of_era / 1'460 + of_era / 36'524 - of_era / 146'096) / 365;
    const unsigned of_year = of_era - (365 * years + years / 4 - years / 100);
    const unsigned from_march = (5 * of_year + 2) / 153;
    const unsigned month = from_march < 10 ? from_march + 3 : from_march - 9;
    return {years + era * 400 + (month <= 2 ? 1 : 0), month, of_year - (153 * from_march + 2) / 5 + 1};
}

constexpr std::int64_t first_second = -12'219'292'800;  // 1582-10-15, where the format's years begin
constexpr std::int64_t last_second = 253'402'300'799;   // 9999-12-31 23:59:59

Result<Scalar> take_time(ByteView bytes) {
    const auto year = static_cast<std::int64_t>(unsigned_of(bytes.first(2)));
    const unsigned month = bytes[2], day = bytes[3], hour = bytes[4], minute = bytes[5], second = bytes[6];
    if (year == 0 || month == 0 || day == 0) return not_available();
    if (year < 1582 || year > 9999 || month > 12 || day > 31 || hour > 23 || minute > 59 || second > 59 ||
        date_of(days_of(year, month, day)).month != month)
        return fail(Errc::malformed, "a date or time of day that cannot be");
    return days_of(year, month, day) * 86'400 + hour * 3'600 + minute * 60 + second;
}

Result<Bytes> put_time(const SigField& field, const Scalar& value) {
    std::optional<std::int64_t> said;
    if (const auto* whole = std::get_if<std::int64_t>(&value)) said = *whole;
    if (const auto* whole = std::get_if<std::uint64_t>(&value); whole != nullptr && *whole <= last_second)
        said = static_cast<std::int64_t>(*whole);
    if (const auto* number = std::get_if<double>(&value); number != nullptr && std::abs(*number) <= double{last_second})
        said = std::llround(*number);
    if (!said || *said < first_second || *said > last_second)
        return fail(Errc::bad_request, "a time is in seconds since 1970, in the years 1582 to 9999");
    const std::int64_t days = (*said - (*said < 0 ? 86'399 : 0)) / 86'400;
    const auto seconds = static_cast<unsigned>(*said - days * 86'400);
    const Date date = date_of(days);
    const auto byte = [](auto number) { return static_cast<std::uint8_t>(number); };
    Bytes bytes{byte(date.year & 0xFF), byte(date.year >> 8),       byte(date.month),  byte(date.day),
                byte(seconds / 3'600),  byte(seconds % 3'600 / 60), byte(seconds % 60)};
    if (field.type == SigType::day_date_time) bytes.push_back(byte(((days + 3) % 7 + 7) % 7 + 1));  // 1 is Monday
    return bytes;
}

Result<Scalar> take_field(const SigField& field, ByteView bytes, std::uint32_t flags) {
    switch (field.type) {
        case SigType::number:
        case SigType::signed_number: {
            const std::uint64_t bits = unsigned_of(bytes);
            const std::int64_t raw =
                field.type == SigType::number ? static_cast<std::int64_t>(bits) : signed_of(bits, 8U * field.size);
            if (field.invalid == raw) return not_available();
            if (field.kind() == Kind::float64) return field.scale(raw);
            return raw * field.scale.times + field.scale.plus;
        }
        case SigType::boolean:
            if (bytes[0] > 1) return fail(Errc::malformed, fmt::format("{} is neither true nor false", bytes[0]));
            return bytes[0] == 1;
        case SigType::flag: return (flags >> field.bit & 1) != 0;
        case SigType::medfloat16:
        case SigType::medfloat32: {
            const auto said = medical_float(bytes);
            if (!said) return not_available();
            if (field.scale.times == 1 && field.scale.by == 1 && field.scale.plus == 0) return *said;
            // Of another unit: to 0.0001, which is finer than any of these devices.
            const double exact = (*said * static_cast<double>(field.scale.times) + static_cast<double>(field.scale.plus)) /
                                 static_cast<double>(field.scale.by);
            return std::abs(exact) < 1e11 ? std::round(exact * 10'000) / 10'000 : exact;
        }
        case SigType::date_time:
        case SigType::day_date_time: return take_time(bytes);
        case SigType::text: return adapters::decode({Kind::string, static_cast<std::uint16_t>(bytes.size()), {}}, bytes);
        case SigType::rest: return Bytes(bytes.begin(), bytes.end());
    }
    return fail(Errc::internal, "a format that is no format");
}

Result<Bytes> put_number(const SigField& field, const Scalar& value) {
    const unsigned width = 8U * field.size;
    const bool is_signed = field.type == SigType::signed_number;
    const auto most = static_cast<double>((std::uint64_t{1} << (width - (is_signed ? 1 : 0))) - 1);
    const double least = is_signed ? -most - 1 : 0;
    double said = 0;
    if (const auto* flag = std::get_if<bool>(&value))
        said = *flag ? 1 : 0;
    else if (const auto* whole = std::get_if<std::int64_t>(&value))
        said = static_cast<double>(*whole);
    else if (const auto* positive = std::get_if<std::uint64_t>(&value))
        said = static_cast<double>(*positive);
    else if (const auto* number = std::get_if<double>(&value))
        said = *number;
    else
        return fail(Errc::bad_request, fmt::format("'{}' takes a number", field.name));
    const double raw = std::round((said * static_cast<double>(field.scale.by) - static_cast<double>(field.scale.plus)) /
                                  static_cast<double>(field.scale.times));
    if (!(raw >= least && raw <= most))
        return fail(Errc::bad_request, fmt::format("{} does not fit into '{}'", said, field.name));
    const auto number = static_cast<std::int64_t>(raw);
    if (field.invalid == number) return fail(Errc::bad_request, fmt::format("{} means 'not known' in '{}'", said, field.name));
    Bytes bytes(field.size);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(number) >> (8 * i));
    return bytes;
}

Result<Bytes> put_field(const SigField& field, const Scalar& value) {
    switch (field.type) {
        case SigType::number:
        case SigType::signed_number: return put_number(field, value);
        case SigType::boolean: return adapters::encode({Kind::boolean, 1, {}}, value);
        case SigType::date_time:
        case SigType::day_date_time: return put_time(field, value);
        case SigType::text:
            if (const auto* said = std::get_if<std::string>(&value); said != nullptr && said->size() <= 512)
                return Bytes(said->begin(), said->end());
            return fail(Errc::bad_request, "text of at most 512 bytes is wanted");
        case SigType::rest:
            if (const auto* said = std::get_if<Bytes>(&value); said != nullptr && said->size() <= 512) return *said;
            return fail(Errc::bad_request, "at most 512 bytes are wanted");
        default: return fail(Errc::not_allowed, fmt::format("'{}' cannot be written", field.name));
    }
}

}  // namespace

Kind SigField::kind() const {
    switch (type) {
        case SigType::number:
        case SigType::signed_number: return scale.by == 1 ? Kind::int64 : Kind::float64;
        case SigType::boolean:
        case SigType::flag: return Kind::boolean;
        case SigType::medfloat16:
        case SigType::medfloat32: return Kind::float64;
        case SigType::date_time:
        case SigType::day_date_time: return Kind::int64;
        case SigType::text: return Kind::string;
        case SigType::rest: return Kind::bytes;
    }
    return Kind::bytes;
}

std::optional<std::uint16_t> SigFormat::find(std::string_view field) const {
    const auto found = std::find_if(fields.begin(), fields.end(), [&](const SigField& its) { return its.name == field; });
    if (found == fields.end()) return std::nullopt;
    return static_cast<std::uint16_t>(found - fields.begin());
}

bool SigFormat::more_than(std::uint16_t) const { return flag_bytes > 0 || fields.size() > 1; }

bool SigFormat::writable(std::uint16_t field) const {
    const SigType type = fields[field].type;
    return flag_bytes == 0 && type != SigType::medfloat16 && type != SigType::medfloat32;
}

Result<std::optional<Scalar>> take(const SigFormat& format, std::uint16_t wanted, ByteView bytes) {
    const auto too_short = [&] { return fail(Errc::malformed, fmt::format("{} bytes are no {}", bytes.size(), format.name)); };
    if (bytes.size() < format.flag_bytes) return too_short();
    const auto flags = static_cast<std::uint32_t>(unsigned_of(bytes.first(format.flag_bytes)));
    ByteView rest = bytes.subspan(format.flag_bytes);
    std::optional<Scalar> found;
    for (const SigField& field : format.fields) {
        if ((flags & field.mask) != field.want) continue;
        const std::size_t size = is_variable(field.type) ? rest.size() : field.type == SigType::flag ? 0 : field.size;
        if (rest.size() < size) return too_short();
        if (!found && field.name == format.fields[wanted].name) {
            auto value = take_field(field, rest.first(size), flags);
            if (!value) return tl::unexpected(value.error());
            found = std::move(*value);
        }
        rest = rest.subspan(size);
    }
    // What has flags may grow; what has none is of another format when it is longer.
    if (!rest.empty() && format.flag_bytes == 0) return too_short();
    return found;
}

Result<Bytes> put(const SigFormat& format, std::uint16_t wanted, const Scalar& value, ByteView present) {
    if (!format.writable(wanted)) return fail(Errc::not_allowed, fmt::format("{} cannot be written", format.name));
    auto part = put_field(format.fields[wanted], value);
    if (!part || !format.more_than(wanted)) return part;
    Bytes whole(present.begin(), present.end());
    std::size_t at = 0;
    for (std::uint16_t i = 0; i < wanted; ++i) at += format.fields[i].size;
    if (whole.size() < at + part->size()) return fail(Errc::malformed, fmt::format("the present {} is too short", format.name));
    std::copy(part->begin(), part->end(), whole.begin() + static_cast<std::ptrdiff_t>(at));
    return whole;
}

}  // namespace adapters::ble
