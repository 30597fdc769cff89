#pragma once
// A folder of pictures becomes items with classes and groups.
//
// DIR/CLASS/... : the folder's name is the class, good or reject as kind_of_class() says. A second level of folders
// (DIR/CLASS/GROUP/...) or a groups file names what belongs together (one part, one camera position, one day): a group
// is never split between learning and judging. Left out, and said aloud in `notes`: folders named as masks or as
// unlabelled, hidden ones, pictures directly in DIR, and pictures that can't be read.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/preprocess_spec.h"

namespace lineside::training {

struct Item {
  std::filesystem::path file;        // relative to the folder
  int label = 0;                     // index into Dataset::labels
  int group = 0;                     // 0..groups-1; across classes: the same name is the same group
  std::vector<std::uint8_t> pixels;  // as vision::Preprocessor made them: u8, rows of interleaved channels
};

struct Dataset {
  std::vector<Item> items;          // in the order of their paths
  std::vector<std::string> labels;  // label 0 is the good one
  int groups = 0;
  bool grouped = false;            // somebody named groups; otherwise each item, or cluster of near-duplicates, is one
  PreprocessSpec spec;             // type u8, layout nhwc: how `pixels` were made
  std::string sha256;              // over the files' names, labels and contents
  std::vector<std::string> notes;  // what was left out or joined, for people

  bool is_reject(std::size_t item) const { return items[item].label != 0; }
  std::size_t count(bool reject) const;
};

struct DatasetOptions {
  std::filesystem::path images;
  std::filesystem::path groups_csv;  // header `file,group`; empty: none
  int size_px = 0;                   // the longer side of the model's input; 0: chosen from the pictures
  std::size_t per_class_min = 8;     // fewer good or fewer reject items than this is an error
};

// Errors: file_not_found, file_io, dataset_invalid (too few items, no good class, no reject class, groups file that
// does not fit), cancelled (`keep_going` returned false).
Result<Dataset> load_dataset(const DatasetOptions& options,
                             const std::function<bool(std::size_t done, std::size_t of)>& keep_going);

}  // namespace lineside::training
