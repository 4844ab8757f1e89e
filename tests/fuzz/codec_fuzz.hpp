#pragma once

#include "lwm2m/codec/codec.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

/// What the codec fuzzers share: any bytes are decoded; what decodes is encoded and decoded again, and must be the same.
namespace fuzz {

using namespace lwm2m;

inline const codec::Lookup& lookup() {
    static const ObjectCatalog catalog = ObjectCatalog::builtin();
    static const codec::Lookup look = [](const Target& target) { return catalog.find(target.path); };
    return look;
}

[[noreturn]] inline void differs(const char* what, const std::string& detail) {
    std::fprintf(stderr, "%s: %s\n", what, detail.c_str());
    std::abort();
}

/// Without a definition nothing says how a number was written: 5.0 may come back as 5.
inline bool same(const Value& a, const Value& b) {
    if (a == b) return true;
    const auto x = numeric(a);
    const auto y = numeric(b);
    return x && y && *x == *y;
}

inline bool same(std::vector<Entry> a, std::vector<Entry> b) {
    const auto by_place = [](const Entry& x, const Entry& y) {
        if (const auto order = x.target <=> y.target; order != 0) return order < 0;
        return x.at < y.at;
    };
    std::sort(a.begin(), a.end(), by_place);
    std::sort(b.begin(), b.end(), by_place);
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Entry& x, const Entry& y) {
        return x.target == y.target && x.at == y.at && same(x.value, y.value);
    });
}

/// The first byte chooses the path of the request, the rest is the payload.
inline const Target& base_of(std::uint8_t choice) {
    static const std::vector<Target> bases = [] {
        std::vector<Target> all;
        for (const char* text : {"/3/0", "/dev1/3303/0", "/3303", "/", "/3/0/6", "/3/0/6/1", "/dev1/3303/0/5700", "/dev1",
                                 "/5/0/0", "/25", "/3/0/22", "/3/0/13", "/1/0", "/6/0/4", "/3306/0/5850", "/4711/0"})
            all.push_back(*Target::parse(text));
        return all;
    }();
    return bases[choice % bases.size()];
}

inline int hierarchical(ContentFormat format, const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const Target& base = base_of(data[0]);
    const ByteView payload(data + 1, size - 1);
    static_cast<void>(codec::decode_targets(format, payload));
    auto decoded = codec::decode(format, base, payload, lookup());
    if (!decoded) {
        if (decoded.error().code != Errc::bad_request) differs("an error that is not the payload's", decoded.error().message);
        return 0;
    }
    for (const Entry& entry : decoded->entries)
        if (!base.path.covers(entry.target.path) || (!base.prefix.empty() && entry.target.prefix != base.prefix))
            differs("a value outside of the request", entry.target.str());
    // Relative times are not written, and then a target may be there twice.
    for (const Entry& entry : decoded->entries)
        if (entry.at && entry.at->time_since_epoch() < std::chrono::seconds(std::int64_t{1} << 28)) return 0;
    const codec::Content content{base, decoded->entries};
    const auto bytes = codec::encode(format, content, lookup(), true);
    if (!bytes) {
        if (format == ContentFormat::tlv) return 0;  // has no place for several objects
        differs("decoded, but cannot be encoded", bytes.error().message);
    }
    const auto again = codec::decode(format, base, *bytes, lookup());
    if (!again) differs("encoded, but cannot be decoded", again.error().message + " in " + base::to_hex(*bytes));
    if (!same(decoded->entries, again->entries)) differs("came back otherwise", base::to_hex(*bytes));
    return 0;
}

inline int single(ContentFormat format, const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const Target& base = base_of(data[0]);
    const auto decoded = codec::decode(format, base, ByteView(data + 1, size - 1), lookup());
    if (!decoded) {
        if (decoded.error().code != Errc::bad_request) differs("an error that is not the payload's", decoded.error().message);
        return 0;
    }
    const auto bytes = codec::encode(format, {base, decoded->entries}, lookup());
    if (!bytes) differs("decoded, but cannot be encoded", bytes.error().message);
    const auto again = codec::decode(format, base, *bytes, lookup());
    if (!again) differs("encoded, but cannot be decoded", again.error().message);
    if (!same(decoded->entries, again->entries)) differs("came back otherwise", base::to_hex(*bytes));
    return 0;
}

}  // namespace fuzz
