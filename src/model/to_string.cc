#include "model/record.h"
#include "model/verdict.h"

namespace lineside {

const char* to_string(Decision decision) { return decision == Decision::pass ? "pass" : "reject"; }

const char* to_string(Reason reason) {
  switch (reason) {
    case Reason::score:
      return "score";
    case Reason::doubt:
      return "doubt";
    case Reason::vote:
      return "vote";
    case Reason::fail_late:
      return "fail_late";
    case Reason::fail_no_frame:
      return "fail_no_frame";
    case Reason::fail_overload:
      return "fail_overload";
    case Reason::fail_inference:
      return "fail_inference";
    case Reason::fail_camera:
      return "fail_camera";
  }
  return "unknown";
}

const char* to_string(Lane lane) { return lane == Lane::urgent ? "urgent" : "bulk"; }

const char* to_string(Severity severity) {
  switch (severity) {
    case Severity::info:
      return "info";
    case Severity::low:
      return "low";
    case Severity::medium:
      return "medium";
    case Severity::high:
      return "high";
    case Severity::critical:
      return "critical";
  }
  return "unknown";
}

}  // namespace lineside
