#include "adapters/modbus/simulator.hpp"

#include "adapters/modbus/link_settings.hpp"
#include "adapters/modbus/traffic_text.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/read.hpp>

namespace adapters::modbus {

using base::Errc;
using base::fail;

namespace {

constexpr std::size_t most_clients = 16;

enum Exception : int { none = 0, illegal_function = 1, illegal_address = 2, illegal_value = 3, no_such_unit = 11 };

/// The smallest memory of libmodbus that holds all points.
modbus_mapping_t* make_memory(const std::vector<PointShape>& points) {
    std::array<std::uint32_t, 4> first{65536, 65536, 65536, 65536}, end{};
    for (const PointShape& point : points) {
        if (point.object) continue;
        const auto table = static_cast<std::size_t>(point.extent.table);
        first[table] = std::min<std::uint32_t>(first[table], point.extent.address);
        end[table] = std::max(end[table], point.extent.end());
    }
    for (std::size_t table = 0; table < first.size(); ++table)
        if (end[table] == 0) first[table] = 0;
    const auto size = [&](Table table) {
        return end[static_cast<std::size_t>(table)] - first[static_cast<std::size_t>(table)];
    };
    const auto start = [&](Table table) { return first[static_cast<std::size_t>(table)]; };
    modbus_mapping_t* memory =
        modbus_mapping_new_start_address(start(Table::coil), size(Table::coil), start(Table::discrete), size(Table::discrete),
                                         start(Table::holding), size(Table::holding), start(Table::input), size(Table::input));
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

std::uint16_t number_at(ByteView bytes, std::size_t at) { return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]); }

/// 6.21: MEI type 14, level 1 to 4, and something to tell.
int refusal_of_identity(ByteView pdu, const std::map<std::uint8_t, std::string>& texts) {
    if (texts.empty() || pdu.size() < 2 || pdu[1] != 14) return illegal_function;
    if (pdu.size() != 4 || pdu[2] < 1 || pdu[2] > 4) return illegal_value;
    return pdu[2] == 4 && !texts.contains(pdu[3]) ? illegal_address : none;
}

std::string place(const boost::asio::ip::tcp::endpoint& endpoint) {
    const bool six = endpoint.address().is_v6();
    return fmt::format("{}{}{}:{}", six ? "[" : "", endpoint.address().to_string(), six ? "]" : "", endpoint.port());
}

}  // namespace

struct ModbusSimulator::Client {
    explicit Client(Tcp::socket connected) : socket(std::move(connected)) {}
    Tcp::socket socket;
    std::array<std::uint8_t, largest_adu> frame{};
};

ModbusSimulator::ModbusSimulator(boost::asio::any_io_executor executor, std::vector<PointShape> points, std::uint8_t unit,
                                 std::string where, std::function<void(std::string)> log)
    : executor_(std::move(executor)),
      points_(std::move(points)),
      unit_(unit),
      where_(std::move(where)),
      log_(std::move(log)),
      memory_(make_memory(points_), &modbus_mapping_free),
      modbus_(modbus_new_tcp("127.0.0.1", 502), &modbus_free),  // never listens: it is given our sockets
      acceptor_(executor_) {
    if (modbus_ == nullptr) throw std::bad_alloc();
    for (const PointShape& point : points_) {
        if (point.object) {
            texts_.emplace(*point.object, "simulated");
            continue;
        }
        for (std::uint32_t address = point.extent.address; address < point.extent.end(); ++address)
            there_.emplace(point.extent.table, static_cast<std::uint16_t>(address));
    }
}

ModbusSimulator::~ModbusSimulator() { stop(); }

Result<std::string> ModbusSimulator::start() {
    const auto address = parse_tcp(where_, 502, true);
    boost::system::error_code error;
    const auto host = address ? boost::asio::ip::make_address(address->host == "localhost" ? "127.0.0.1" : address->host, error)
                              : boost::asio::ip::address();
    if (!address || error)
        return fail(Errc::bad_request, fmt::format("'{}' is no address to listen on; write 127.0.0.1:1502", where_));
    const Tcp::endpoint endpoint(host, address->port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(Tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(boost::asio::socket_base::max_listen_connections, error);
    if (error) {
        boost::system::error_code ignored;
        acceptor_.close(ignored);
        return fail(Errc::bad_request, fmt::format("cannot listen on {}: {}", place(endpoint), error.message()));
    }
    alive_ = std::make_shared<int>(0);
    accept();
    return place(acceptor_.local_endpoint(error));
}

void ModbusSimulator::stop() {
    alive_.reset();
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    for (const auto& weak : clients_)
        if (const auto client = weak.lock()) client->socket.close(ignored);
    clients_.clear();
}

void ModbusSimulator::accept() {
    acceptor_.async_accept([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error, Tcp::socket socket) {
        if (alive.expired() || error == boost::asio::error::operation_aborted) return;
        std::erase_if(clients_, [](const auto& client) { return client.expired(); });
        if (!error && clients_.size() < most_clients) {
            boost::system::error_code ignored;
            socket.set_option(Tcp::no_delay(true), ignored);
            socket.native_non_blocking(true, ignored);
            const auto client = std::make_shared<Client>(std::move(socket));
            clients_.push_back(client);
            read_header(client);
        }
        accept();
    });
}

void ModbusSimulator::read_header(std::shared_ptr<Client> client) {
    Client& on = *client;
    boost::asio::async_read(
        on.socket, boost::asio::buffer(on.frame.data(), tcp_header_size),
        [this, alive = std::weak_ptr(alive_), client = std::move(client)](const boost::system::error_code& error, std::size_t) {
            if (alive.expired() || error) return;
            const auto size = tcp_adu_size({client->frame.data(), tcp_header_size});
            if (size && *size > tcp_header_size) read_rest(client, *size);
        });
}

void ModbusSimulator::read_rest(std::shared_ptr<Client> client, std::size_t size) {
    Client& on = *client;
    boost::asio::async_read(on.socket, boost::asio::buffer(on.frame.data() + tcp_header_size, size - tcp_header_size),
                            [this, alive = std::weak_ptr(alive_), client = std::move(client), size](
                                const boost::system::error_code& error, std::size_t) {
                                if (alive.expired() || error) return;
                                if (answer(*client, size)) read_header(client);
                            });
}

/// Exception::none: libmodbus may answer it, all of its addresses are there.
int ModbusSimulator::refusal(ByteView pdu, Extent& asked) const {
    const std::uint8_t function = pdu[0];
    if (function == 43) return refusal_of_identity(pdu, texts_);
    if (function == 22 || function == 23) return refusal_of_registers(pdu, asked);
    if (!(function >= 1 && function <= 6) && function != 15 && function != 16) return illegal_function;
    static constexpr std::array<Table, 17> tables{{{},
                                                   Table::coil,
                                                   Table::discrete,
                                                   Table::holding,
                                                   Table::input,
                                                   Table::coil,
                                                   Table::holding,
                                                   {},
                                                   {},
                                                   {},
                                                   {},
                                                   {},
                                                   {},
                                                   {},
                                                   {},
                                                   Table::coil,
                                                   Table::holding}};
    if (pdu.size() < 5) return illegal_value;
    const std::uint16_t number = number_at(pdu, 3);
    const bool single = function == 5 || function == 6;
    asked = {tables[function], number_at(pdu, 1), single ? std::uint16_t{1} : number};
    if (function <= 6) {
        const std::uint16_t most = function <= 2 ? most_read_bits : most_read_registers;
        if (pdu.size() != 5 || (!single && (number < 1 || number > most))) return illegal_value;
        if (function == 5 && number != 0 && number != 0xFF00) return illegal_value;
    } else {
        const std::uint16_t most = function == 15 ? most_written_bits : most_written_registers;
        const std::size_t bytes = function == 15 ? (number + 7U) / 8U : number * 2U;
        if (number < 1 || number > most || pdu.size() != 6 + bytes || pdu[5] != bytes) return illegal_value;
    }
    return missing(asked);
}

int ModbusSimulator::missing(const Extent& asked) const {
    for (std::uint32_t address = asked.address; address < asked.end(); ++address)
        if (address > 65535 || !there_.contains({asked.table, static_cast<std::uint16_t>(address)})) return illegal_address;
    return none;
}

/// Functions 22 (mask write) and 23 (write and read).
int ModbusSimulator::refusal_of_registers(ByteView pdu, Extent& asked) const {
    const bool mask = pdu[0] == 22;
    if (mask ? pdu.size() != 7 : pdu.size() < 12) return illegal_value;
    asked = {Table::holding, number_at(pdu, 1), mask ? std::uint16_t{1} : number_at(pdu, 3)};
    if (mask) return missing(asked);
    const Extent written{Table::holding, number_at(pdu, 5), number_at(pdu, 7)};
    if (asked.count < 1 || asked.count > most_read_registers || written.count < 1 ||
        written.count > most_written_and_read_registers || pdu[9] != written.count * 2U || pdu.size() != 10U + pdu[9])
        return illegal_value;
    const int unwritable = missing(written);
    return unwritable != none ? unwritable : missing(asked);
}

/// 43/14: all texts of the level in one answer, which has room for them.
bool ModbusSimulator::tell_identity(Client& client, ByteView pdu) {
    constexpr std::size_t most_text = 30;
    const std::uint8_t last = pdu[2] == 1 ? 2 : 6;
    Bytes body{43, 14, pdu[2], 0x82, 0, 0, 0};
    for (const auto& [number, text] : texts_) {
        if (pdu[2] == 4 ? number != pdu[3] : number < pdu[3] || number > last) continue;
        const auto shown = std::string_view(text).substr(0, most_text);
        body.push_back(number);
        body.push_back(static_cast<std::uint8_t>(shown.size()));
        body.insert(body.end(), shown.begin(), shown.end());
        ++body[6];
    }
    Bytes adu(client.frame.begin(), client.frame.begin() + tcp_header_size);
    adu[4] = 0;
    adu[5] = static_cast<std::uint8_t>(body.size() + 1);
    adu.insert(adu.end(), body.begin(), body.end());
    boost::system::error_code error;
    return client.socket.send(boost::asio::buffer(adu), 0, error) == adu.size() && !error;
}

bool ModbusSimulator::answer(Client& client, std::size_t size) {
    const std::uint8_t unit = client.frame[6];
    const ByteView body(client.frame.data() + tcp_header_size, size - tcp_header_size);
    Extent asked;
    const int refused = unit == unit_ ? refusal(body, asked) : no_such_unit;
    if (log_) log_(told(unit, body, asked, refused));
    if (refused == none && body[0] == 43) return tell_identity(client, body);
    modbus_set_socket(modbus_.get(), client.socket.native_handle());
    const int sent = refused == none
                         ? modbus_reply(modbus_.get(), client.frame.data(), static_cast<int>(size), memory_.get())
                         : modbus_reply_exception(modbus_.get(), client.frame.data(), static_cast<unsigned>(refused));
    modbus_set_socket(modbus_.get(), -1);
    return sent > 0;
}

std::string ModbusSimulator::told(std::uint8_t unit, ByteView pdu, const Extent& asked, int refused) const {
    if (refused == no_such_unit) return fmt::format("unit {}  refused: only unit {} is here", unit, unit_);
    if (refused == illegal_function) return fmt::format("unit {}  refused: function {}", unit, pdu[0]);
    if (refused == none && pdu[0] > 16) return fmt::format("unit {}  {}", unit, request_text(pdu));
    if (refused != none && pdu[0] > 16)
        return fmt::format("unit {}  {}  refused: exception {}", unit, request_text(pdu), refused);
    std::string line = fmt::format("unit {}  {} {}", unit, pdu[0] <= 4 ? "read" : "write",
                                   range_text(asked.table, asked.address, asked.count));
    if (refused != none)
        return line + (refused == illegal_address ? "  refused: no such address" : "  refused: no such request");
    if (pdu[0] == 5) return line + (pdu[3] != 0 ? " = on" : " = off");
    if (pdu[0] == 6) return line + fmt::format(" = 0x{:04X}", number_at(pdu, 3));
    if (pdu[0] == 15 && asked.count == 1) return line + ((pdu[6] & 1) != 0 ? " = on" : " = off");
    if (pdu[0] == 15) return line + " = " + base::to_hex(pdu.subspan(6));
    if (pdu[0] == 16) {
        line += " =";
        for (std::size_t at = 6; at + 1 < pdu.size() && at < 6 + 16; at += 2)
            line += fmt::format(" 0x{:04X}", number_at(pdu, at));
        if (asked.count > 8) line += " …";
    }
    return line;
}

std::uint16_t ModbusSimulator::word(const Extent& extent, std::uint16_t offset) const {
    const int address = extent.address + offset;
    switch (extent.table) {
        case Table::coil: return memory_->tab_bits[address - memory_->start_bits];
        case Table::discrete: return memory_->tab_input_bits[address - memory_->start_input_bits];
        case Table::input: return memory_->tab_input_registers[address - memory_->start_input_registers];
        case Table::holding: break;
    }
    return memory_->tab_registers[address - memory_->start_registers];
}

void ModbusSimulator::store(const Extent& extent, std::uint16_t offset, std::uint16_t value) {
    const int address = extent.address + offset;
    switch (extent.table) {
        case Table::coil: memory_->tab_bits[address - memory_->start_bits] = value != 0 ? 1 : 0; return;
        case Table::discrete: memory_->tab_input_bits[address - memory_->start_input_bits] = value != 0 ? 1 : 0; return;
        case Table::input: memory_->tab_input_registers[address - memory_->start_input_registers] = value; return;
        case Table::holding: break;
    }
    memory_->tab_registers[address - memory_->start_registers] = value;
}

Result<void> ModbusSimulator::set(PointIndex index, Scalar value) {
    if (index >= points_.size()) return fail(Errc::not_found, "no such point");
    const PointShape& point = points_[index];
    if (point.object) {
        const auto* text = std::get_if<std::string>(&value);
        if (text == nullptr) return fail(Errc::bad_request, "what a device tells of itself is a text");
        texts_[*point.object] = *text;
        return {};
    }
    if (is_bits(point.extent.table)) {
        const auto* on = std::get_if<bool>(&value);
        if (on == nullptr) return fail(Errc::bad_request, "a single bit takes true or false");
        store(point.extent, 0, *on ? 1 : 0);
        return {};
    }
    const auto bytes = encode(point.encoding, value);
    if (!bytes) return tl::unexpected(bytes.error());
    for (std::uint16_t i = 0; i < point.extent.count && i * 2U + 1 < bytes->size(); ++i)
        store(point.extent, i, number_at(*bytes, i * 2U));
    return {};
}

Result<Scalar> ModbusSimulator::get(PointIndex index) const {
    if (index >= points_.size()) return fail(Errc::not_found, "no such point");
    const PointShape& point = points_[index];
    if (point.object) return Scalar(texts_.at(*point.object));
    if (is_bits(point.extent.table)) return Scalar(word(point.extent, 0) != 0);
    Bytes bytes;
    for (std::uint16_t i = 0; i < point.extent.count; ++i) {
        bytes.push_back(static_cast<std::uint8_t>(word(point.extent, i) >> 8));
        bytes.push_back(static_cast<std::uint8_t>(word(point.extent, i) & 0xFF));
    }
    return decode(point.encoding, bytes);
}

}  // namespace adapters::modbus
