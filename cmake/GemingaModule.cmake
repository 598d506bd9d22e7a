# geminga_module(NAME
#   SOURCES a.cpp ...        the module's code, listed one by one (a file that is not listed is a bug)
#   DEPS base ...            modules below this one
#   LIBS Boost::headers ...  libraries from Debian
#   TESTS a_test.cpp ...     unit tests beside the code: one gtest binary geminga_<NAME>_test
#   TEST_LIBS ...            what only the tests need
# )
# Makes the static library geminga_<NAME>; every include is written from src/, e.g. "storage/log.hpp".
function(geminga_module name)
  cmake_parse_arguments(M "" "" "SOURCES;DEPS;LIBS;TESTS;TEST_LIBS" ${ARGN})
  set(target geminga_${name})
  if(M_SOURCES)
    add_library(${target} STATIC ${M_SOURCES})
    set(scope PUBLIC)
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${target} ${scope} ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  list(TRANSFORM M_DEPS PREPEND geminga_)
  target_link_libraries(${target} ${scope} ${M_DEPS} ${M_LIBS})
  if(M_SOURCES)
    target_link_libraries(${target} PRIVATE geminga_flags)
  endif()
  if(GEMINGA_DEVELOPER AND M_TESTS)
    add_executable(${target}_test ${M_TESTS})
    target_link_libraries(${target}_test PRIVATE ${target} geminga_flags GTest::gmock GTest::gtest_main ${M_TEST_LIBS})
    add_test(NAME ${name} COMMAND ${target}_test)
    add_dependencies(unit_tests ${target}_test)
    # Sanitizers make the crash and damage tests of the storage up to ten times slower.
    if(GEMINGA_SANITIZE)
      set(timeout_s 600)
    else()
      set(timeout_s 300)
    endif()
    set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT ${timeout_s})
  endif()
endfunction()

# geminga_program(NAME SOURCES ... LIBS ...): a developer's program (test fixture, benchmark, example) in build/<preset>/bin.
function(geminga_program name)
  cmake_parse_arguments(P "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${P_SOURCES})
  target_link_libraries(${name} PRIVATE ${P_LIBS} geminga_flags)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()
