#pragma once
// Rows of a table as bytes and back, block by block. Sender and receiver keep what they learned from one block to the
// next, so blocks are read in the order they were written, each once; a receiver that missed one needs a new plan.
#include <memory>
#include <optional>
#include <string>

#include "telemetry/plan.h"

namespace lineside::telemetry {

inline constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::min();

// One column's rows of a block. A number column has numbers, NaN where `texts` counts; a time column times, kNoTime
// where `texts` counts; a text column texts. `texts` may be empty where none is needed.
struct Cells {
  std::vector<double> numbers;
  std::vector<std::int64_t> times;
  std::vector<std::string_view> texts;
};

// Whether a number can be kept within the column's bound; if not, its text has to be.
bool can_hold(const ColumnPlan& column, double value);

// Which columns have the same rows, how many rows a block has at most, and what its texts may take. No column helps one
// of another group.
struct Grouping {
  std::vector<std::uint32_t> group_of_column;
  std::size_t groups = 1, rows_max = 0;
  TextLimits texts;
};

// Owner thread only. The same class is a sender's and a receiver's; an object is only ever one of them.
class BlockCodec {
 public:
  explicit BlockCodec(const Plan& plan);                   // all columns have the same rows
  BlockCodec(const Plan& plan, const Grouping& grouping);  // columns of times learn together. `plan` must outlive it
  BlockCodec(BlockCodec&&) noexcept;
  ~BlockCodec();

  // `cells`: one for each column, with `rows` rows, at most Plan::rows_per_block(). They stay as they are.
  std::vector<std::uint8_t> encode(std::span<Cells> cells, std::size_t rows);
  // Texts are valid until the next call. Errors: file_format.
  Result<std::vector<Cells>> decode(std::span<const std::uint8_t> bytes, std::size_t rows);

  // With a grouping: `rows` of each group, which the bytes then say.
  std::vector<std::uint8_t> encode(std::span<Cells> cells, std::span<const std::size_t> rows);
  struct Groups {
    std::vector<Cells> cells;       // of each column; texts are valid until the next call
    std::vector<std::size_t> rows;  // of each group
  };
  Result<Groups> decode(std::span<const std::uint8_t> bytes);  // errors: file_format

  // What reading has taken so far, also of blocks that were refused: cells, and letters of texts.
  std::uint64_t work() const { return work_; }

  // How often a column's stretches were coded with each expectation. Of a sender.
  std::array<std::size_t, kExpectCount> expectations(std::size_t column) const;

 private:
  struct Column;
  template <class Bits>
  void code_numbers(Bits& bits, Column& column, Cells& cells, std::size_t rows);
  template <class Bits>
  void code_cells(Bits& bits, Column& column, Cells& cells, std::size_t rows);
  Expect choose(Column& column, const Cells& cells, std::size_t begin, std::size_t end);
  template <class Bits>
  void code_rows(Bits& bits, std::span<std::size_t> rows);
  std::vector<std::uint8_t> encode_columns(BitEncoder& encoder, std::span<Cells> cells,
                                           std::span<const std::size_t> rows);
  Result<std::vector<Cells>> decode_columns(BitReader& bits, std::span<const std::size_t> rows);
  void roll(std::span<const std::size_t> rows);
  template <class Bits>
  std::string_view code_text(Bits& bits, Column& column, std::string_view wanted);
  template <class Bits>
  bool code_is_text(Bits& bits, Column& column, bool wanted);

  Grouping grouping_;
  std::size_t lag_;
  std::vector<std::unique_ptr<Column>> columns_;
  SharedModel shared_;
  std::optional<TextModel> text_model_;  // made when it is needed: most streams have no texts
  Lengths row_lengths_;
  std::vector<std::size_t> rows_before_;  // of each group
  std::deque<std::string> arena_;         // texts of the block that was read last
  std::size_t arena_bytes_ = 0;
  std::uint64_t work_ = 0;
};

}  // namespace lineside::telemetry
