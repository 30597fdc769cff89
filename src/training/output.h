#pragma once
// Where a training's bundle goes and who signs it: the same for every kind of model.
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "bundle/keys.h"

namespace lineside::training {

// A model's name from its file's: lower case, what names may not have as '-'; `otherwise` if nothing is left.
std::string name_from(const std::filesystem::path& file, std::string_view otherwise);

// RFC 3339 from SOURCE_DATE_EPOCH; empty when that is not set: the same seed must give the same bytes.
std::string created_at();

// The key to sign with; empty `wanted`: the user's own. Made at first use, which `say` is told.
// Errors: those of SigningKey::load_or_create.
Result<bundle::SigningKey> signing_key(const std::filesystem::path& wanted,
                                       const std::function<void(const std::string&)>& say);

// To be asked before the minutes of learning, not after them. Errors: file_not_found, file_io.
Result<void> check_writable(const std::filesystem::path& out);

}  // namespace lineside::training
