#pragma once
// What is known of a machine besides its recordings: speed, bearings, gears, mains, ISO 20816 group. All optional.
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace lineside::condition {

// Multiples of the shaft's speed at which a bearing's parts are passed; 0: not known.
struct BearingOrders {
  std::string name;
  double outer = 0, inner = 0, ball = 0, cage = 0;  // BPFO, BPFI, BSF, FTF
};

struct Asset {
  double speed_hz = 0;  // nominal speed of the shaft; the exact one is looked for within 7 %
  std::vector<BearingOrders> bearings;
  std::vector<int> gear_teeth;  // of wheels on that shaft
  double line_hz = 0;           // mains or inverter
  double mm_s2_per_unit = 0;    // of the channels' acceleration; 0: not known, then there is no zone
  int iso_group = 0;            // ISO 20816-3: 1 above 300 kW, 2 from 15 to 300 kW; 0: none
  bool flexible = false;        // foundation
};

// From bearing geometry as it is in catalogues, the inner ring turning (Harris, Rolling Bearing Analysis):
// BPFO = n/2 (1 - d/D cos a), BPFI = n/2 (1 + d/D cos a), BSF = D/2d (1 - (d/D cos a)^2), FTF = 1/2 (1 - d/D cos a).
struct BearingGeometry {
  int balls = 0;
  double ball_mm = 0, pitch_mm = 0, contact_degrees = 0;
};
// Errors: config_invalid: a geometry that can't be (balls that don't fit on the pitch circle, a ball as wide as the
// pitch circle, an angle of 90 degrees and more).
Result<BearingOrders> bearing_orders(const std::string& name, const BearingGeometry& geometry);

// Reads asset.yaml (docs/condition.md). Errors: config_invalid (every mistake, with its line), file_not_found, file_io.
Result<Asset> read_asset(const std::filesystem::path& path);

// Zone of ISO 20816-3 (2022, table A.1 and A.2: velocity RMS in mm/s, 10 to 1000 Hz): 'A' new machine, 'B' good for
// long, 'C' not for long, 'D' damage. '-' for a group that is not known.
char iso_zone(const Asset& asset, double velocity_mm_s);
// The velocity at which the zone after `zone` begins; 0 behind 'D'.
double iso_zone_end(const Asset& asset, char zone);

}  // namespace lineside::condition
