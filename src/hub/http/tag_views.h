#pragma once
// Tags as JSON, in the shapes that schema/openapi.yaml names.
#include <string>

#include "hub/tags/tag_desk.h"

namespace lineside::hub {

std::string tags_json(const TagList& list);
std::string tag_history_json(const std::string& tag, const TagHistory& history, WallTime from, WallTime to);

}  // namespace lineside::hub
