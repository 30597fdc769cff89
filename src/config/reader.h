#pragma once
// Reads a YAML text along a Schema into a settings struct and collects every problem on the way.
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"
#include "config/schema.h"

namespace lineside::config {

// The problems found so far, and where each key stands, for checks that look at several keys together.
class Findings {
 public:
  Findings(std::filesystem::path file, NamedFiles files) : file_(std::move(file)), files_(files) {}
  // `key` is a path like "stations[0].actuator.delay_ms"; without a line of its own it gets that of the nearest parent.
  // For checks after reading: does nothing when the key or one of its parents has a problem already, because then this
  // one would only be its consequence.
  void problem(const std::string& key, std::string message);
  void problem_at(int line, const std::string& key, std::string message);
  void note_line(const std::string& key, int line) { lines_[key] = line; }
  bool has(const std::string& key) const { return lines_.contains(key); }
  bool failed(const std::string& key) const;  // has a problem itself
  bool empty() const { return problems_.empty(); }
  // "FILE:LINE: KEY: MESSAGE", one line for each problem, in the file's order.
  std::string text() const;
  std::size_t count() const { return problems_.size(); }
  const std::filesystem::path& file() const { return file_; }
  NamedFiles files() const { return files_; }

 private:
  struct Problem {
    int line;
    std::string key, message;
  };
  std::filesystem::path file_;
  NamedFiles files_;
  std::vector<Problem> problems_;
  std::set<std::string> failed_;  // keys of problems_
  std::map<std::string, int> lines_;
};

// `object` is the struct that the schema was made for.
void read_yaml(const std::string& yaml, const Schema& schema, void* object, Findings& findings);

// The keys at the top of the file, whatever they are; empty when it is no YAML mapping.
std::vector<std::string> top_keys(const std::string& yaml);

// "80 ms" and the like, for messages: the number in the unit `unit` that the text means; empty if it means none.
std::string converted(std::string_view text, std::string_view unit);

}  // namespace lineside::config
