#pragma once
// A checked expression made ready to be evaluated many times, by muParser's bytecode
// (docs/decisions/rules-expressions.md).
#include <functional>
#include <memory>

#include "base/result.h"
#include "rules/expression.h"

namespace lineside::rules {

// Owner thread only. Movable.
class Formula {
 public:
  // `place_of` gives for a node of op tag or window where its value stands; it must stay there as long as the formula.
  // `margin`: each < <= > >= is made easier to be true by so much (harder below `not`): the condition of an alarm that
  // is already there, with hysteresis. Errors: internal (what the parser lets through, the library takes).
  static Result<Formula> create(const Expression& expression, const std::function<double*(const Node&)>& place_of,
                                double margin = 0);
  Formula(Formula&&) noexcept;
  Formula& operator=(Formula&&) noexcept;
  ~Formula();

  // A number, or 1 and 0 of a condition. NaN: it can't be said, because a value is NaN, or something on the way was
  // divided by 0 or went beyond what a number holds.
  double evaluate() const;

 private:
  class Library;
  explicit Formula(std::unique_ptr<Library> library);
  std::unique_ptr<Library> library_;
};

}  // namespace lineside::rules
