#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/sparkplug_schema.h"

namespace lineside::config {
namespace {

using testing::HasSubstr;

std::string problems(const std::string& yaml, SparkplugSettings& settings, const std::string& gateway = "line-3") {
  Findings findings("gateway.yaml", NamedFiles::elsewhere);
  read_yaml(yaml, sparkplug_table().schema(), &settings, findings);
  std::vector<TagSettings> tags(2);
  tags[0].name = "boiler/t";
  tags[1].name = "pump/speed";
  check_sparkplug("sparkplug", settings, gateway, tags, findings);
  return findings.empty() ? "none" : findings.text();
}

std::string problems(const std::string& yaml) {
  SparkplugSettings settings;
  return problems(yaml, settings);
}

constexpr const char* kGood = R"(enabled: true
group: Plant 1
primary_host: scada
brokers:
  - host: 127.0.0.1
    port: 1883
    tls: false
  - host: broker.plant
    ca_file: ca.crt
tags: [boiler/, pump/speed]
)";

TEST(SparkplugConfig, ReadsWhereAndWhatIsPublished) {
  SparkplugSettings settings;
  EXPECT_EQ(problems(kGood, settings), "none");
  EXPECT_EQ(settings.group, "Plant 1");
  ASSERT_EQ(settings.brokers.size(), 2U);
  EXPECT_EQ(settings.brokers[1].port, 8883);
  EXPECT_TRUE(settings.brokers[1].tls);
  EXPECT_EQ(settings.tags.size(), 2U);
}

// tck-id-intro-group-id-chars, tck-id-intro-edge-node-id-chars
TEST(SparkplugConfig, RefusesWhatCantWork) {
  EXPECT_EQ(problems("{}"), "none") << "not enabled";
  const std::string local = "brokers: [{tls: false}]\n";
  EXPECT_EQ(problems("enabled: true\ngroup: G\n" + local), "none");
  EXPECT_THAT(problems("enabled: true\ngroup: G\n"), HasSubstr("sparkplug.brokers"));
  EXPECT_THAT(problems("enabled: true\n" + local), HasSubstr("sparkplug.group"));
  EXPECT_THAT(problems("enabled: true\ngroup: a/b\n" + local), HasSubstr("'a/b' can't be a Sparkplug id"));
  EXPECT_THAT(problems("enabled: true\ngroup: G\nedge_node: a+\n" + local), HasSubstr("sparkplug.edge_node"));
  EXPECT_THAT(problems("enabled: true\ngroup: G\nprimary_host: '#'\n" + local), HasSubstr("sparkplug.primary_host"));
  EXPECT_THAT(problems("enabled: true\ngroup: G\nbrokers: [{tls: false, host: 10.0.0.1}]\n"), HasSubstr("plain"));
  EXPECT_EQ(problems("enabled: true\ngroup: G\nplain: true\nbrokers: [{tls: false, host: 10.0.0.1}]\n"), "none");
  EXPECT_THAT(problems("enabled: true\ngroup: G\ntags: [boiler/, boiler]\n" + local),
              HasSubstr("sparkplug.tags[1]: 'boiler' names no tag"));
  EXPECT_THAT(problems("reconnect_min_ms: 5000\nreconnect_max_ms: 1000\n"), HasSubstr("reconnect_min_ms"));
}

}  // namespace
}  // namespace lineside::config
