#include "adapters/ble/bus.hpp"

#include "gateway/base/log.hpp"

#include <fmt/format.h>
#include <unistd.h>

namespace adapters::ble {

FileDescriptor::~FileDescriptor() { ::close(number_); }

namespace {

void write(const Value& value, std::string& out) {
    if (out.size() > 200) return;
    struct Writer {
        std::string& out;
        void operator()(std::monostate) const { out += "nothing"; }
        void operator()(bool b) const { out += b ? "true" : "false"; }
        void operator()(std::int64_t number) const { out += fmt::format("{}", number); }
        void operator()(std::uint32_t number) const { out += fmt::format("{}", number); }
        void operator()(double number) const { out += fmt::format("{}", number); }
        void operator()(const std::string& text) const { out += base::printable(text); }
        void operator()(const ObjectPath& path) const { out += base::printable(path.text); }
        void operator()(const base::Bytes& bytes) const { out += bytes.empty() ? "-" : base::to_hex(bytes); }
        void operator()(const Strings& texts) const {
            out += '[';
            for (const auto& text : texts) (out += out.back() == '[' ? "" : ", ") += base::printable(text);
            out += ']';
        }
        void operator()(const Dict& dict) const {
            out += '{';
            for (const auto& [key, its] : dict) {
                if (out.back() != '{') out += ", ";
                out += base::printable(key) + ": ";
                write(its, out);
            }
            out += '}';
        }
        void operator()(const std::vector<Value>& values) const {
            out += '(';
            for (const auto& its : values) {
                if (out.back() != '(') out += ", ";
                write(its, out);
            }
            out += ')';
        }
        void operator()(const std::vector<AdPattern>& patterns) const { out += fmt::format("{} patterns", patterns.size()); }
        void operator()(const SharedDescriptor&) const { out += "a descriptor"; }
    };
    std::visit(Writer{out}, value.is);
}

}  // namespace

std::string text_of(const Value& value) {
    std::string out;
    write(value, out);
    if (out.size() > 200) (out.resize(200), out += "…");
    return out;
}

}  // namespace adapters::ble
