#pragma once
// Scores a folder of pictures with a bundle and sums up how well it did where the classes are known.
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "bundle/manifest.h"
#include "gateway/api/classifier.h"

namespace lineside::toolbox {

struct ScoredFile {
  std::string file;        // below the folder
  std::string class_name;  // the first folder below it, or empty
  float score = 0;
  bool reject = false;
};

struct Scores {
  std::vector<ScoredFile> files;
  std::vector<std::string> unreadable;  // messages, each names its file
};

// Every picture below `folder` at any depth, in the order of their names; one that can't be read is named in
// `unreadable` and left out. Errors: file_not_found, dataset_invalid (no pictures), inference_failed.
Result<Scores> score_folder(gateway::Classifier& classifier, const std::filesystem::path& folder,
                            const std::function<void(std::size_t done, std::size_t of)>& progress);

// "file,class,score,verdict" and one line per picture (RFC 4180, lines end with LF).
std::string to_csv(const Scores& scores);

// Whether a folder's name means rejects: as the manifest says where it is one of its labels, else as training would
// take it (kind_of_class()). Nothing for no folder and for names of masks or unlabelled pictures.
std::optional<bool> is_reject_class(const std::string& class_name, const bundle::Manifest& manifest);

// Figures over the pictures whose class is known by is_reject_class(); nothing without good and reject ones.
std::optional<bundle::TestFigures> figures_of(const Scores& scores, const bundle::Manifest& manifest,
                                              double reject_threshold);

}  // namespace lineside::toolbox
