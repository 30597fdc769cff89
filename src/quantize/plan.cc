#include "quantize/plan.h"

namespace lineside::quantize {
namespace {

bool is_any(const std::string& type, std::initializer_list<const char*> types) {
  return std::ranges::any_of(types, [&](const char* other) { return type == other; });
}

bool has_integer_form(const Graph& graph, const onnx::NodeProto& node) {
  if (node.input_size() < 2 || graph.is_constant(node.input(0)) || !graph.is_constant(node.input(1))) return false;
  if (node.input_size() > 2 && !node.input(2).empty() && !graph.is_constant(node.input(2))) return false;
  if (node.op_type() == "Conv") return true;
  return node.op_type() == "Gemm" && int_attribute(node, "transA", 0) == 0 && float_attribute(node, "alpha", 1) == 1 &&
         float_attribute(node, "beta", 1) == 1;
}

class Planner {
 public:
  explicit Planner(const Graph& graph) : graph_(graph) {
    plan_.roles.assign(static_cast<std::size_t>(graph.model.graph().node_size()), Role::real);
  }

  Plan make() {
    for (int i = 0; i < graph_.model.graph().node_size(); ++i) role(i) = decide(i);
    for (int i = 0; i < graph_.model.graph().node_size(); ++i) mark_values(i);
    return std::move(plan_);
  }

 private:
  Role& role(int index) { return plan_.roles[static_cast<std::size_t>(index)]; }

  int producer(const std::string& value) const {
    const auto found = made_by_.find(value);
    return found == made_by_.end() ? -1 : found->second;
  }

  Role decide(int index) {
    const auto& node = graph_.node(index);
    for (const auto& output : node.output()) made_by_[output] = index;
    const auto& type = node.op_type();
    if (has_integer_form(graph_, node)) return Role::weighted;
    if (node.input_size() == 0) return Role::real;
    const int before = producer(node.input(0));
    const bool behind_integers = before >= 0 && role(before) != Role::real && role(before) != Role::activation;
    if (is_any(type, {"Relu", "Clip"})) {
      const bool alone =
          behind_integers && graph_.consumers.at(node.input(0)).size() == 1 && !graph_.outputs.contains(node.input(0));
      const bool starts_at_zero = type == "Relu";
      return alone && starts_at_zero && role(before) != Role::moving ? Role::activation : Role::real;
    }
    const bool from_integers = before >= 0 && role(before) != Role::real;
    if (is_any(type, {"Add", "Mul", "Concat", "GlobalAveragePool", "AveragePool"})) {
      const bool all = std::ranges::all_of(node.input(), [&](const std::string& name) {
        const int from = producer(name);
        return from >= 0 && role(from) != Role::real;
      });
      return all ? Role::arithmetic : Role::real;
    }
    if (is_any(type, {"MaxPool", "Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze"}) && from_integers)
      return Role::moving;
    return Role::real;
  }

  void quantize(const std::string& value) {
    if (graph_.is_constant(value) || value.empty() || !seen_.insert(value).second) return;
    plan_.quantized.push_back(value);
  }

  bool melts_into_activation(const std::string& value) {
    const auto found = graph_.consumers.find(value);
    return found != graph_.consumers.end() && found->second.size() == 1 && role(found->second[0]) == Role::activation;
  }

  void mark_values(int index) {
    const auto& node = graph_.node(index);
    if (role(index) == Role::real) return;
    const std::string& output = node.output(0);
    if (role(index) == Role::weighted || role(index) == Role::moving) quantize(node.input(0));
    if (role(index) == Role::arithmetic)
      for (const auto& input : node.input()) quantize(input);
    if (role(index) == Role::moving) plan_.same[output] = node.input(0);
    // A Gemm gives floats where nothing behind it wants integers: the score keeps its precision.
    const auto readers = graph_.consumers.find(output);
    const bool read_by_integers =
        readers != graph_.consumers.end() &&
        std::ranges::any_of(readers->second, [&](int reader) { return role(reader) != Role::real; });
    if (node.op_type() == "Gemm" && !read_by_integers) return;
    if (!melts_into_activation(output) && !graph_.outputs.contains(output)) quantize(output);
  }

  const Graph& graph_;
  Plan plan_;
  std::map<std::string, int> made_by_;
  std::set<std::string> seen_;
};

}  // namespace

const std::string& Plan::root(const std::string& name) const {
  const std::string* value = &name;
  for (auto found = same.find(*value); found != same.end(); found = same.find(*value)) value = &found->second;
  return *value;
}

Result<Plan> make_plan(const Graph& graph) {
  Plan plan = Planner(graph).make();
  if (std::ranges::find(plan.roles, Role::weighted) == plan.roles.end())
    return fail(ErrorCode::model_unsupported,
                "the model can't be quantized: it has no Conv or Gemm with fixed weights");
  return plan;
}

}  // namespace lineside::quantize
