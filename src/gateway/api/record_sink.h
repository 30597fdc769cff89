#pragma once
// Where stages put what should reach the hub. The outbox stands behind it.
#include "model/record.h"

namespace lineside::gateway {

// Thread-safe; never blocks on disk (law 4): the record goes into a bounded queue. If that is full the record is
// counted and declared as a loss record ("queue.full") in its lane, so that law 2's sum still holds.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  virtual void put(Lane lane, RecordBody body) = 0;
};

}  // namespace lineside::gateway
