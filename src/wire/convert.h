#pragma once
// Between model records and the generated protobuf classes. Only for the sources of this module.
#include "base/result.h"
#include "model/record.h"
#include "uplink.pb.h"

namespace lineside::wire {

void to_message(const Record& record, pb::Record& message);

// Errors: wire_invalid, with what is out of range. Takes the picture's bytes out of `message`.
Result<Record> from_message(pb::Record&& message);

}  // namespace lineside::wire
