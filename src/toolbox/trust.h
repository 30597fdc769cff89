#pragma once
// Whom the toolbox's commands trust.
#include <string>
#include <vector>

#include "bundle/keys.h"

namespace lineside::toolbox {

// With keys: one of them must have signed. Without: the content's hashes are checked but not who signed; the commands
// that use this look at a bundle or score with it on a person's request, none puts it to work.
inline Result<bundle::Trust> trust_for_tools(const std::vector<std::string>& key_files) {
  auto trust = bundle::Trust::from_files(key_files, false);
  if (trust) trust->inspect_only = key_files.empty();
  return trust;
}

}  // namespace lineside::toolbox
