#pragma once
// The file that `lineside filter` writes: everything a receiver needs. Four letters "LSF" and the version, then frames:
// length (LEB128), CRC-32 of the content (4 bytes, little-endian), content. The first frame is the plan, each further
// one a block of Plan::rows_per_block() rows, the last one of what is left.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/block_codec.h"

namespace lineside::telemetry {

class SegmentsWriter {
 public:
  explicit SegmentsWriter(const Plan& plan);
  void add(std::span<const std::uint8_t> block);
  std::vector<std::uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<std::uint8_t> bytes_;
};

// Owner thread only. Never reads beyond the bytes, never asks for much more memory than they can mean.
class SegmentsReader {
 public:
  // `bytes` must outlive it; `name` is for messages. Errors: file_format (no such file, another version, damaged, cut
  // off).
  static Result<SegmentsReader> open(std::span<const std::uint8_t> bytes, std::string_view name);

  struct Block {
    std::uint64_t first_row = 0;
    std::size_t rows = 0;
    std::vector<Cells> cells;  // texts are valid until the next call
  };
  const Plan& plan() const { return *plan_; }
  bool done() const { return row_ == plan_->rows; }
  // Errors: file_format.
  Result<Block> next();

 private:
  SegmentsReader() = default;
  Result<std::span<const std::uint8_t>> frame(std::string_view what);

  std::span<const std::uint8_t> rest_;
  std::size_t size_ = 0;
  std::string name_;
  std::unique_ptr<Plan> plan_;
  std::optional<BlockCodec> codec_;
  std::uint64_t row_ = 0;
};

}  // namespace lineside::telemetry
