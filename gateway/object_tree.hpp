#pragma once

#include "gateway/broker.hpp"
#include "gateway/own_objects/own_tree.hpp"

#include <memory>

namespace gateway {

/// The one implementation of lwm2m::ObjectTree: the empty prefix is the gateway's own objects, every other one an end
/// device, whose resources are what its mapping shows.
class ObjectTree final : public lwm2m::ObjectTree {
public:
    ObjectTree(const lwm2m::ObjectCatalog&, EndDevices&, ValueStore&, LinkHost&, Broker&, base::Timers&);

    void add(std::unique_ptr<own_objects::OwnObject> object) { own_.add(std::move(object)); }
    /// Called when a server's request changed a value that the devices did not report (reset of min and max).
    std::function<void(DeviceIndex, std::uint16_t resource)> on_changed;
    /// Called after a write or execute on the own tree.
    std::function<void(const lwm2m::Path&, const lwm2m::Value&)> on_own_changed;
    /// The value that a resource has now; monostate for none. Of 3/0/11 its first code.
    lwm2m::Value value(const EndDevice&, const mapping::Resource&) const;

    bool has(std::string_view prefix) const override;
    const lwm2m::ObjectDef* object(std::string_view prefix, lwm2m::ObjectId) const override;
    std::vector<lwm2m::Path> list(const lwm2m::Target& at) const override;
    bool exists(const lwm2m::Target&) const override;
    const lwm2m::ResourceDef* definition(const lwm2m::Target&) const override;
    void read(const lwm2m::Target&, lwm2m::Done<std::vector<lwm2m::Entry>>) override;
    void write(const lwm2m::Target& at, std::vector<lwm2m::Entry>, lwm2m::WriteMode, lwm2m::Done<void>) override;
    void execute(const lwm2m::Target&, std::string arguments, lwm2m::Done<void>) override;
    void create(const lwm2m::Target&, std::vector<lwm2m::Entry>, lwm2m::Done<lwm2m::InstanceId>) override;
    void remove(const lwm2m::Target&, lwm2m::Done<void>) override;

    /// The codes of 3/0/11, one for each resource instance; never empty.
    std::vector<std::int64_t> errors(const EndDevice&) const;

private:
    struct Writes;

    void read_device(DeviceIndex, const lwm2m::Target&, lwm2m::Done<std::vector<lwm2m::Entry>>);
    void collect(const EndDevice&, const lwm2m::Target&, std::vector<lwm2m::Entry>&) const;
    void write_next(std::shared_ptr<Writes>);

    EndDevices& devices_;
    ValueStore& store_;
    LinkHost& links_;
    Broker& broker_;
    base::Timers& timers_;
    own_objects::OwnTree own_;
};

}  // namespace gateway
