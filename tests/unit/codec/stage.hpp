#pragma once

#include "lwm2m/codec/codec.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <algorithm>
#include <bit>
#include <iostream>
#include <stdexcept>

/// What the codec tests share: models, and values written the way one says them.
namespace stage {

using namespace lwm2m;
using codec::Content;
using codec::Decoded;

inline Target at(std::string_view text) {
    auto target = Target::parse(text);
    if (!target) throw std::runtime_error(target.error().message);
    return *target;
}
inline Bytes hex(std::string_view digits) {
    auto bytes = base::from_hex(digits);
    if (!bytes) throw std::runtime_error("no hex: " + std::string(digits));
    return *bytes;
}
inline Value text(std::string value) { return Value(std::move(value)); }
inline Value number(std::int64_t value) { return Value(value); }

/// The built-in models and some that the standard's examples use.
inline const ObjectCatalog& models() {
    static const ObjectCatalog catalog = [] {
        ObjectCatalog all = ObjectCatalog::builtin();
        const auto add = [&all](ObjectId id, std::vector<std::tuple<ResourceId, Type, bool>> resources) {
            ObjectDef object;
            object.id = id;
            object.name = "example";
            object.multiple = true;
            for (const auto& [rid, type, multiple] : resources) {
                ResourceDef resource;
                resource.id = rid;
                resource.type = type;
                resource.multiple = multiple;
                resource.readable = resource.writable = true;
                object.resources.push_back(resource);
            }
            all.add(std::move(object));
        };
        add(2, {{0, Type::integer, false}, {1, Type::integer, false}, {2, Type::integer, true}, {3, Type::integer, false}});
        add(5, {{1, Type::integer, false}, {2, Type::integer, false}, {3, Type::integer, false}, {0, Type::integer, true}});
        add(16, {{0, Type::string, true}, {2, Type::opaque, true}});
        add(34, {{1, Type::string, true}});
        add(65, {{0, Type::objlnk, true}, {1, Type::string, false}, {2, Type::integer, false}});
        add(72, {{2, Type::floating, false}});
        // One of each type, for values that no standard object can hold.
        add(4242, {{0, Type::string, false},
                   {1, Type::integer, false},
                   {2, Type::unsigned_integer, false},
                   {3, Type::floating, false},
                   {4, Type::boolean, false},
                   {5, Type::opaque, false},
                   {6, Type::time, false},
                   {7, Type::objlnk, false},
                   {8, Type::corelnk, false},
                   {100, Type::integer, true},
                   {300, Type::string, true}});
        return all;
    }();
    return catalog;
}
inline const codec::Lookup& lookup() {
    static const codec::Lookup look = [](const Target& target) { return models().find(target.path); };
    return look;
}

inline Result<Decoded> decode(ContentFormat format, std::string_view base, ByteView payload) {
    return codec::decode(format, at(base), payload, lookup());
}
inline Result<Decoded> decode_json(std::string_view base, std::string_view json,
                                   ContentFormat format = ContentFormat::senml_json) {
    return decode(format, base, base::as_bytes(json));
}

/// "/3/0/0=\"x\" /3/0/9=100", with "@1700000000.5" behind a value that has a time; the message of an error.
inline std::string say(const Result<Decoded>& decoded) {
    if (!decoded) return "error: " + decoded.error().message;
    std::string out;
    for (const Entry& entry : decoded->entries) {
        out += (out.empty() ? "" : " ") + entry.target.str() + "=" + str(entry.value);
        if (entry.at) out += fmt::format("@{}", static_cast<double>(entry.at->time_since_epoch().count()) / 1000);
    }
    for (const Target& target : decoded->removed) out += (out.empty() ? "-" : " -") + target.str();
    return out;
}

inline std::string encoded_hex(ContentFormat format, const Content& content, bool with_time = false) {
    const auto bytes = codec::encode(format, content, lookup(), with_time);
    return bytes ? base::to_hex(*bytes) : "error: " + bytes.error().message;
}
inline std::string encoded_text(ContentFormat format, const Content& content, bool with_time = false) {
    const auto bytes = codec::encode(format, content, lookup(), with_time);
    return bytes ? std::string(base::as_text(*bytes)) : "error: " + bytes.error().message;
}
inline Content one(std::string_view target, Value value) { return {at(target), {{at(target), std::move(value)}}}; }
inline Content many(std::string_view base, std::vector<std::pair<std::string, Value>> values, bool multiple = false) {
    Content content{at(base), {}, multiple};
    for (auto& [target, value] : values) content.entries.push_back({at(target), std::move(value)});
    return content;
}

/// The examples of OMA Core 1.2 7.5 read this device.
inline std::vector<std::pair<std::string, Value>> example_device(const std::string& prefix = "") {
    std::vector<std::pair<std::string, Value>> values{{"/3/0/0", text("Open Mobile Alliance")},
                                                      {"/3/0/1", text("Lightweight M2M Client")},
                                                      {"/3/0/2", text("345000123")},
                                                      {"/3/0/3", text("1.0")},
                                                      {"/3/0/6/0", number(1)},
                                                      {"/3/0/6/1", number(5)},
                                                      {"/3/0/7/0", number(3800)},
                                                      {"/3/0/7/1", number(5000)},
                                                      {"/3/0/8/0", number(125)},
                                                      {"/3/0/8/1", number(900)},
                                                      {"/3/0/9", number(100)},
                                                      {"/3/0/10", number(15)},
                                                      {"/3/0/11/0", number(0)},
                                                      {"/3/0/13", number(1367491215)},
                                                      {"/3/0/14", text("+02:00")},
                                                      {"/3/0/16", text("U")}};
    for (auto& [path, value] : values) path = prefix + path;
    return values;
}
inline std::string example_device_said(const std::string& prefix = "") {
    Decoded decoded;
    for (auto& [path, value] : example_device(prefix)) decoded.entries.push_back({at(path), value});
    return say(decoded);
}

/// Every value is refused, with an error that is the payload's.
inline void expect_refused(ContentFormat format, std::string_view base, const std::vector<std::string>& payloads,
                           bool are_hex = true) {
    for (const std::string& payload : payloads) {
        const Bytes bytes = are_hex ? hex(payload) : Bytes(payload.begin(), payload.end());
        const auto decoded = decode(format, base, bytes);
        ASSERT_FALSE(decoded) << payload << " became " << say(decoded);
        EXPECT_EQ(decoded.error().code, Errc::bad_request) << payload;
    }
}
/// A whole payload is good; cut after any byte it is refused, or it is a shorter whole (then `may_be_whole`).
inline void expect_every_cut_refused(ContentFormat format, std::string_view base, const Bytes& whole,
                                     bool may_be_whole = false) {
    ASSERT_TRUE(decode(format, base, whole));
    for (std::size_t length = 0; length < whole.size(); ++length) {
        const auto decoded = decode(format, base, ByteView(whole).first(length));
        if (decoded) {
            EXPECT_TRUE(may_be_whole) << "cut to " << length << " bytes: " << say(decoded);
        } else {
            EXPECT_EQ(decoded.error().code, Errc::bad_request);
        }
    }
}

}  // namespace stage
