#include "training/split.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>

#include "training/random.h"

namespace lineside::training {
namespace {

struct Group {
  int id = 0;
  std::size_t good = 0, rejects = 0;
};

// Groups in random order, those hardest to place (many rejects, then many items) first.
std::vector<Group> ordered_groups(const Dataset& data, std::uint64_t seed) {
  std::vector<Group> groups(static_cast<std::size_t>(data.groups));
  for (std::size_t i = 0; i < groups.size(); ++i) groups[i].id = static_cast<int>(i);
  for (std::size_t i = 0; i < data.items.size(); ++i) {
    Group& group = groups[static_cast<std::size_t>(data.items[i].group)];
    ++(data.is_reject(i) ? group.rejects : group.good);
  }
  Random random(seed);
  random.shuffle(std::span<Group>(groups));
  std::ranges::stable_sort(groups, [](const Group& a, const Group& b) {
    return std::pair(a.rejects, a.good) > std::pair(b.rejects, b.good);
  });
  return groups;
}

// Each group goes to the part that is emptiest in proportion to its share, counted in the group's scarcer class.
std::vector<int> distribute(const Dataset& data, std::span<const double> shares, std::uint64_t seed) {
  std::vector<std::array<double, 2>> filled(shares.size());
  std::vector<int> part_of_group(static_cast<std::size_t>(data.groups));
  const double good_total = static_cast<double>(std::max<std::size_t>(1, data.count(false)));
  const double reject_total = static_cast<double>(std::max<std::size_t>(1, data.count(true)));
  for (const Group& group : ordered_groups(data, seed)) {
    const double good = static_cast<double>(group.good) / good_total;
    const double rejects = static_cast<double>(group.rejects) / reject_total;
    std::size_t best = 0;
    double best_cost = 1e300;
    for (std::size_t part = 0; part < shares.size(); ++part) {
      const double cost =
          (good * (filled[part][0] + good / 2) + rejects * (filled[part][1] + rejects / 2)) / shares[part];
      if (cost < best_cost) best = part, best_cost = cost;
    }
    filled[best][0] += good;
    filled[best][1] += rejects;
    part_of_group[static_cast<std::size_t>(group.id)] = static_cast<int>(best);
  }
  std::vector<int> result;
  for (const Item& item : data.items) result.push_back(part_of_group[static_cast<std::size_t>(item.group)]);
  return result;
}

}  // namespace

std::vector<int> make_folds(const Dataset& data, int folds, std::uint64_t seed) {
  const std::vector<double> shares(static_cast<std::size_t>(folds), 1.0 / folds);
  return distribute(data, shares, seed);
}

std::vector<Part> make_parts(const Dataset& data, std::uint64_t seed) {
  constexpr std::array shares{0.7, 0.1, 0.1, 0.1};
  std::vector<Part> result;
  for (const int part : distribute(data, shares, seed)) result.push_back(static_cast<Part>(part));
  return result;
}

bool enough_for_parts(const Dataset& data) {
  constexpr std::size_t kItems = 150, kGroups = 20;
  std::array<std::vector<bool>, 2> seen;
  std::array<std::size_t, 2> groups{};
  for (auto& flags : seen) flags.resize(static_cast<std::size_t>(data.groups));
  for (std::size_t i = 0; i < data.items.size(); ++i) {
    const std::size_t side = data.is_reject(i) ? 1 : 0;
    auto flag = seen[side][static_cast<std::size_t>(data.items[i].group)];
    if (!flag) ++groups[side];
    flag = true;
  }
  return data.count(false) >= kItems && data.count(true) >= kItems && groups[0] >= kGroups && groups[1] >= kGroups;
}

}  // namespace lineside::training
