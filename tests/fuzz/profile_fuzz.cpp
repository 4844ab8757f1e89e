// Any text as a profile file: compiled for Modbus or Bluetooth, its own tests run, looked at by lint. Nothing may crash, hang
// or grow.
#include "adapters/modbus/descriptor.hpp"
#include "config/yaml_reader.hpp"
#include "mapping/lint.hpp"
#include "mapping/vectors.hpp"
#include "tests/fakes/manual_timers.hpp"
#include "tests/fakes/paper_ble.hpp"

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto catalog = lwm2m::ObjectCatalog::builtin();
    static boost::asio::io_context loop;
    static fakes::ManualTimers timers;
    static fakes::FixedRandom random;
    const mapping::Bench bench{&catalog, [](std::string_view name, base::Fields& link) -> std::unique_ptr<adapters::Adapter> {
                                   const auto& modbus = adapters::modbus::descriptor();
                                   if (name == modbus.name) return modbus.create(loop.get_executor(), timers, random, link);
                                   if (name == "ble") return fakes::PaperBle::create(link);
                                   link.error(name, "no such adapter", "there are: modbus, ble");
                                   return nullptr;
                               }};
    base::Diagnostics diagnostics;
    const auto file = config::read_yaml(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz.yaml", diagnostics);
    if (!file) return 0;
    const auto before = diagnostics.count();  // of the YAML itself: a key that stands there twice
    const bool ran = mapping::run_vectors(*file, bench, diagnostics).has_value();
    const bool looked = mapping::lint(*file, "fuzz/fuzz.yaml", bench, diagnostics).has_value();
    if (ran != looked || ran != (diagnostics.count() == before))
        std::abort();  // either it is understood, or it is told why not
    return 0;
}
