# Compiler flags of all modes. Asserts are on in every mode: they mean a bug of ours and must stop it.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_FLAGS_DEV "-O1 -g1 -fno-omit-frame-pointer")
set(CMAKE_C_FLAGS_DEV "-O1 -g1")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -fno-omit-frame-pointer")

add_library(geminga_flags INTERFACE)
target_compile_options(geminga_flags INTERFACE -Wall -Wextra -Werror -Wnon-virtual-dtor $<$<CXX_COMPILER_ID:GNU>:-Wshadow=local>
                       -Wno-missing-field-initializers  # options structs are filled by name, the rest has its default
                       "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=")
# g++ 12 reports strings that were moved out of a std::expected as maybe uninitialized; they are not.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(geminga_flags INTERFACE -Wno-maybe-uninitialized)
endif()
# clang needs to be told that Debian's libstdc++ 12 has <expected>.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(geminga_flags INTERFACE -D__cpp_concepts=202002L -Wno-builtin-macro-redefined)
endif()

if(GEMINGA_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)  # coverage of everything, so that libFuzzer sees new paths
  add_link_options(-fsanitize=fuzzer-no-link)
endif()
if(GEMINGA_SANITIZE)
  add_compile_options(-fsanitize=${GEMINGA_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${GEMINGA_SANITIZE})
  if(GEMINGA_SANITIZE MATCHES "thread")
    # g++ says that TSan does not model atomic_thread_fence, which Asio uses; see cmake/tsan.supp.
    target_compile_options(geminga_flags INTERFACE -Wno-tsan)
  endif()
endif()

find_program(GEMINGA_CCACHE ccache)
if(GEMINGA_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${GEMINGA_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${GEMINGA_CCACHE})
endif()
find_program(GEMINGA_MOLD mold)
if(GEMINGA_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
