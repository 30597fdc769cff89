#include "gateway/local/local_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <thread>

#include "gateway/local/fake_view.h"
#include "gateway/local/host_check.h"
#include "gateway/local/view_json.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;

class LocalServerTest : public testing::Test {
 protected:
  void SetUp() override {
    view_.station_list = {fine_station("line1")};
    VerdictRow row;
    row.station = "line1";
    row.verdict.item = 7;
    row.verdict.score = std::numeric_limits<float>::quiet_NaN();
    row.verdict.reason = Reason::fail_late;
    row.verdict.stamps.trigger = MonoTime{1s};
    row.verdict.stamps.decision = MonoTime{1s + 51ms};
    row.sample_id = "s-1";
    view_.rows = {row};
    config::LocalSettings settings;
    settings.port = 0;
    auto started = LocalServer::start(settings, view_);
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
    client_ = std::make_unique<httplib::Client>("127.0.0.1", server_->port());
  }

  // Sends bytes as they are and returns what comes back until the server closes.
  std::string raw(const std::string& bytes) {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(server_->port()));
    ::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    std::string answer;
    std::array<char, 4096> buffer{};
    for (ssize_t got; (got = ::recv(socket, buffer.data(), buffer.size(), 0)) > 0;)
      answer.append(buffer.data(), static_cast<std::size_t>(got));
    ::close(socket);
    return answer;
  }

  FakeView view_;
  std::unique_ptr<LocalServer> server_;
  std::unique_ptr<httplib::Client> client_;
};

TEST_F(LocalServerTest, SaysThatAllIsWell) {
  auto answer = client_->Get("/healthz");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(json::parse(answer->body), json::parse(R"({"ok":true,"trouble":[]})"));
}

TEST_F(LocalServerTest, ShowsWhatACameraSeesNow_TwiceASecondAtMost) {
  for (int i = 0; i < 5; ++i) {
    auto answer = client_->Get("/live/line1/cam1.jpg?t=" + std::to_string(i));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->get_header_value("Content-Type"), "image/jpeg");
    EXPECT_EQ(answer->get_header_value("Cache-Control"), "no-store");
    EXPECT_EQ(answer->body.size(), 4U);
  }
  EXPECT_LE(view_.asked.size(), 2U) << "each look made the camera's thread copy a picture";
  EXPECT_EQ(client_->Get("/live/line1/cam2.jpg")->status, 503);
  for (const char* odd : {"/live/line2/cam1.jpg", "/live/line1/", "/live/line1", "/live/", "/live/line1/.jpg",
                          "/live/line1/cam1.png", "/live/../line1/cam1.jpg"})
    EXPECT_EQ(client_->Get(odd)->status, 404) << odd;
}

TEST(LocalServer, IsUnhealthy_WhenAStationIsInTrouble) {
  FakeView view;
  view.station_list = {fine_station("line1"), fine_station("line2")};
  view.station_list[1].trouble = "camera 'c2' is down";
  view.gateway_trouble = {"the disk is full"};
  config::LocalSettings settings;
  settings.port = 0;
  auto server = LocalServer::start(settings, view);
  ASSERT_TRUE(server);
  const auto answer = httplib::Client("127.0.0.1", (*server)->port()).Get("/healthz");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(json::parse(answer->body)["trouble"], json({"the disk is full", "station 'line2': camera 'c2' is down"}));
}

TEST_F(LocalServerTest, ServesThePageAndItsParts_WithoutAnythingFromElsewhere) {
  for (const char* path : {"/", "/page.css", "/page.js"}) {
    const auto answer = client_->Get(path);
    ASSERT_TRUE(answer) << path;
    EXPECT_EQ(answer->status, 200) << path;
    EXPECT_EQ(answer->body.find("http://"), std::string::npos) << path;
    EXPECT_EQ(answer->body.find("https://"), std::string::npos) << path;
    EXPECT_THAT(answer->get_header_value("Content-Security-Policy"), HasSubstr("default-src 'none'"));
    EXPECT_EQ(answer->get_header_value("X-Content-Type-Options"), "nosniff");
  }
}

TEST_F(LocalServerTest, ShowsStationsVerdictsLedgerAndMetrics) {
  const auto stations = json::parse(client_->Get("/api/stations")->body);
  EXPECT_EQ(stations["gateway"], "gw-<b>1");
  EXPECT_EQ(stations["stations"][0]["latency_ms"]["p999"], 6.0);
  const auto latest = json::parse(client_->Get("/api/verdicts/latest?tail=5")->body)["items"][0];
  EXPECT_EQ(latest["item"], 7);
  EXPECT_TRUE(latest["score"].is_null());
  EXPECT_EQ(latest["ms"]["decision"], 51.0);
  EXPECT_TRUE(latest["ms"]["actuation"].is_null());
  EXPECT_EQ(latest["picture"], "/samples/s-1.jpg");
  EXPECT_EQ(json::parse(client_->Get("/api/ledger?station=line1&tail=1")->body)["items"].size(), 1U);
  EXPECT_THAT(client_->Get("/metrics")->body, HasSubstr("lineside_x 1"));
}

TEST_F(LocalServerTest, ShowsAlarmsOfRules_WhichAreNoTroubleOfTheGateway) {
  view_.alarm_list = {{.rule = "hot",
                       .asset = "boiler",
                       .severity = Severity::high,
                       .state = "active",
                       .known = true,
                       .since = WallTime{1'700'000'000s},
                       .message = "Feed at 130 °C"},
                      {.rule = "low", .asset = "gw", .state = "normal"}};
  EXPECT_EQ(json::parse(client_->Get("/api/alarms")->body)["alarms"], json::parse(R"([
    {"rule": "hot", "asset": "boiler", "severity": "high", "state": "active", "acknowledged": false, "known": true,
     "since": "2023-11-14T22:13:20.000Z", "message": "Feed at 130 °C"},
    {"rule": "low", "asset": "gw", "severity": "medium", "state": "normal", "acknowledged": false, "known": false,
     "since": null, "message": ""}])"));
  EXPECT_EQ(client_->Get("/healthz")->status, 200);
}

TEST_F(LocalServerTest, RefusesNonsenseWithAReason) {
  EXPECT_EQ(client_->Get("/api/ledger?station=nowhere")->status, 404);
  EXPECT_EQ(client_->Get("/api/ledger")->status, 400);
  for (const char* tail : {"0", "-1", "201", "1e3", "99999999999999999999", "", "5x"})
    EXPECT_EQ(client_->Get(std::string("/api/verdicts/latest?tail=") + tail)->status, 400) << tail;
  EXPECT_EQ(client_->Get("/nowhere")->status, 404);
  EXPECT_EQ(client_->Post("/healthz")->status, 405);
  EXPECT_EQ(client_->Delete("/samples/s-1.jpg")->status, 405);
}

TEST_F(LocalServerTest, GivesPictures_AndNeverAsksForAPathOutsideTheStore) {
  const auto picture = client_->Get("/samples/s-1.jpg");
  EXPECT_EQ(picture->status, 200);
  EXPECT_EQ(picture->get_header_value("Content-Type"), "image/jpeg");
  EXPECT_EQ(client_->Get("/samples/s-2.jpg")->status, 404);
  const std::vector<std::string> hostile{"/samples/../etc/passwd.jpg",
                                         "/samples/..%2f..%2fetc%2fpasswd.jpg",
                                         "/samples/%2e%2e%2fx.jpg",
                                         "/samples/a%00b.jpg",
                                         "/samples/.jpg",
                                         "/samples/..jpg",
                                         "/samples/" + std::string(200, 'a') + ".jpg",
                                         "/samples/s-1"};
  for (const auto& path : hostile)
    EXPECT_THAT(raw("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n"), HasSubstr(" 404 ")) << path;
  for (const auto& id : view_.asked) EXPECT_TRUE(id == "s-1" || id == "s-2") << id;
}

TEST_F(LocalServerTest, RefusesANameThatSomebodyElsePointedHere) {
  EXPECT_THAT(raw("GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n"), HasSubstr(" 421 "));
  EXPECT_THAT(raw("GET /healthz HTTP/1.1\r\n\r\n"), HasSubstr(" 421 "));
  EXPECT_THAT(raw("GET /healthz HTTP/1.1\r\nHost: localhost:80\r\n\r\n"), HasSubstr(" 200 "));
}

TEST_F(LocalServerTest, EndsARequestThatNeverEnds) {
  const auto before = std::chrono::steady_clock::now();
  std::vector<std::thread> slow;
  for (int i = 0; i < 4; ++i) slow.emplace_back([this] { raw("GET /healthz HTTP/1.1\r\nHost: loc"); });
  for (auto& thread : slow) thread.join();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 10s);
  EXPECT_EQ(client_->Get("/healthz")->status, 200);
}

TEST_F(LocalServerTest, EndsARequestThatIsTooBig) {
  EXPECT_THAT(raw("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: localhost\r\n\r\n"), HasSubstr(" 414 "));
  std::string many = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n";
  for (int i = 0; i < 2000; ++i) many += "X-Many: " + std::string(100, 'x') + "\r\n";
  EXPECT_EQ(raw(many + "\r\n").find(" 200 "), std::string::npos);
  EXPECT_EQ(client_->Get("/healthz")->status, 200);
}

TEST_F(LocalServerTest, SurvivesRubbish) {
  for (const std::string& bytes : {std::string("\0\0\0\0", 4), std::string("GET\r\n\r\n"), std::string(5000, '\n'),
                                   std::string("GET / HTTP/9.9\r\n\r\n"), std::string("\x16\x03\x01\x02\x00\x01", 6)})
    raw(bytes + "\r\n\r\n");
  EXPECT_EQ(client_->Get("/healthz")->status, 200);
}

TEST_F(LocalServerTest, SaysThatThePortIsTaken) {
  config::LocalSettings settings;
  settings.port = server_->port();
  const auto second = LocalServer::start(settings, view_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::address_in_use);
  EXPECT_THAT(second.error().message, HasSubstr("127.0.0.1"));
}

TEST(HostCheck, KnowsItsOwnNames) {
  for (const char* own : {"127.0.0.1", "127.0.0.1:9780", "192.168.1.20:9780", "[::1]", "[::1]:9780", "localhost",
                          "LOCALHOST:1", "box7", "Box7:9780", "box7.local"})
    EXPECT_TRUE(is_own_host(own, "box7")) << own;
  for (const char* other : {"", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "box7.evil.example",
                            "[::1", "::1", "127.0.0.1:", "127.0.0.1:x", "localhost:9780:1", "1234", "[evil]", "box70"})
    EXPECT_FALSE(is_own_host(other, "box7")) << other;
  EXPECT_FALSE(is_own_host("", ""));
}

TEST(ViewJson, SurvivesTextThatIsNotUtf8) {
  EXPECT_NO_THROW({ EXPECT_FALSE(json::parse(error_json("\xff\xfe broken")).empty()); });
}

}  // namespace
}  // namespace lineside::gateway
