// Fuzz target of the settings files: each program's reader on any text. A file is taken, or refused with a message that
// names it.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "config/load.h"
#include "memory_file.h"

namespace lineside::fuzz {
namespace {

template <class Settings>
void check(const Result<Settings>& settings, const std::filesystem::path& path) {
  if (settings) return;
  require(settings.error().code == ErrorCode::config_invalid);
  require(settings.error().message.find(path.string()) != std::string::npos);
}

}  // namespace

std::vector<Bytes> seeds() {
  std::vector<Bytes> files;
  for (const auto& entry : std::filesystem::directory_iterator(LINESIDE_SOURCE_DIR "/examples")) {
    if (entry.path().extension() != ".yaml") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  require(!files.empty());
  return files;
}

}  // namespace lineside::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lineside;
  const fuzz::MemoryFile file({data, size});
  const auto path = file.path();
  fuzz::check(config::load_gateway_settings(path), path);
  fuzz::check(config::load_hub_settings(path), path);
  fuzz::check(config::load_plant_settings(path), path);
  fuzz::check(config::check_settings_file(path, config::NamedFiles::elsewhere), path);
  return 0;
}
