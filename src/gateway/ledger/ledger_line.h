#pragma once
// One item as one line of text; docs/inspection.md describes the columns.
#include <optional>
#include <string>
#include <string_view>

#include "model/verdict.h"

namespace lineside::gateway {

struct LedgerRow {
  Verdict verdict;  // read back from a line: of the stamps only the differences mean something
  std::string label, model;
};

// The first line of every ledger file.
std::string_view ledger_header();
// Tab-separated, ends with '\n'. Tabs and line breaks inside label and model become blanks.
std::string to_line(const LedgerRow& row);
// Nothing for a line that is torn, damaged or a header.
std::optional<LedgerRow> from_line(std::string_view line);

}  // namespace lineside::gateway
