#include "toolbox/scoring.h"

#include <algorithm>
#include <format>

#include "bundle/figures.h"
#include "model/class_names.h"
#include "vision/image_io.h"

namespace lineside::toolbox {
namespace {

namespace fs = std::filesystem;

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

Result<ScoredFile> score_file(gateway::Classifier& classifier, const fs::path& folder, const fs::path& path) {
  const fs::path below = path.lexically_relative(folder);
  ScoredFile scored{.file = below.generic_string()};
  if (below.has_parent_path()) scored.class_name = below.begin()->string();
  LINESIDE_ASSIGN(const auto image, vision::load_image(path));
  LINESIDE_TRY(classifier.preprocess(image.view()));
  LINESIDE_ASSIGN(const auto score, classifier.infer());
  scored.score = score.reject_score;
  scored.reject = score.reject_score >= classifier.reject_threshold();
  return scored;
}

}  // namespace

Result<Scores> score_folder(gateway::Classifier& classifier, const fs::path& folder,
                            const std::function<void(std::size_t, std::size_t)>& progress) {
  LINESIDE_ASSIGN(const auto files, vision::list_images(folder));
  if (files.empty())
    return fail(ErrorCode::dataset_invalid,
                std::format("{} holds no pictures (jpg, jpeg, png, bmp, tif, tiff or webp)", folder.string()));
  LINESIDE_TRY(classifier.warm_up());
  Scores scores;
  for (const auto& path : files) {
    auto scored = score_file(classifier, folder, path);
    if (scored)
      scores.files.push_back(std::move(*scored));
    else if (scored.error().code == ErrorCode::inference_failed)
      return std::unexpected(std::move(scored).error());
    else
      scores.unreadable.push_back(scored.error().message);
    if (progress) progress(scores.files.size() + scores.unreadable.size(), files.size());
  }
  return scores;
}

std::string to_csv(const Scores& scores) {
  std::string text = "file,class,score,verdict\n";
  for (const auto& file : scores.files)
    text += std::format("{},{},{:.6f},{}\n", csv_field(file.file), csv_field(file.class_name), file.score,
                        file.reject ? "reject" : "pass");
  return text;
}

std::optional<bool> is_reject_class(const std::string& class_name, const bundle::Manifest& manifest) {
  if (class_name.empty()) return std::nullopt;
  if (std::ranges::contains(manifest.labels, class_name))
    return std::ranges::contains(manifest.reject_labels, class_name);
  const ClassKind kind = kind_of_class(class_name);
  return kind == ClassKind::left_out ? std::nullopt : std::optional(kind == ClassKind::reject);
}

std::optional<bundle::TestFigures> figures_of(const Scores& scores, const bundle::Manifest& manifest,
                                              double reject_threshold) {
  std::vector<bundle::Scored> known;
  std::size_t rejects = 0;
  for (const auto& file : scores.files) {
    const auto reject = is_reject_class(file.class_name, manifest);
    if (!reject) continue;
    known.push_back({file.score, *reject});
    rejects += *reject ? 1 : 0;
  }
  if (rejects == 0 || rejects == known.size()) return std::nullopt;
  return bundle::figures(known, reject_threshold);
}

}  // namespace lineside::toolbox
