#include "toolbox/condition_score.h"

#include <array>
#include <cstdio>
#include <format>

#include "base/file.h"
#include "condition/recording.h"
#include "condition/scorer.h"

namespace lineside::toolbox {

Result<int> score_recordings(const bundle::Bundle& bundle, const ConditionScoreOptions& options) {
  LINESIDE_ASSIGN(const auto files, condition::list_inputs(options.inputs));
  LINESIDE_ASSIGN(const auto scorer, condition::Scorer::create(bundle, options.library));
  const condition::Model& model = scorer->model();
  const condition::ReadOptions read{
      .columns = options.columns.empty() ? model.columns : condition::column_list(options.columns),
      .time_column = options.time_column.empty() ? model.time_column : options.time_column};
  std::string csv = condition::csv_header();
  std::array<std::size_t, 4> counts{};
  std::size_t unreadable = 0;
  for (const auto& file : files) {
    const auto recording = condition::read_recording(file, read);
    if (!recording) {
      std::fputs(std::format("skipped: {}\n", recording.error().message).c_str(), stderr);
      ++unreadable;
      continue;
    }
    LINESIDE_ASSIGN(const auto scores, scorer->score(*recording, options.rate_hz));
    for (const auto& score : scores) ++counts[static_cast<std::size_t>(score.verdict)];
    csv += condition::to_csv(file.string(), scores);
  }
  LINESIDE_TRY(write_atomically(options.out, csv));
  std::fputs(std::format("{}: {} files scored, {} windows normal, {} anomaly, {} unknown state, {} sensor fault\n",
                         bundle::model_version(bundle.manifest()), files.size() - unreadable, counts[0], counts[1],
                         counts[2], counts[3])
                 .c_str(),
             stdout);
  return unreadable == 0 ? 0 : exit_code(ErrorCode::file_format);
}

}  // namespace lineside::toolbox
