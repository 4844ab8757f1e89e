#pragma once

#include "adapters/modbus/shape.hpp"

#include <modbus/modbus.h>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace adapters::modbus {

/// A Modbus TCP device made of a profile's points: only their registers exist, all else is exception 2; other units are
/// exception 11. It tells the texts of its `identify` points with function 43/14, and knows 1-6, 15, 16, 22 and 23. Lives on
/// the core loop, serves up to 16 clients. libmodbus answers, after each request was proved whole and within the device,
/// because the known holes of that library are on this side of it. For the bench and the demo: it trusts every client that
/// reaches its address, so bind it to a loopback address.
class ModbusSimulator final : public Simulator {
public:
    /// `where`: "127.0.0.1:1502", "[::1]:0" (any free port). `log`: "unit 1  read holding 0..20".
    ModbusSimulator(boost::asio::any_io_executor, std::vector<PointShape>, std::uint8_t unit, std::string where,
                    std::function<void(std::string)> log);
    ~ModbusSimulator() override;

    Result<std::string> start() override;
    Result<void> set(PointIndex, Scalar) override;
    Result<Scalar> get(PointIndex) const override;
    void stop() override;

private:
    using Tcp = boost::asio::ip::tcp;
    struct Client;

    void accept();
    void read_header(std::shared_ptr<Client>);
    void read_rest(std::shared_ptr<Client>, std::size_t size);
    bool answer(Client&, std::size_t size);
    int refusal(ByteView pdu, Extent& asked) const;
    int refusal_of_registers(ByteView pdu, Extent& asked) const;
    int missing(const Extent&) const;
    bool tell_identity(Client&, ByteView pdu);
    std::uint16_t word(const Extent&, std::uint16_t offset) const;
    void store(const Extent&, std::uint16_t offset, std::uint16_t value);
    std::string told(std::uint8_t unit, ByteView pdu, const Extent& asked, int refused) const;

    boost::asio::any_io_executor executor_;
    const std::vector<PointShape> points_;
    std::map<std::uint8_t, std::string> texts_;  // of 43/14
    const std::uint8_t unit_;
    const std::string where_;
    std::function<void(std::string)> log_;
    std::set<std::pair<Table, std::uint16_t>> there_;
    std::unique_ptr<modbus_mapping_t, void (*)(modbus_mapping_t*)> memory_;
    std::unique_ptr<modbus_t, void (*)(modbus_t*)> modbus_;
    Tcp::acceptor acceptor_;
    std::vector<std::weak_ptr<Client>> clients_;
    std::shared_ptr<int> alive_;  // reset by stop(): handlers under way do nothing then
};

}  // namespace adapters::modbus
