#include "toolbox/commands.h"

int main(int argc, char** argv) { return lineside::cli::run(lineside::toolbox::toolbox_program(), argc, argv); }
