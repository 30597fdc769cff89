# Language level, warnings (errors), sanitizers, compiler cache and the shared precompiled header.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()
find_package(Threads REQUIRED)

add_library(lineside_flags INTERFACE)
target_compile_options(lineside_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wno-missing-field-initializers>)
target_compile_options(lineside_flags INTERFACE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fpch-preprocess>)
# As GStreamer's flags have it: the precompiled header must be made with the same.
target_compile_options(lineside_flags INTERFACE -pthread)
target_include_directories(lineside_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)

set(LINESIDE_SANITIZE "" CACHE STRING "Sanitizers: 'address,undefined' or 'thread'")
if(LINESIDE_SANITIZE)
  add_compile_options(-fsanitize=${LINESIDE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${LINESIDE_SANITIZE})
  add_compile_definitions(LINESIDE_SANITIZE)
endif()

if(CMAKE_CXX_COMPILER_ID MATCHES Clang)  # only the fuzz targets: the compiler cache serves them better without
  set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)
endif()
file(WRITE ${CMAKE_BINARY_DIR}/pch.cc.new "// nothing but the precompiled header\n")
configure_file(${CMAKE_BINARY_DIR}/pch.cc.new ${CMAKE_BINARY_DIR}/pch.cc COPYONLY)
add_library(lineside_pch OBJECT ${CMAKE_BINARY_DIR}/pch.cc)
target_link_libraries(lineside_pch PRIVATE lineside_flags)
set(pch_headers
  <algorithm> <array> <atomic> <chrono> <condition_variable> <cstdint> <expected> <filesystem> <format> <functional>
  <map> <memory> <mutex> <optional> <span> <string> <string_view> <thread> <unordered_map> <utility> <variant> <vector>)
target_precompile_headers(lineside_pch PRIVATE ${pch_headers})
# The header holds nothing but the standard library, so its list stands for it in the compiler cache: objects are then
# shared between build folders and clones, whose compiled headers differ in bytes though not in content.
file(WRITE ${CMAKE_BINARY_DIR}/CMakeFiles/lineside_pch.dir/cmake_pch.hxx.gch.sum "${pch_headers}")
