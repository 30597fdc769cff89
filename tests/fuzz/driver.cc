// Fuzzing without libFuzzer: feeds a target its seeds, damaged at random.
//
//   NAME_fuzz ROUNDS [SEED]   each round damages each seed once
//   NAME_fuzz --write DIR     writes the seeds there, one file each, for libFuzzer
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>

#include "fuzz.h"

namespace {

using lineside::fuzz::Bytes;

void damage(Bytes& bytes, std::mt19937& random) {
  for (unsigned changes = random() % 4; changes > 0 && !bytes.empty(); --changes) {
    const std::size_t at = random() % bytes.size();
    const auto here = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    switch (random() % 5) {
      case 0:
        *here = static_cast<std::uint8_t>(random());
        break;
      case 1:
        *here ^= static_cast<std::uint8_t>(1U << random() % 8);
        break;
      case 2:
        bytes.erase(here);
        break;
      case 3:
        bytes.insert(here, static_cast<std::uint8_t>(random()));
        break;
      default:
        bytes.resize(at);
        break;
    }
  }
}

int write_seeds(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  int number = 0;
  for (const Bytes& seed : lineside::fuzz::seeds()) {
    std::ofstream file(folder / ("seed" + std::to_string(number++)), std::ios::binary);
    file.write(reinterpret_cast<const char*>(seed.data()), static_cast<std::streamsize>(seed.size()));
    if (!file.flush()) return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--write") return write_seeds(argv[2]);
  if (argc < 2) return 2;
  const int rounds = std::atoi(argv[1]);
  std::mt19937 random(argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 1);
  const std::vector<Bytes> seeds = lineside::fuzz::seeds();
  for (int round = 0; round < rounds; ++round) {
    for (Bytes bytes : seeds) {
      damage(bytes, random);
      LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    }
  }
  std::printf("%d rounds of %zu seeds\n", rounds, seeds.size());
}
