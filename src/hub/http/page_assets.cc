#include "hub/http/page_assets.h"

#include <algorithm>

namespace lineside::hub {

const PageAsset* find_page_asset(std::string_view path) {
  const auto assets = page_assets();
  const auto at = [&](std::string_view wanted) -> const PageAsset* {
    const auto found = std::ranges::find(assets, wanted, &PageAsset::path);
    return found == assets.end() ? nullptr : &*found;
  };
  if (const auto* asset = at(path)) return asset;
  // A name with an extension is a file that is not there; anything else is a view of the page.
  const auto last = path.substr(path.rfind('/') + 1);
  return path.starts_with("/assets/") || (path.rfind('/') == 0 && last.contains('.')) ? nullptr : at("/index.html");
}

}  // namespace lineside::hub
