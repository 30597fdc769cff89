#pragma once
// What the toolbox prints of a bundle and of figures.
#include <string>

#include "bundle/bundle.h"

namespace lineside::toolbox {

std::string describe(const bundle::TestFigures& figures);
std::string describe(const bundle::Bundle& bundle);

}  // namespace lineside::toolbox
