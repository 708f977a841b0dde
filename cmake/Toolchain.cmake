# Compiler, linker and sanitizer flags, once for the whole tree.

set(PAYGATE_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them (address,undefined or thread)")
option(PAYGATE_FUZZ "Build the libFuzzer targets (clang only)" OFF)
option(PAYGATE_COVERAGE "Instrument for gcov" OFF)

add_library(paygate_flags INTERFACE)
target_include_directories(paygate_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(paygate_flags INTERFACE
  -Wall -Wextra -Werror -Wno-missing-field-initializers
  -fstack-protector-strong -fstack-clash-protection -fcf-protection
  -fno-omit-frame-pointer)
target_compile_definitions(paygate_flags INTERFACE _GLIBCXX_ASSERTIONS)
target_link_options(paygate_flags INTERFACE -Wl,-z,relro,-z,now -Wl,-z,noexecstack)
include(CheckPIESupported)
check_pie_supported()

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(paygate_flags INTERFACE -Wthread-safety)
endif()

if(PAYGATE_SANITIZE)
  target_compile_options(paygate_flags INTERFACE
    -fsanitize=${PAYGATE_SANITIZE} -fno-sanitize-recover=all)
  # g++ 12 sees uninitialised parts of std::expected where instrumentation hides the branch.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(paygate_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
  target_link_options(paygate_flags INTERFACE -fsanitize=${PAYGATE_SANITIZE})
  # _FORTIFY_SOURCE hides overflows from the sanitizers.
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_definitions(paygate_flags INTERFACE _FORTIFY_SOURCE=3)
endif()
# The tests' own code, beside paygate_flags. Under sanitizers it is not optimised, which halves the
# time to compile it; what is tested is compiled as everything else is.
add_library(paygate_test_flags INTERFACE)
if(PAYGATE_SANITIZE)
  target_compile_options(paygate_test_flags INTERFACE -O0)
endif()

if(PAYGATE_COVERAGE)
  target_compile_options(paygate_flags INTERFACE --coverage)
  target_link_options(paygate_flags INTERFACE --coverage)
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()
