# One folder = one library target = one namespace.
#   paygate_room(NAME SOURCES a.cc … DEPS public-targets… PRIVATE private-targets…)
#   paygate_program(NAME SOURCES main.cc … DEPS …)
#   paygate_tests(NAME [SCRATCH_KEYS] SOURCES x_test.cc … DEPS … [LABELS …] [TIMEOUT seconds])
# SCRATCH_KEYS: its tests start gateways, with keys that one ceremony makes for each run of ctest.

include(GoogleTest)
find_package(GTest REQUIRED)

function(paygate_room name)
  cmake_parse_arguments(R "" "" "SOURCES;DEPS;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${R_SOURCES})
  target_link_libraries(${name} PUBLIC paygate_flags ${R_DEPS} PRIVATE ${R_PRIVATE})
endfunction()

# Only interfaces: headers that others implement.
function(paygate_interface_room name)
  cmake_parse_arguments(R "" "" "DEPS" ${ARGN})
  add_library(${name} INTERFACE)
  target_link_libraries(${name} INTERFACE paygate_flags ${R_DEPS})
endfunction()

function(paygate_program name)
  cmake_parse_arguments(R "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${R_SOURCES})
  target_link_libraries(${name} PRIVATE paygate_flags ${R_DEPS})
endfunction()

function(paygate_tests name)
  cmake_parse_arguments(R "SCRATCH_KEYS" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  # Against what hangs. Some tests take a minute under a sanitizer on a busy machine.
  if(NOT R_TIMEOUT)
    set(R_TIMEOUT 600)
  endif()
  add_executable(${name} ${R_SOURCES})
  target_link_libraries(${name} PRIVATE
    paygate_flags paygate_test_flags paygate_test_places ${R_DEPS}
    GTest::gmock GTest::gtest_main)
  set(keys)
  if(R_SCRATCH_KEYS)
    set(keys FIXTURES_REQUIRED scratch_keys)
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST
    PROPERTIES TIMEOUT ${R_TIMEOUT} LABELS "${R_LABELS}" ${keys})
endfunction()
