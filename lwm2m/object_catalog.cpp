#include "lwm2m/object_catalog.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <pugixml.hpp>
#include <set>

namespace lwm2m {

namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t largest_file = 4U << 20;

// The loader of OMA's object definition files ("DDF", schema LWM2M.xsd). What the public files really hold: object
// tables digest, section 2.

/// All text of an element, CDATA too, with white space collapsed.
std::string text_of(const pugi::xml_node& node) {
    std::string text;
    for (const auto& part : node.children()) {
        if (part.type() != pugi::node_pcdata && part.type() != pugi::node_cdata) continue;
        for (const char* c = part.value(); *c != 0; ++c) {
            const bool blank = *c == ' ' || *c == '\t' || *c == '\n' || *c == '\r';
            if (!blank)
                text.push_back(*c);
            else if (!text.empty() && text.back() != ' ')
                text.push_back(' ');
        }
    }
    if (!text.empty() && text.back() == ' ') text.pop_back();
    return text;
}
std::string text_of(const pugi::xml_node& parent, const char* child) { return text_of(parent.child(child)); }

template <class T>
std::optional<T> number(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<Type> type_of(std::string_view text) {
    if (text.empty()) return Type::none;
    for (const Type type : {Type::string, Type::integer, Type::unsigned_integer, Type::floating, Type::boolean, Type::opaque,
                            Type::time, Type::objlnk, Type::corelnk})
        if (text == name(type)) return type;
    return std::nullopt;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

/// RangeEnumeration is free text. Understood are `a..b` (also with three dots), lists of such and of numbers, and, for
/// lengths, "bytes" behind it and a single number as the greatest length. Anything else says nothing.
void read_range(std::string_view text, ResourceDef& resource) {
    const bool length = resource.type == Type::string || resource.type == Type::opaque;
    const bool ordered = length || resource.type == Type::integer || resource.type == Type::unsigned_integer ||
                         resource.type == Type::floating || resource.type == Type::time;
    if (!ordered) return;
    if (length)
        for (const std::string_view unit : {"bytes", "Bytes"})
            if (text.size() > unit.size() && text.substr(text.size() - unit.size()) == unit)
                text = trimmed(text.substr(0, text.size() - unit.size()));
    if (length)
        if (const auto most = number<double>(text)) {
            resource.most = *most;
            return;
        }
    std::optional<double> least, most;
    bool range = false;
    std::size_t parts = 0;
    for (std::string_view rest = text;; ++parts) {
        const auto comma = rest.find(',');
        const std::string_view part = trimmed(rest.substr(0, comma));
        const auto dots = part.find("..");
        std::optional<double> low, high;
        if (dots == std::string_view::npos) {
            low = high = number<double>(part);
        } else {
            const bool three = part.substr(dots).starts_with("...");
            low = number<double>(trimmed(part.substr(0, dots)));
            high = number<double>(trimmed(part.substr(dots + (three ? 3 : 2))));
            range = true;
        }
        if (!low || !high || *low > *high) return;
        least = least ? std::min(*least, *low) : *low;
        most = most ? std::max(*most, *high) : *high;
        if (comma == std::string_view::npos) break;
        rest.remove_prefix(comma + 1);
    }
    if (!range && parts == 0) return;  // "255" may be a limit, a default or the only value
    resource.least = least;
    resource.most = most;
}

/// What goes wrong inside one file; the caller puts the file's name in front.
Result<ResourceDef> read_resource(const pugi::xml_node& item) {
    const auto wrong = [](std::string what) { return fail(Errc::bad_request, std::move(what)); };
    ResourceDef resource;
    const std::string id = item.attribute("ID").value();
    const auto value = number<std::uint16_t>(id);
    if (!value || *value == 65535)
        return wrong(fmt::format("resource id '{}' is no number from 0 to 65534; correct the ID", id));
    resource.id = *value;
    resource.name = text_of(item, "Name");
    const std::string operations = text_of(item, "Operations");
    for (const char c : operations) {
        if (c == 'R' && !resource.readable)
            resource.readable = true;
        else if (c == 'W' && !resource.writable)
            resource.writable = true;
        else if (c == 'E' && operations.size() == 1)
            resource.executable = true;
        else
            return wrong(
                fmt::format("resource {}: Operations '{}' is none of R, W, RW, E and nothing; correct it", id, operations));
    }
    const std::string type = text_of(item, "Type");
    const auto known = type_of(type);
    if (!known) return wrong(fmt::format("resource {}: Type '{}' is not known; use one of the LwM2M types", id, type));
    resource.type = *known;
    resource.multiple = text_of(item, "MultipleInstances") == "Multiple";
    resource.mandatory = text_of(item, "Mandatory") == "Mandatory";
    read_range(text_of(item, "RangeEnumeration"), resource);
    resource.unit = text_of(item, "Units");
    return resource;
}

Result<ObjectDef> read_object(const pugi::xml_document& document) {
    const auto wrong = [](std::string what) { return fail(Errc::bad_request, std::move(what)); };
    const pugi::xml_node root = document.child("LWM2M");
    const pugi::xml_node node = root.child("Object");
    if (!node || node.next_sibling("Object")) return wrong("not one object definition (LWM2M/Object); leave this file out");
    const std::string_view kind = node.attribute("ObjectType").value();
    if (!kind.empty() && kind != "MODefinition")
        return wrong(fmt::format("ObjectType '{}' is no object definition; leave this file out", kind));

    ObjectDef object;
    const std::string id = text_of(node, "ObjectID");
    const auto value = number<std::uint16_t>(id);
    if (!value || *value == 65535) return wrong(fmt::format("ObjectID '{}' is no number from 0 to 65534; correct it", id));
    object.id = *value;
    object.name = text_of(node, "Name");
    if (object.name.empty()) return wrong("the object has no Name; add one");
    const auto read_version = [&node](const char* element, Version& version) -> Result<void> {
        const std::string text = text_of(node, element);
        if (text.empty()) return {};  // 1.0; older files leave it out
        const auto parsed = Version::parse(text);
        if (!parsed) return fail(Errc::bad_request, fmt::format("{} '{}' is no version; write it as 1.0", element, text));
        version = *parsed;
        return {};
    };
    if (auto done = read_version("ObjectVersion", object.version); !done) return tl::unexpected(done.error());
    if (auto done = read_version("LWM2MVersion", object.enabler); !done) return tl::unexpected(done.error());
    object.multiple = text_of(node, "MultipleInstances") == "Multiple";
    object.mandatory = text_of(node, "Mandatory") == "Mandatory";

    std::set<ResourceId> seen;
    for (const auto& item : node.child("Resources").children("Item")) {
        auto resource = read_resource(item);
        if (!resource) return tl::unexpected(resource.error());
        if (!seen.insert(resource->id).second)
            return wrong(fmt::format("resource {} is there twice; remove one", resource->id));
        object.resources.push_back(std::move(*resource));
    }
    std::sort(object.resources.begin(), object.resources.end(),
              [](const ResourceDef& a, const ResourceDef& b) { return a.id < b.id; });
    return object;
}

}  // namespace

Result<Version> Version::parse(std::string_view text) {
    const auto dot = text.find('.');
    const auto part = [](std::string_view digits) -> std::optional<std::uint8_t> {
        std::uint8_t number = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
        return number;
    };
    if (dot != std::string_view::npos) {
        const auto major = part(text.substr(0, dot));
        const auto minor = part(text.substr(dot + 1));
        if (major && minor) return Version{*major, *minor};
    }
    return fail(Errc::bad_request, "a version is written major.minor, such as 1.2");
}

std::string Version::str() const { return fmt::format("{}.{}", major, minor); }

const ResourceDef* ObjectDef::resource(ResourceId wanted) const {
    const auto found = std::lower_bound(resources.begin(), resources.end(), wanted,
                                        [](const ResourceDef& resource, ResourceId rid) { return resource.id < rid; });
    return found != resources.end() && found->id == wanted ? &*found : nullptr;
}

const ObjectDef* ObjectCatalog::find(ObjectId id) const {
    const auto found = objects_.find(id);
    return found == objects_.end() ? nullptr : &found->second;
}

const ResourceDef* ObjectCatalog::find(const Path& path) const {
    if (path.level() < Path::Level::resource) return nullptr;
    const ObjectDef* object = find(path.object());
    return object == nullptr ? nullptr : object->resource(path.resource());
}

void ObjectCatalog::add(ObjectDef object) {
    std::sort(object.resources.begin(), object.resources.end(),
              [](const ResourceDef& a, const ResourceDef& b) { return a.id < b.id; });
    const ObjectId id = object.id;
    objects_.insert_or_assign(id, std::move(object));
}

Result<ObjectDef> ObjectCatalog::parse_xml(std::string_view text, std::string_view file) {
    pugi::xml_document document;
    const auto parsed = document.load_buffer(text.data(), text.size(), pugi::parse_default | pugi::parse_doctype);
    if (!parsed)
        return fail(Errc::bad_request, fmt::format("{}: not well-formed XML at byte {} ({}); correct or remove the file", file,
                                                   parsed.offset, parsed.description()));
    for (const auto& node : document.children())
        if (node.type() == pugi::node_doctype)
            return fail(Errc::bad_request, fmt::format("{}: has a document type declaration; remove it", file));
    auto object = read_object(document);
    if (!object) return tl::unexpected(in(file, object.error()));
    return object;
}

std::size_t ObjectCatalog::load_folder(const std::string& folder, std::vector<std::string>& refused) {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, error), end;
         !error && it != end; it.increment(error)) {
        std::error_code ignored;
        if (it->path().extension() == ".xml" && it->is_regular_file(ignored)) files.push_back(it->path());
    }
    if (error) refused.push_back(fmt::format("{}: cannot be read ({}); check the folder", folder, error.message()));
    std::sort(files.begin(), files.end());

    std::size_t loaded = 0;
    for (const auto& path : files) {
        const std::string file = path.string();
        const auto size = fs::file_size(path, error);
        if (!error && size > largest_file) {
            refused.push_back(fmt::format("{}: larger than {} bytes; no object definition is", file, largest_file));
            continue;
        }
        std::ifstream stream(path, std::ios::binary);
        std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
        if (error || stream.bad() || !stream.is_open()) {
            refused.push_back(fmt::format("{}: cannot be read; check its permissions", file));
            continue;
        }
        auto object = parse_xml(text, file);
        if (!object) {
            refused.push_back(object.error().message);
            continue;
        }
        ++loaded;
        const ObjectDef* present = find(object->id);
        if (present == nullptr || object->version >= present->version) add(std::move(*object));
    }
    return loaded;
}

}  // namespace lwm2m
