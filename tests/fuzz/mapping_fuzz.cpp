// A hostile profile, and a site after a line "---": compiled with an adapter that takes anything. Either mistakes, each with
// its place, or a plan whose devices take values and writes.
#include "config/yaml_reader.hpp"
#include "gateway/base/bytes.hpp"
#include "mapping/compile.hpp"
#include "mapping/evaluator.hpp"
#include "tests/fakes/fake_adapter.hpp"

#include <cstdio>
#include <cstdlib>

namespace {

void must(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "does not hold: %s\n", what);
    std::abort();
}

void feed(const mapping::Device& device) {
    mapping::Evaluator evaluator(device.type);
    mapping::Evaluator::Outcomes outcomes;
    const adapters::Scalar values[] = {std::int64_t{-32768}, std::uint64_t{65535}, 0.1, true,
                                       std::string("ON"),    base::Bytes{1, 2}};
    const auto& points = device.type->points;
    for (const auto& value : values) {
        for (std::size_t i = 0; i < points.size(); ++i) {
            must(points[i].inputs.size() <= points.size(), "inputs are points");
            if (points[i].index != mapping::no_index)
                static_cast<void>(evaluator.feed(static_cast<std::uint16_t>(i), value, outcomes));
        }
        evaluator.settle(outcomes);
        must(!evaluator.waiting(), "all that waited is settled");
    }
    must(outcomes.size() <= 2 * std::size(values) * points.size(),
         "each point is told once for each value, and once when settled");
    for (std::size_t i = 0; i < points.size(); ++i)
        if (points[i].writable)
            for (const lwm2m::Value& value : {lwm2m::Value(1e300), lwm2m::Value(true), lwm2m::Value(std::string("ON"))})
                static_cast<void>(evaluator.write(static_cast<std::uint16_t>(i), value));
    for (const auto& action : device.type->actions)
        for (const char* arguments : {"", "0='1',1", "0='", "9='x'"}) static_cast<void>(action.bind(arguments));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto catalog = lwm2m::ObjectCatalog::builtin();
    const auto text = base::as_text({data, size});
    const auto border = text.find("\n---\n");
    base::Diagnostics diagnostics;
    mapping::Sources sources;
    sources.catalog = &catalog;
    if (auto profile = config::read_yaml(text.substr(0, border), "profile.yaml", diagnostics))
        sources.profiles.push_back(std::move(*profile));
    const auto site = border == std::string_view::npos
                          ? std::string_view("format: 1\ndevices: [{id: d, profile: x/y@1, link: bus}]\n")
                          : text.substr(border + 5);
    if (auto node = config::read_yaml(site, "site.yaml", diagnostics)) sources.site.push_back(std::move(*node));
    base::Diagnostics ignored;
    const auto links = config::read_yaml("bus: {fake: here}\n", "gateway.yaml", ignored);
    sources.links = &*links;
    sources.endpoint = "gateway";
    sources.make = [](std::string_view, base::Fields& link) -> std::unique_ptr<adapters::Adapter> {
        link.known("fake");
        link.known("x");
        return std::make_unique<fakes::FakeAdapter>();
    };
    sources.secret = [](std::string_view name) -> base::Result<std::string> {
        if (name == "door") return std::string("42");
        return base::fail(base::Errc::not_found, "no such file");
    };
    const auto before = diagnostics.count();
    const auto plan = mapping::compile(sources, diagnostics);
    must(plan.has_value() == (diagnostics.count() == before), "a plan, or mistakes");
    must(base::is_utf8(diagnostics.str()), "mistakes are text");
    if (!plan) return 0;
    static_cast<void>(plan->str());
    const mapping::DeviceType* last = nullptr;
    for (const auto& device : plan->devices) {
        if (device.type.get() != last) feed(device);
        last = device.type.get();
    }
    const adapters::Found found{
        "4711", {{"unit", "7"}, {"slot", "${secret:door}"}}, {{"serial", "4711"}, {"vendor", "\xFF"}}, ""};
    for (const auto& rule : plan->rules) {
        static_cast<void>(rule.allows(found));
        if (const auto made = rule.device(found)) must(made->find("id") != nullptr, "a device has an id");
    }
    return 0;
}
