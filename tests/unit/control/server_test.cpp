#include "gateway/control/server.hpp"

#include "gateway/control/request.hpp"
#include "tests/fakes/manual_timers.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

namespace gateway::control {
namespace {

/// A plain peer that never waits.
class Peer {
public:
    explicit Peer(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        connected = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }
    ~Peer() { leave(); }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    void leave() {
        if (socket_ >= 0) close(std::exchange(socket_, -1));
    }
    /// How much went.
    std::size_t say(std::string_view text) const {
        const auto sent = send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
        return sent > 0 ? static_cast<std::size_t>(sent) : 0;
    }
    /// What is there by now; `gone` when the other side closed.
    std::string hear() {
        std::string all;
        char chunk[65536];
        for (;;) {
            const auto got = recv(socket_, chunk, sizeof chunk, 0);
            if (got > 0) {
                all.append(chunk, static_cast<std::size_t>(got));
            } else {
                gone = gone || got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
                return all;
            }
        }
    }
    bool connected = false, gone = false;

private:
    int socket_;
};

class ControlServer : public ::testing::Test {
protected:
    ControlServer() {
        char name[] = "/tmp/control-test-XXXXXX";
        folder = mkdtemp(name);
        path = folder + "/run/control.sock";
        server = std::make_unique<Server>(loop.get_executor(), timers,
                                          [this](std::shared_ptr<Call> call) { calls.push_back(std::move(call)); });
    }
    ~ControlServer() override {
        calls.clear();
        server.reset();
        std::filesystem::remove_all(folder);
    }
    void turn() {
        loop.restart();
        for (int i = 0; i < 200 && loop.poll() > 0; ++i) loop.restart();
    }
    std::string hear(Peer& peer) {
        turn();
        return peer.hear();
    }

    boost::asio::io_context loop;
    fakes::ManualTimers timers;
    std::vector<std::shared_ptr<Call>> calls;
    std::unique_ptr<Server> server;
    std::string folder, path;
};

const std::string status = "{\"v\":1,\"id\":5,\"do\":\"status\"}\n";

TEST_F(ControlServer, MakesItsFolderAndASocketForOwnerAndGroup) {
    ASSERT_TRUE(server->listen(path));
    struct stat there {};
    ASSERT_EQ(lstat(path.c_str(), &there), 0);
    EXPECT_TRUE(S_ISSOCK(there.st_mode));
    EXPECT_EQ(there.st_mode & 0777U, 0660U);
    server->close();
    EXPECT_NE(lstat(path.c_str(), &there), 0) << "it is gone with the server";
}

TEST_F(ControlServer, TakesThePlaceOfASocketThatNobodyServes) {
    std::filesystem::create_directory(folder + "/run");
    const int left = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    ASSERT_EQ(bind(left, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    close(left);
    EXPECT_TRUE(server->listen(path));
}

TEST_F(ControlServer, LeavesALivingOneAndWhatIsNoSocket) {
    ASSERT_TRUE(server->listen(path));
    Server second(loop.get_executor(), timers, [](std::shared_ptr<Call>) {});
    const auto twice = second.listen(path);
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().code, base::Errc::busy);
    second.close();
    EXPECT_TRUE(Peer(path).connected) << "the first one's file is still there";

    const auto file = folder + "/file";
    close(open(file.c_str(), O_CREAT | O_WRONLY, 0600));
    EXPECT_FALSE(second.listen(file));
    EXPECT_TRUE(std::filesystem::exists(file));
    EXPECT_FALSE(second.listen("/proc/nowhere/control.sock"));
    EXPECT_FALSE(second.listen("/tmp/" + std::string(200, 'a')));
}

TEST_F(ControlServer, HandsRequestsOnAndAnswersInOrder) {
    ASSERT_TRUE(server->listen(path));
    Peer peer(path);
    peer.say(status + "{\"v\":1,\"id\":6,\"do\":\"devices\"}\n");
    turn();
    ASSERT_EQ(calls.size(), 1U) << "one at a time";
    calls[0]->event(Json{{"n", 1}});
    calls[0]->done(Json{{"fine", true}});
    EXPECT_EQ(hear(peer), "{\"v\":1,\"id\":5,\"event\":{\"n\":1}}\n{\"v\":1,\"id\":5,\"ok\":{\"fine\":true}}\n");
    ASSERT_EQ(calls.size(), 2U);
    calls[1]->done(base::fail(base::Errc::offline, "away"));
    calls[1]->done(Json{{"twice", true}});
    calls[1]->event(Json{{"late", true}});
    EXPECT_EQ(hear(peer), "{\"v\":1,\"id\":6,\"error\":{\"kind\":\"offline\",\"message\":\"away\"}}\n");
}

TEST_F(ControlServer, RefusesNonsenseAndGoesOn) {
    ASSERT_TRUE(server->listen(path));
    Peer peer(path);
    peer.say("GET / HTTP/1.1\r\n");
    EXPECT_NE(hear(peer).find("bad_request"), std::string::npos);
    EXPECT_TRUE(calls.empty());
    peer.say(status);
    turn();
    EXPECT_EQ(calls.size(), 1U);
}

TEST_F(ControlServer, TakesARequestInPieces) {
    ASSERT_TRUE(server->listen(path));
    Peer peer(path);
    for (const char c : status) {
        peer.say({&c, 1});
        turn();
    }
    EXPECT_EQ(calls.size(), 1U);
}

TEST_F(ControlServer, DropsAHalfRequestAfterItsTime) {
    ASSERT_TRUE(server->listen(path));
    Peer peer(path);
    peer.say("{\"v\":1,");
    turn();
    timers.advance(std::chrono::seconds(6));
    peer.say("\"id\":1");  // dribbling on does not help
    turn();
    timers.advance(std::chrono::seconds(6));
    hear(peer);
    EXPECT_TRUE(peer.gone);
    EXPECT_EQ(server->counts().open, 0U);
    EXPECT_TRUE(calls.empty());
}

TEST_F(ControlServer, DropsWhoSaysNothingButNotWhoWaits) {
    ASSERT_TRUE(server->listen(path));
    Peer idle(path), waiting(path);
    waiting.say(status);
    turn();
    timers.advance(Server::idle_limit + std::chrono::seconds(1));
    hear(idle);
    hear(waiting);
    EXPECT_TRUE(idle.gone);
    EXPECT_FALSE(waiting.gone);
    calls[0]->done(Json::object());
    EXPECT_NE(hear(waiting).find("ok"), std::string::npos);
}

TEST_F(ControlServer, RefusesARequestWithoutEnd) {
    ASSERT_TRUE(server->listen(path));
    Peer peer(path);
    std::string heard;
    for (int i = 0; i < 64 && !peer.gone; ++i) {
        peer.say(std::string(4096, 'x'));
        heard += hear(peer);
    }
    EXPECT_NE(heard.find("too_large"), std::string::npos);
    EXPECT_TRUE(peer.gone);
    EXPECT_EQ(server->counts().open, 0U);
}

TEST_F(ControlServer, EndsAFloodWhileSomethingIsWorkedOn) {
    ASSERT_TRUE(server->listen(path));
    Peer peer(path);
    bool gone = false;
    peer.say(status);
    turn();
    ASSERT_EQ(calls.size(), 1U);
    calls[0]->on_gone = [&] { gone = true; };
    for (int i = 0; i < 64; ++i) {
        peer.say(std::string(4096, '\n'));
        turn();
    }
    EXPECT_TRUE(gone);
    EXPECT_EQ(calls.size(), 1U);
    EXPECT_EQ(server->counts().open, 0U);
}

TEST_F(ControlServer, LetsInNoMoreThanEight) {
    ASSERT_TRUE(server->listen(path));
    std::vector<std::unique_ptr<Peer>> peers;
    for (std::size_t i = 0; i < Server::most_connections; ++i) {
        peers.push_back(std::make_unique<Peer>(path));
        turn();
    }
    Peer ninth(path);
    EXPECT_NE(hear(ninth).find("busy"), std::string::npos);
    EXPECT_TRUE(ninth.gone);
    EXPECT_EQ(server->counts().refused, 1U);
    peers[3]->leave();
    turn();
    Peer next(path);
    next.say(status);
    turn();
    EXPECT_EQ(calls.size(), 1U);
}

TEST_F(ControlServer, TellsTheHandlerThatTheCallerLeft) {
    ASSERT_TRUE(server->listen(path));
    Peer peer(path);
    peer.say(status);
    turn();
    int left = 0;
    calls[0]->on_gone = [&] { ++left; };
    peer.leave();
    turn();
    EXPECT_EQ(left, 1);
    calls[0]->event(Json{{"n", 1}});
    calls[0]->done(Json::object());  // to nobody
    turn();
    EXPECT_EQ(left, 1);
}

TEST_F(ControlServer, GivesASlowReaderTheNewestAndSaysWhatItMissed) {
    ASSERT_TRUE(server->listen(path));
    Peer peer(path);
    peer.say(status);
    turn();
    const std::string filling(8'000, 'a');
    for (int i = 0; i < 2'000; ++i) {
        calls[0]->event(Json{{"n", i}, {"filling", filling}});
        turn();
    }
    std::string all;
    for (std::string more = peer.hear(); !more.empty(); more = hear(peer)) all += more;
    EXPECT_NE(all.find("\"n\":1999"), std::string::npos) << "the newest";
    EXPECT_NE(all.find("\"dropped\":"), std::string::npos);
    EXPECT_LT(all.size(), (Server::most_events + 100) * 8'200U) << "no more than its queue and the kernel's";
}

TEST_F(ControlServer, DropsAReaderThatTakesNothing) {
    ASSERT_TRUE(server->listen(path));
    Peer peer(path);
    peer.say(status);
    turn();
    bool gone = false;
    calls[0]->on_gone = [&] { gone = true; };
    for (int i = 0; i < 300; ++i) {
        calls[0]->event(Json{{"filling", std::string(8'000, 'a')}});
        turn();
    }
    timers.advance(Server::write_limit + std::chrono::seconds(1));
    turn();
    EXPECT_TRUE(gone);
    EXPECT_EQ(server->counts().open, 0U);
}

TEST_F(ControlServer, RefusesAnotherUserWhateverTheModeOfTheFile) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, to become another user";
    ASSERT_TRUE(server->listen(path));
    chmod(folder.c_str(), 0755);
    chmod((folder + "/run").c_str(), 0755);
    chmod(path.c_str(), 0666);
    std::string heard;
    bool connected = false;
    std::thread stranger([&] {
        // The raw calls change this thread only.
        syscall(SYS_setgroups, 0, nullptr);
        syscall(SYS_setresgid, 65534, 65534, 65534);
        syscall(SYS_setresuid, 65534, 65534, 65534);
        Peer peer(path);
        connected = peer.connected;
        peer.say(status);
        for (int i = 0; i < 1'000 && heard.empty(); ++i) {
            std::this_thread::yield();
            heard = peer.hear();
            usleep(1'000);
        }
    });
    for (int i = 0; i < 2'000 && server->counts().refused == 0; ++i) {
        turn();
        usleep(1'000);
    }
    stranger.join();
    EXPECT_TRUE(connected);
    EXPECT_NE(heard.find("unauthorized"), std::string::npos) << heard;
    EXPECT_TRUE(calls.empty());
}

TEST_F(ControlServer, MayGoWhilePeersAreConnected) {
    ASSERT_TRUE(server->listen(path));
    Peer peer(path);
    peer.say(status);
    turn();
    bool gone = false;
    calls[0]->on_gone = [&] { gone = true; };
    server.reset();
    turn();
    EXPECT_TRUE(gone);
    peer.hear();
    EXPECT_TRUE(peer.gone);
    calls[0]->done(Json::object());
}

}  // namespace
}  // namespace gateway::control
