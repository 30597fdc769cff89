#include "training/dataset.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <format>
#include <fstream>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <sstream>

#include "base/file.h"
#include "bundle/digest.h"
#include "model/class_names.h"
#include "vision/image_io.h"
#include "vision/preprocess.h"

namespace lineside::training {
namespace {

constexpr int kSideStepPx = 16, kSideMinPx = 32;
constexpr double kPixelsDefault = 128 * 128;

struct Candidate {
  fs::path file;  // relative
  std::string label, group;
};

// Class and group from the path; nothing if the folder is left out.
std::vector<Candidate> sort_into_classes(const fs::path& folder, const std::vector<fs::path>& files,
                                         std::vector<std::string>& notes) {
  std::map<std::string, std::size_t> left_out;
  std::size_t loose = 0;
  std::vector<Candidate> result;
  for (const fs::path& file : files) {
    const fs::path relative = file.lexically_relative(folder);
    std::vector<std::string> parts;
    for (const auto& part : relative) parts.push_back(part.string());
    if (parts.size() < 2) {
      ++loose;
      continue;
    }
    bool skip = false;
    for (std::size_t i = 0; i + 1 < parts.size() && !skip; ++i)
      if (kind_of_class(parts[i]) == ClassKind::left_out) {
        ++left_out[parts[i]];
        skip = true;
      }
    if (!skip) result.push_back({relative, parts[0], parts.size() > 2 ? parts[1] : ""});
  }
  if (loose > 0)
    notes.push_back(
        std::format("left out {} pictures that lie directly in {}: they have no class", loose, folder.string()));
  for (const auto& [name, count] : left_out)
    notes.push_back(
        std::format("left out {} pictures in folders named '{}': masks or unlabelled by their name", count, name));
  return result;
}

Result<std::map<std::string, std::string>> read_groups(const fs::path& path) {
  LINESIDE_ASSIGN(const std::string text, read_text(path));
  std::istringstream lines(text);
  std::string line;
  std::map<std::string, std::string> groups;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (number == 1 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);  // a spreadsheet's byte order mark
    const auto comma = line.rfind(',');
    if (number == 1 && line != "file,group")
      return fail(ErrorCode::dataset_invalid, std::format("{}:1: the first line must be 'file,group'", path.string()));
    if (number == 1 || line.empty()) continue;
    if (comma == std::string::npos || comma == 0 || comma + 1 == line.size())
      return fail(ErrorCode::dataset_invalid, std::format("{}:{}: expected FILE,GROUP", path.string(), number));
    groups[fs::path(line.substr(0, comma)).lexically_normal().string()] = line.substr(comma + 1);
  }
  if (groups.empty()) return fail(ErrorCode::dataset_invalid, std::format("{} names no file", path.string()));
  return groups;
}

int round_to_step(double px) {
  return std::max(kSideMinPx, static_cast<int>(std::lround(px / kSideStepPx)) * kSideStepPx);
}

// The pictures' usual aspect ratio is kept. The longer side is what was asked for, or such that all shapes have about
// as many pixels, and cost about as much time, as a square of 128.
PreprocessSpec choose_spec(int width, int height, int size_px) {
  const int longer = std::max(width, height);
  const double shrink = std::sqrt(kPixelsDefault / (static_cast<double>(width) * height));
  const double side = size_px > 0 ? size_px : std::max(64.0, longer * std::min(1.0, shrink));
  PreprocessSpec spec;
  spec.width = round_to_step(side * width / longer);
  spec.height = round_to_step(side * height / longer);
  spec.type = PreprocessSpec::Type::u8;
  spec.layout = PreprocessSpec::Layout::nhwc;
  spec.mean.fill(128.0F / 255);  // a whole pixel value, so that an int8 model can take the pixels as they are
  return spec;
}

// The size that most pictures have.
Result<PreprocessSpec> spec_of(const fs::path& folder, const std::vector<Candidate>& candidates, int size_px) {
  std::map<std::pair<int, int>, int> sizes;
  std::string unreadable;
  const std::size_t step = std::max<std::size_t>(1, candidates.size() / 15);
  for (std::size_t i = 0; i < candidates.size(); i += step) {
    auto image = vision::load_image(folder / candidates[i].file);
    if (image)
      ++sizes[{image->width, image->height}];
    else if (unreadable.empty())
      unreadable = image.error().message;
  }
  if (sizes.empty())
    return fail(ErrorCode::dataset_invalid,
                std::format("no picture in {} can be read: {}", folder.string(), unreadable));
  const auto usual = std::ranges::max_element(sizes, {}, [](const auto& entry) { return entry.second; });
  return choose_spec(usual->first.first, usual->first.second, size_px);
}

using Thumbnail = std::array<float, 192>;  // 8 x 8 means of 3 channels

Thumbnail thumbnail(const Item& item, const PreprocessSpec& spec) {
  Thumbnail sums{}, counts{};
  for (int y = 0; y < spec.height; ++y)
    for (int x = 0; x < spec.width; ++x)
      for (int c = 0; c < 3; ++c) {
        const std::size_t cell = static_cast<std::size_t>((y * 8 / spec.height * 8 + x * 8 / spec.width) * 3 + c);
        sums[cell] += item.pixels[static_cast<std::size_t>((y * spec.width + x) * 3 + c)];
        counts[cell] += 1;
      }
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] /= counts[i];
  return sums;
}

float difference(const Thumbnail& a, const Thumbnail& b) {
  float sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(a[i] - b[i]);
  return sum / static_cast<float>(a.size());
}

// Without groups: pictures that hardly differ (a burst, a copy) become one group. Returns how many were joined.
std::size_t join_near_duplicates(Dataset& data) {
  constexpr float kAlike = 0.6F;  // mean difference in grey levels of 8 x 8 means: below sensor noise between frames
  std::vector<Thumbnail> thumbnails;
  for (const Item& item : data.items) thumbnails.push_back(thumbnail(item, data.spec));
  std::vector<int> parent(data.items.size());
  std::iota(parent.begin(), parent.end(), 0);
  const auto root = [&](int i) {
    while (parent[static_cast<std::size_t>(i)] != i) i = parent[static_cast<std::size_t>(i)];
    return i;
  };
  std::size_t joined = 0;
  for (std::size_t a = 0; a < thumbnails.size(); ++a)
    for (std::size_t b = a + 1; b < thumbnails.size(); ++b) {
      if (data.items[a].label != data.items[b].label || difference(thumbnails[a], thumbnails[b]) > kAlike) continue;
      const int ra = root(static_cast<int>(a)), rb = root(static_cast<int>(b));
      if (ra == rb) continue;
      parent[static_cast<std::size_t>(rb)] = ra;
      ++joined;
    }
  std::map<int, int> numbers;
  for (std::size_t i = 0; i < data.items.size(); ++i)
    data.items[i].group =
        numbers.try_emplace(root(static_cast<int>(i)), static_cast<int>(numbers.size())).first->second;
  data.groups = static_cast<int>(numbers.size());
  return joined;
}

// The first few by name: whoever gets the refusal gets no notes.
std::string name_skipped(const std::vector<std::string>& skipped) {
  constexpr std::size_t kNamed = 10;
  if (skipped.empty()) return "";
  std::string text = std::format(". Skipped {}:", skipped.size());
  for (std::size_t i = 0; i < std::min(kNamed, skipped.size()); ++i) text += "\n  " + skipped[i];
  if (skipped.size() > kNamed) text += std::format("\n  and {} more", skipped.size() - kNamed);
  return text;
}

Result<void> check_counts(const Dataset& data, const std::vector<std::string>& skipped, const DatasetOptions& options) {
  const std::string folder = options.images.string();
  if (data.labels.size() < 2 || data.count(false) < options.per_class_min || data.count(true) < options.per_class_min)
    return fail(
        ErrorCode::dataset_invalid,
        std::format("{} has {} usable good and {} usable reject pictures; at least {} of each are needed, 20 or "
                    "more are better (a folder per class: good/ and any others){}",
                    folder, data.count(false), data.count(true), options.per_class_min, name_skipped(skipped)));
  return {};
}

Result<void> name_groups(Dataset& data, const std::vector<Candidate>& kept, const DatasetOptions& options) {
  std::map<std::string, std::string> listed;
  if (!options.groups_csv.empty()) {
    LINESIDE_ASSIGN(listed, read_groups(options.groups_csv));
  }
  std::map<std::string, int> numbers;
  std::size_t named = 0, matched = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    std::string group = kept[i].group;
    if (const auto found = listed.find(kept[i].file.lexically_normal().string()); found != listed.end()) {
      group = found->second;
      ++matched;
    }
    named += group.empty() ? 0 : 1;
    const std::string key = group.empty() ? "/" + kept[i].file.string() : group;
    data.items[i].group = numbers.try_emplace(key, static_cast<int>(numbers.size())).first->second;
  }
  if (!options.groups_csv.empty() && matched == 0)
    return fail(ErrorCode::dataset_invalid,
                std::format("{}: no line of it names one of the pictures; names are relative to their folder, as {}",
                            options.groups_csv.string(), kept.empty() ? "good/1.jpg" : kept[0].file.string()));
  data.groups = static_cast<int>(numbers.size());
  data.grouped = named > 0;
  if (!options.groups_csv.empty() && named < kept.size())
    data.notes.push_back(std::format("{} pictures are in no group of {}: each is a group of its own",
                                     kept.size() - named, options.groups_csv.string()));
  return {};
}

void name_labels(Dataset& data, const std::vector<Candidate>& candidates) {
  std::set<std::string> rejects;
  std::string good = "good";
  for (const Candidate& candidate : candidates) {
    if (kind_of_class(candidate.label) == ClassKind::good)
      good = candidate.label;
    else
      rejects.insert(candidate.label);
  }
  data.labels = {good};
  data.labels.insert(data.labels.end(), rejects.begin(), rejects.end());
}

}  // namespace

std::size_t Dataset::count(bool reject) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(items, [&](const Item& item) { return (item.label != 0) == reject; }));
}

Result<Dataset> load_dataset(const DatasetOptions& options,
                             const std::function<bool(std::size_t done, std::size_t of)>& keep_going) {
  Dataset data;
  LINESIDE_ASSIGN(const auto files, vision::list_images(options.images));
  const auto candidates = sort_into_classes(options.images, files, data.notes);
  if (candidates.empty())
    return fail(
        ErrorCode::dataset_invalid,
        std::format("{} has no pictures in class folders: make good/ and one or more others", options.images.string()));
  LINESIDE_ASSIGN(data.spec, spec_of(options.images, candidates, options.size_px));
  name_labels(data, candidates);

  vision::Preprocessor preprocessor(data.spec);
  std::string contents;
  std::vector<Candidate> kept;
  std::vector<std::string> skipped;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (!keep_going(i, candidates.size())) return fail(ErrorCode::cancelled, "stopped while reading the pictures");
    const Candidate& candidate = candidates[i];
    auto image = vision::load_image(options.images / candidate.file);
    if (!image) {
      skipped.push_back(image.error().message);
      continue;
    }
    Item item{.file = candidate.file, .pixels = std::vector<std::uint8_t>(vision::element_count(data.spec))};
    const std::string label = kind_of_class(candidate.label) == ClassKind::good ? data.labels[0] : candidate.label;
    item.label = static_cast<int>(std::ranges::find(data.labels, label) - data.labels.begin());
    if (auto done = preprocessor.run(image->view(), std::span<std::uint8_t>(item.pixels)); !done) {
      skipped.push_back(std::format("{}: {}", candidate.file.string(), done.error().message));
      continue;
    }
    contents += std::format("{} {}x{} {}\n", candidate.file.string(), image->width, image->height,
                            bundle::sha256_hex(image->pixels));
    kept.push_back(candidate);
    data.items.push_back(std::move(item));
  }
  data.sha256 = bundle::sha256_hex(bundle::bytes_of(contents));
  LINESIDE_TRY(check_counts(data, skipped, options));
  for (const std::string& one : skipped) data.notes.push_back("skipped: " + one);
  LINESIDE_TRY(name_groups(data, kept, options));
  if (!data.grouped)
    if (const std::size_t joined = join_near_duplicates(data); joined > 0)
      data.notes.push_back(
          std::format("{} pictures are near-duplicates of others and stay on one side of every split", joined));
  return data;
}

}  // namespace lineside::training
