#include "adapters/ble/sdbus_value.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace adapters::ble {

namespace {

namespace compat = sdbus_compat;
using base::Bytes;

constexpr std::size_t most_bytes = 65'536;

Value read_value(sdbus::Message& message);

template <class T>
T read_plain(sdbus::Message& message) {
    T item{};
    message >> item;
    return item;
}

template <class T>
Value read_integer(sdbus::Message& message) {
    const auto item = read_plain<T>(message);
    if constexpr (sizeof(T) == 8 && std::is_unsigned_v<T>)
        return static_cast<std::int64_t>(std::min<T>(item, static_cast<T>(INT64_MAX)));
    else
        return static_cast<std::int64_t>(item);
}

std::string key_text(const Value& key) {
    if (const auto* text = key.as<std::string>()) return *text;
    if (const auto* path = key.as<ObjectPath>()) return path->text;
    if (const auto* number = key.as<std::int64_t>()) return fmt::format("{}", *number);
    return {};
}

bool at_end(sdbus::Message& message) {
    char type = 0;
    std::string contents;
    compat::peek(message, type, contents);
    return type == '\0';
}

Value read_array(sdbus::Message& message, const std::string& contents) {
    if (contents == "y") {
        std::vector<std::uint8_t> bytes;
        message >> bytes;
        if (bytes.size() > most_bytes) bytes.resize(most_bytes);
        return Bytes(bytes.begin(), bytes.end());
    }
    message.enterContainer(contents.c_str());
    Value made;
    if (contents.front() == '{') {
        Dict dict;
        const std::string inner = contents.substr(1, contents.size() - 2);
        while (!at_end(message)) {
            message.enterDictEntry(inner.c_str());
            const Value key = read_value(message);
            Value value = read_value(message);
            dict.insert_or_assign(key_text(key), std::move(value));
            message.exitDictEntry();
        }
        made = std::move(dict);
    } else if (contents == "s") {
        Strings texts;
        while (!at_end(message)) texts.push_back(read_plain<std::string>(message));
        made = std::move(texts);
    } else {
        std::vector<Value> values;
        while (!at_end(message)) values.push_back(read_value(message));
        made = std::move(values);
    }
    message.clearFlags();
    message.exitContainer();
    return made;
}

/// The next value of a message; how deep it is nested, the bus has bounded (64 levels).
Value read_value(sdbus::Message& message) {
    char type = 0;
    std::string contents;
    compat::peek(message, type, contents);
    switch (type) {
        case 'b': return read_plain<bool>(message);
        case 'y': return read_integer<std::uint8_t>(message);
        case 'n': return read_integer<std::int16_t>(message);
        case 'q': return read_integer<std::uint16_t>(message);
        case 'i': return read_integer<std::int32_t>(message);
        case 'u': return read_integer<std::uint32_t>(message);
        case 'x': return read_integer<std::int64_t>(message);
        case 't': return read_integer<std::uint64_t>(message);
        case 'd': return read_plain<double>(message);
        case 's': return read_plain<std::string>(message);
        case 'o': return ObjectPath{read_plain<sdbus::ObjectPath>(message)};
        case 'g': return std::string(read_plain<sdbus::Signature>(message));
        case 'h': {
            auto descriptor = read_plain<sdbus::UnixFd>(message);
            return std::make_shared<FileDescriptor>(descriptor.release());
        }
        case 'v': {
            message.enterVariant(contents.c_str());
            Value value = read_value(message);
            message.exitVariant();
            return value;
        }
        case 'a': return read_array(message, contents);
        case 'r': {
            message.enterStruct(contents.c_str());
            std::vector<Value> values;
            while (!at_end(message)) values.push_back(read_value(message));
            message.exitStruct();
            return values;
        }
        default: throw compat::error("org.freedesktop.DBus.Error.InvalidSignature", "a type that D-Bus does not have");
    }
}

struct Signature {
    std::string operator()(std::monostate) const { return ""; }
    std::string operator()(bool) const { return "b"; }
    std::string operator()(std::int64_t) const { return "x"; }
    std::string operator()(std::uint32_t) const { return "u"; }
    std::string operator()(double) const { return "d"; }
    std::string operator()(const std::string&) const { return "s"; }
    std::string operator()(const ObjectPath&) const { return "o"; }
    std::string operator()(const Bytes&) const { return "ay"; }
    std::string operator()(const Strings&) const { return "as"; }
    std::string operator()(const Dict&) const { return "a{sv}"; }
    std::string operator()(const std::vector<Value>&) const { return ""; }
    std::string operator()(const std::vector<AdPattern>&) const { return "a(yyay)"; }
    std::string operator()(const SharedDescriptor&) const { return ""; }
};

struct Writer {
    sdbus::Message& message;
    void operator()(std::monostate) const {}
    void operator()(bool item) const { message << item; }
    void operator()(std::int64_t item) const { message << item; }
    void operator()(std::uint32_t item) const { message << item; }
    void operator()(double item) const { message << item; }
    void operator()(const std::string& item) const { message << item; }
    void operator()(const ObjectPath& item) const { message << sdbus::ObjectPath(item.text); }
    void operator()(const Bytes& item) const { message << std::vector<std::uint8_t>(item.begin(), item.end()); }
    void operator()(const Strings& item) const { message << item; }
    void operator()(const Dict& dict) const {
        message.openContainer("{sv}");
        for (const auto& [key, value] : dict) {
            const std::string type = signature_of(value);
            message.openDictEntry("sv");
            message << key;
            message.openVariant(type.c_str());
            std::visit(*this, value.is);
            message.closeVariant();
            message.closeDictEntry();
        }
        message.closeContainer();
    }
    void operator()(const std::vector<Value>&) const {}  // nothing that we send
    void operator()(const std::vector<AdPattern>& patterns) const {
        message.openContainer("(yyay)");
        for (const auto& pattern : patterns) {
            message.openStruct("yyay");
            message << pattern.start << pattern.type;
            (*this)(pattern.content);
            message.closeStruct();
        }
        message.closeContainer();
    }
    void operator()(const SharedDescriptor&) const {}
};

}  // namespace

std::string signature_of(const Value& value) { return std::visit(Signature{}, value.is); }

std::vector<Value> read_all(sdbus::Message& message) {
    std::vector<Value> values;
    while (!at_end(message)) values.push_back(read_value(message));
    return values;
}

void write_value(sdbus::Message& message, const Value& value) { std::visit(Writer{message}, value.is); }

Dict dict_of(Value& value) {
    auto* dict = std::get_if<Dict>(&value.is);
    return dict == nullptr ? Dict{} : std::move(*dict);
}

Interfaces interfaces_of(Value& value) {
    Interfaces interfaces;
    for (auto& [name, properties] : dict_of(value)) interfaces.emplace_back(name, dict_of(properties));
    return interfaces;
}

}  // namespace adapters::ble
