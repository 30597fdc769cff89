#pragma once
// A model made ready for one station: preprocessing, inference and score. src/inference stands behind it.
#include <cstddef>
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
  // What preprocess() does, so that the thread that has the picture in its cache can do it: on one other thread than
  // the owner's, after warm_up(), into one of a few places beside preprocess()'s. Allocates only when the picture's
  // size differs from the call before.
  static constexpr std::size_t kPlaces = 3;
  virtual Result<void> make_input(const ImageView& image, std::size_t place) = 0;
  virtual void use_input(std::size_t place) = 0;  // instead of preprocess(): that which make_input() has made there
  virtual float reject_threshold() const = 0;     // from the bundle
  virtual const std::vector<std::string>& labels() const = 0;
  virtual const std::string& version() const = 0;  // "name@version"
};

}  // namespace lineside::gateway
