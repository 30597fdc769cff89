#include "rules/formula.h"

#include <muParser.h>

#include <array>
#include <cmath>
#include <format>
#include <limits>

namespace lineside::rules {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

template <class Compare>
double compared(Compare compare, double a, double b) {
  return std::isfinite(a) && std::isfinite(b) ? (compare(a, b) ? 1 : 0) : kUnknown;
}
double less(double a, double b) { return compared(std::less(), a, b); }
double less_equal(double a, double b) { return compared(std::less_equal(), a, b); }
double greater(double a, double b) { return compared(std::greater(), a, b); }
double greater_equal(double a, double b) { return compared(std::greater_equal(), a, b); }
double equal(double a, double b) { return compared(std::equal_to(), a, b); }
double unequal(double a, double b) { return compared(std::not_equal_to(), a, b); }
double both(double a, double b) { return compared(std::logical_and(), a, b); }
double either(double a, double b) { return compared(std::logical_or(), a, b); }
double truth(double a) { return unequal(a, 0); }
double opposite(double a) { return equal(a, 0); }
double absolute(double a) { return std::abs(a); }

}  // namespace

// Knows only what write() uses: none of the library's own functions, constants and operators for text.
class Formula::Library final : public mu::ParserBase {
 public:
  Library() {
    Init();
    EnableOptimizer(false);  // it may reorder sums, and then a replay differs in the last bit
  }

 private:
  void InitCharSets() override {
    DefineNameChars("0123456789_abcdefghijklmnopqrstuvwxyz");
    DefineOprtChars("+-*/");
    DefineInfixOprtChars("+-");
  }
  void InitFun() override {
    DefineFun("lt", less), DefineFun("le", less_equal);
    DefineFun("gt", greater), DefineFun("ge", greater_equal);
    DefineFun("eq", equal), DefineFun("ne", unequal);
    DefineFun("both", both), DefineFun("either", either);
    DefineFun("truth", truth), DefineFun("opposite", opposite), DefineFun("abs", absolute);
  }
  void InitConst() override {}
  void InitOprt() override {}
};

namespace {

// Writes the tree as text of the library's language. Tags and windows are variables, numbers are constants: no number
// goes through text.
class Writer {
 public:
  Writer(const Expression& expression, const std::function<double*(const Node&)>& place_of, double margin,
         mu::ParserBase& library)
      : nodes_(expression.nodes), place_of_(place_of), margin_(margin), library_(library) {}

  // `sign`: -1 below an odd number of nots.
  std::string write(std::size_t place, int sign = 1) {
    const Node& node = nodes_[place];
    switch (node.op) {
      case Op::number:
        return constant(node.value);
      case Op::tag:
      case Op::window: {
        const std::string name = std::format("v{}", place);
        library_.DefineVar(name, place_of_(node));
        return name;
      }
      case Op::negate:
        return std::format("({}-{})", constant(0), write(node.left, sign));
      case Op::absolute:
        return std::format("abs({})", write(node.left, sign));
      case Op::truth:
        return std::format("truth({})", write(node.left, sign));
      case Op::logical_not:
        return std::format("opposite({})", write(node.left, -sign));
      case Op::add:
      case Op::subtract:
      case Op::multiply:
      case Op::divide:
        return std::format("({}{}{})", write(node.left, sign), arithmetic(node.op), write(node.right, sign));
      default:
        return of_two(node, sign);
    }
  }

 private:
  static char arithmetic(Op op) {
    return op == Op::add ? '+' : op == Op::subtract ? '-' : op == Op::multiply ? '*' : '/';
  }

  std::string constant(double value) {
    const std::string name = std::format("k{}", constants_++);
    library_.DefineConst(name, value);
    return name;
  }

  std::string of_two(const Node& node, int sign) {
    static constexpr std::array kNames{"lt", "le", "gt", "ge", "eq", "ne"};
    if (node.op == Op::logical_and || node.op == Op::logical_or)
      return std::format("{}({},{})", node.op == Op::logical_and ? "both" : "either", write(node.left, sign),
                         write(node.right, sign));
    const auto which = static_cast<std::size_t>(node.op) - static_cast<std::size_t>(Op::less);
    const std::string right = write(node.right, sign);
    const double up = node.op == Op::less || node.op == Op::less_equal ? margin_ : -margin_;
    const bool ordering = node.op >= Op::less && node.op <= Op::greater_equal;
    if (!ordering || margin_ == 0) return std::format("{}({},{})", kNames[which], write(node.left, sign), right);
    return std::format("{}({},({}+{}))", kNames[which], write(node.left, sign), right, constant(sign * up));
  }

  const std::vector<Node>& nodes_;
  const std::function<double*(const Node&)>& place_of_;
  const double margin_;
  mu::ParserBase& library_;
  std::size_t constants_ = 0;
};

}  // namespace

Formula::Formula(std::unique_ptr<Library> library) : library_(std::move(library)) {}
Formula::Formula(Formula&&) noexcept = default;
Formula& Formula::operator=(Formula&&) noexcept = default;
Formula::~Formula() = default;

Result<Formula> Formula::create(const Expression& expression, const std::function<double*(const Node&)>& place_of,
                                double margin) {
  try {
    auto library = std::make_unique<Library>();
    library->SetExpr(Writer(expression, place_of, margin, *library).write(expression.root));
    static_cast<void>(library->Eval());  // makes the bytecode
    return Formula(std::move(library));
  } catch (const mu::ParserError& error) {
    return fail(ErrorCode::internal, "the expression library refused a checked expression: " + error.GetMsg());
  }
}

double Formula::evaluate() const {
  // The library throws while it makes the bytecode only, and create() has made it.
  return library_->Eval();
}

}  // namespace lineside::rules
