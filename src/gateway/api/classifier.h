#pragma once
// A model made ready for one station: preprocessing, inference and score. src/inference stands behind it.
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/image.h"

namespace lineside::gateway {

struct ClassScore {
  float reject_score = 0;   // 0..1, higher: more surely a reject
  std::int16_t label = -1;  // most likely class
};

// Owner thread only; allocates nothing after warm_up().
class Classifier {
 public:
  virtual ~Classifier() = default;
  virtual Result<void> warm_up() = 0;                           // on the thread that will call the others
  virtual Result<void> preprocess(const ImageView& image) = 0;  // fills the input tensor
  virtual Result<ClassScore> infer() = 0;                       // runs the model on it
  virtual float reject_threshold() const = 0;                   // from the bundle
  virtual const std::vector<std::string>& labels() const = 0;
  virtual const std::string& version() const = 0;  // "name@version"
};

}  // namespace lineside::gateway
