#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <format>

#include "base/test_port.h"
#include "cli/test_run.h"
#include "opcua/server.h"
#include "toolbox/commands.h"

namespace lineside::toolbox {
namespace {

using namespace std::chrono_literals;
using cli::testing::Outcome;
using ::testing::HasSubstr;
using ::testing::Not;

class BrowseTest : public ::testing::Test {
 protected:
  BrowseTest() {
    options_.port = free_port();
    options_.reads_per_call_max = 2;
    server_ = opcua::Server::start(options_).value();
  }
  void set(const std::string& name, const opcua::ServerValue& value) {
    ASSERT_TRUE(server_->set(name, value, WallTime{1'700'000'000s}));
  }
  Outcome browse(const std::string& option = {}) {
    std::vector<std::string> words{"opcua", "browse", server_->url()};
    if (!option.empty()) words.push_back(option);
    return cli::testing::run_words(toolbox_program(), words);
  }
  opcua::ServerOptions options_;
  std::unique_ptr<opcua::Server> server_;
};

TEST_F(BrowseTest, ShowsEveryNodeWithItsValue_HoweverFewTheServerReadsAtOnce) {
  for (int i = 0; i < 7; ++i) set(std::format("n{}", i), i + 0.5);
  set("wave", std::vector<float>{1, 2, 3});
  const Outcome done = browse();
  EXPECT_EQ(done.code, 0) << done.err;
  for (int i = 0; i < 7; ++i) EXPECT_THAT(done.out, HasSubstr(std::format("n{0}  ns=1;s=n{0}  Double = {0}.5\n", i)));
  EXPECT_THAT(done.out, HasSubstr("wave  ns=1;s=wave  Float[3]\n"));
  EXPECT_THAT(browse("--settings").out, HasSubstr("{name: 'wave', node: 'ns=1;s=wave'}   # Float of 3 samples"));
}

TEST_F(BrowseTest, WhatAServerCallsThingsMovesNoCursor) {
  set("evil\x1B[2J\n", 1.0);
  set("text", std::string("\x1B]0;owned\x07"));
  for (const char* option : {"", "--tags", "--settings"}) {
    const Outcome done = browse(option);
    EXPECT_EQ(done.code, 0) << done.err;
    for (const char* obeyed : {"\x1B", "\x07", "[2J\n\n"}) EXPECT_THAT(done.out, Not(HasSubstr(obeyed))) << option;
  }
  EXPECT_THAT(browse().out, HasSubstr("evil?[2J?  ns=1;s=evil?[2J?  Double = 1\n"));
  EXPECT_THAT(browse("--tags").out, HasSubstr(R"({node: "ns=1;s=evil\u001B[2J\u000A"})")) << "settings keep the node";
}

}  // namespace
}  // namespace lineside::toolbox
