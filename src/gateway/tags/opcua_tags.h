#pragma once
// Nodes of an OPC UA server as tags, by one subscription.
#include <memory>
#include <span>

#include "gateway/tags/tag_intake.h"
#include "gateway/tags/write_queue.h"
#include "opcua/session.h"

namespace lineside::gateway {

// The values come on the session's thread. A value of bad status, of another type than a number, or an array without
// the element is bad; the node's other values, and the other nodes, are not touched by it. Writes are done between two
// rounds of values: the node is read, written once in the type that it has, and read back.
class OpcuaTags final : public TagSource, private opcua::Handler {
 public:
  OpcuaTags(const config::TagSourceSettings& settings, std::span<const config::TagSettings> tags, Clock& clock,
            MetricsRegistry& metrics);
  ~OpcuaTags() override;
  // Errors: those of opcua::Session::start.
  Result<void> start(TagSink& sink) override;
  void ask_to_stop() override;
  TagWriter* writer() override { return &writes_; }

 private:
  void on_connected() override { intake_.up(); }
  void on_disconnected(const Error& why) override;
  void on_served() override { intake_.flush(); }
  void on_connection(opcua::Connection& connection, const std::stop_token& stop) override;
  void do_write(const TagWrite& write, opcua::Connection& connection, const std::stop_token& stop);
  TagWritten confirm(std::size_t tag, double raw, const Result<void>& sent, opcua::Connection& connection,
                     const std::stop_token& stop);
  void on_value(std::size_t item, const opcua::DataValue& value) override;
  void on_item_error(std::size_t item, const std::string& why) override { intake_.refuse(item, why); }

  const config::TagSourceSettings settings_;
  TagIntake intake_;
  WriteQueue writes_;
  std::unique_ptr<opcua::Session> session_;
};

}  // namespace lineside::gateway
