#include "tests/unit/modbus/peers.hpp"
#include "tests/unit/modbus/stage.hpp"

#include "adapters/modbus/serial_master.hpp"

#include <linux/serial.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <filesystem>
#include <fstream>

/// The device file of a line: whose it is, who switches its direction, by which name it stays.
namespace adapters::modbus {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

struct Folder {
    Folder() {
        std::string name = fs::temp_directory_path() / "line_XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
        path = name;
    }
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
    fs::path path;
};

/// An adapter with modem lines and a driver for RS-485, as a test has none: writes down what is done to it.
struct Adapter485 {
    explicit Adapter485(int master_end) : master(master_end) {}
    int operator()(int fd, unsigned long request, void* argument) {
        int waiting = 0;
        ::ioctl(master, FIONREAD, &waiting);
        switch (request) {
            case TIOCMBIS: return did(fmt::format("rts on ({} bytes out)", waiting), has_rts);
            case TIOCMBIC: return did(fmt::format("rts off ({} bytes out)", waiting), has_rts);
            case TIOCSRS485: {
                serial_rs485 settings{};
                std::memcpy(&settings, argument, sizeof settings);
                return did(fmt::format("kernel flags {:x} before {} after {}", settings.flags, settings.delay_rts_before_send,
                                       settings.delay_rts_after_send),
                           has_kernel);
            }
            case TIOCGSERIAL: return std::memset(argument, 0, sizeof(serial_struct)) == nullptr ? -1 : 0;
            case TIOCSSERIAL: {
                serial_struct settings{};
                std::memcpy(&settings, argument, sizeof settings);
                low_latency = (settings.flags & static_cast<int>(ASYNC_LOW_LATENCY)) != 0;
                return 0;
            }
            default: return ::ioctl(fd, request, argument);
        }
    }
    int did(std::string what, bool can) {
        if (!can) {
            errno = ENOTTY;
            return -1;
        }
        done.push_back(std::move(what));
        return 0;
    }
    int master;
    bool has_rts = true, has_kernel = true, low_latency = false;
    std::vector<std::string> done;
};

struct Line {
    explicit Line(Rs485::Direction direction) : adapter(pty.master) {
        line = {.device = pty.path, .baud = 115200, .rs485 = {direction, 1500us, 2ms}};
    }
    SerialPort port() {
        return SerialPort(line,
                          [this](int fd, unsigned long request, void* argument) { return adapter(fd, request, argument); });
    }
    Pty pty;
    Adapter485 adapter;
    SerialLine line;
};

TEST(SerialPort, TheKernelSwitchesTheDirectionWhenItIsTold) {
    Line line(Rs485::Direction::kernel);
    SerialPort port = line.port();
    ASSERT_TRUE(port.open());
    EXPECT_EQ(line.adapter.done, std::vector<std::string>{"kernel flags 3 before 2 after 2"});
    EXPECT_TRUE(line.adapter.low_latency);
    EXPECT_TRUE(port.send(Bytes{1, 2, 3}));
    EXPECT_EQ(line.adapter.done.size(), 1U) << "nothing is left to do";
}

TEST(SerialPort, AKernelThatCannotSwitchIsToldAndWithAutoWorkedWithout) {
    Line line(Rs485::Direction::kernel);
    line.adapter.has_kernel = false;
    SerialPort port = line.port();
    const auto opened = port.open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().message,
              fmt::format("the driver of {} cannot switch RS-485 (Inappropriate ioctl for device); write "
                          "rs485: {{direction: auto}} or rts",
                          line.pty.path));
    line.line.rs485.direction = Rs485::Direction::automatic;
    SerialPort automatic = line.port();
    ASSERT_TRUE(automatic.open());
    ASSERT_EQ(automatic.notes().size(), 1U);
    EXPECT_NE(automatic.notes()[0].find("cannot switch RS-485"), std::string::npos);
}

TEST(SerialPort, RtsIsOnWhileWeSendAndOffBeforeAnybodyAnswers) {
    Line line(Rs485::Direction::rts);
    SerialPort port = line.port();
    ASSERT_TRUE(port.open());
    ASSERT_TRUE(port.send(Bytes{1, 2, 3}));
    EXPECT_EQ(line.adapter.done,
              (std::vector<std::string>{"rts off (0 bytes out)", "rts on (0 bytes out)", "rts off (3 bytes out)"}));
    line.adapter.has_rts = false;
    const auto opened = port.open();
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().message.find("has no RTS to switch RS-485 with"), std::string::npos);
}

TEST(SerialPort, NobodyElseMayUseTheLineAndSoMayWeAfterwards) {
    Pty pty;
    {
        SerialPort first({.device = pty.path}), second({.device = pty.path});
        ASSERT_TRUE(first.open());
        const auto opened = second.open();
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().message, fmt::format("another program uses {}", pty.path));
        first.close();
        EXPECT_TRUE(second.open()) << "free again";
    }
    const int other = ::open(pty.path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ASSERT_GE(other, 0) << "our claim on it ended with us";
    ASSERT_EQ(::flock(other, LOCK_EX | LOCK_NB), 0);
    SerialPort third({.device = pty.path});
    EXPECT_FALSE(third.open());
    ::close(other);
    EXPECT_TRUE(third.open());
}

TEST(SerialPort, AnotherFormatComesWithTheNextOpen) {
    Pty pty;
    SerialPort port({.device = pty.path});
    ASSERT_TRUE(port.open());
    port.set_format({.baud = 38400, .parity = 'E', .stop_bits = 2});
    ASSERT_TRUE(port.open());
    EXPECT_EQ(port.line().format(), "38400 8E2");
    EXPECT_EQ(port.line().device, pty.path);
}

TEST(SerialPort, ANumberedNameHasALastingOne) {
    Folder folder;
    const auto usb = folder.path / "ttyUSB0", acm = folder.path / "ttyACM1", serial = folder.path / "serial";
    std::ofstream{usb};
    std::ofstream{acm};
    fs::create_directories(serial / "by-path");
    fs::create_directories(serial / "by-id");
    fs::create_symlink("../../ttyUSB0", serial / "by-path" / "usb-0:1.2");
    fs::create_symlink("../../ttyUSB0", serial / "by-id" / "usb-FTDI");
    fs::create_symlink("../../ttyACM1", serial / "by-id" / "usb-Arduino");
    fs::create_symlink("../../gone", serial / "by-path" / "broken");
    EXPECT_EQ(lasting_name(usb, serial), serial / "by-path" / "usb-0:1.2");
    EXPECT_EQ(lasting_name(acm, serial), serial / "by-id" / "usb-Arduino");
    EXPECT_EQ(lasting_name(serial / "by-id" / "usb-FTDI", serial), "") << "it is one";
    EXPECT_EQ(lasting_name("/dev/ttyS0", serial), "");
    EXPECT_EQ(lasting_name(folder.path / "ttyUSB7", serial), "");
}

/// A line's other end that brings everything back before it answers, as adapters do that hear themselves.
struct EchoingDevice {
    explicit EchoingDevice(int master) {
        thread = std::thread([this, master] {
            while (!ending) {
                pollfd one{master, POLLIN, 0};
                if (::poll(&one, 1, 20) <= 0) continue;
                std::array<std::uint8_t, 256> bytes;
                const auto count = ::read(master, bytes.data(), bytes.size());
                if (count <= 0) continue;
                (void)!::write(master, bytes.data(), static_cast<std::size_t>(count));
                if (!answers) continue;
                Bytes answer{bytes[0], bytes[1], 2, 0x12, 0x34};
                if (bytes[1] == 5) answer.assign(bytes.begin(), bytes.begin() + 6);
                const std::uint16_t sum = crc16(answer);
                answer.push_back(static_cast<std::uint8_t>(sum & 0xFF));
                answer.push_back(static_cast<std::uint8_t>(sum >> 8));
                (void)!::write(master, answer.data(), answer.size());
            }
        });
    }
    ~EchoingDevice() {
        ending = true;
        thread.join();
    }
    std::atomic<bool> ending{false}, answers{true};
    std::thread thread;
};

TEST(SerialMaster, AnAdapterThatHearsItselfIsFoundOutAndNeverTakenForTheDevice) {
    Pty pty;
    EchoingDevice device(pty.master);
    const int wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    SerialMaster master({.device = pty.path, .baud = 115200}, wake);
    ASSERT_TRUE(master.open());
    (void)master.take_notes();
    const Request read{.unit = 1}, write{.unit = 1, .function = Function::write_coil, .values = {1}};
    // A write first: what comes back of it alone must not count.
    device.answers = false;
    const auto lost = master.exchange(write, 50ms);
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().code, base::Errc::timeout);
    EXPECT_EQ(master.take_notes(), std::vector<std::string>{pty.path + " hears what it sends itself; the echo is dropped"});
    device.answers = true;
    std::this_thread::sleep_for(1ms);
    EXPECT_EQ(master.exchange(read, 500ms), (Bytes{0x12, 0x34}));
    EXPECT_EQ(master.exchange(write, 500ms), Bytes{});
    EXPECT_TRUE(master.take_notes().empty()) << "told once";
    EXPECT_TRUE(master.turnaround());
    ::close(wake);
}

TEST(SerialMaster, AfterABroadcastTheDevicesGetTheirTime) {
    Pty pty;
    LibmodbusDevice device;
    device.serve_line(pty.master, 17);
    const int wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    SerialMaster master({.device = pty.path, .baud = 19200, .parity = 'E'}, wake);
    ASSERT_TRUE(master.open());
    const Request all{.unit = 0, .function = Function::write_register, .address = 5, .values = {0, 77}, .broadcast = true};
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(master.exchange(all, 500ms), Bytes{}) << "nobody answers, and nobody is waited for";
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 90ms);
    EXPECT_EQ(master.exchange({.unit = 17, .address = 5}, 1s), (Bytes{0, 77}));
    EXPECT_GE(std::chrono::steady_clock::now() - begun, 100ms);
    ::close(wake);
}

TEST(SerialMaster, SaysWhatWentOverTheLine) {
    Pty pty;
    LibmodbusDevice device;
    device.serve_line(pty.master, 17);
    const int wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    SerialMaster master({.device = pty.path, .baud = 19200, .parity = 'E'}, wake);
    ASSERT_TRUE(master.open());
    std::string sent, came;
    const auto tap = [&](bool ours, base::ByteView bytes) { (ours ? sent : came) += base::to_hex(bytes); };
    ASSERT_TRUE(master.exchange({.unit = 17, .address = 5}, 1s, tap));
    EXPECT_EQ(sent, base::to_hex(rtu_adu({.unit = 17, .address = 5})));
    EXPECT_EQ(came.substr(0, 10), "1103020032");
    ::close(wake);
}

}  // namespace
}  // namespace adapters::modbus
