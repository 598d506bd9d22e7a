# libgeminga.so: the public API with every engine in it, and what a stranger needs to use it.
# The modules go in whole, as objects: what the linker does not see used from inside is what programs call from outside.
set(GEMINGA_LIBRARY_MODULES base wire_pulsar storage broker bus engines)
set(GEMINGA_PUBLIC_HEADERS admin bus capabilities consumer error export message policies producer reader run types)

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(whole_modules)
foreach(module IN LISTS GEMINGA_LIBRARY_MODULES)
  if(TARGET geminga_${module})
    get_target_property(type geminga_${module} TYPE)
    if(type STREQUAL "STATIC_LIBRARY")
      list(APPEND whole_modules geminga_${module})
    endif()
  endif()
endforeach()

add_library(geminga_library SHARED)
add_library(Geminga::geminga ALIAS geminga_library)
list(TRANSFORM GEMINGA_PUBLIC_HEADERS REPLACE "(.+)" "${PROJECT_SOURCE_DIR}/include/geminga/\\1.hpp" OUTPUT_VARIABLE header_files)
target_sources(geminga_library
  PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${header_files}
  PUBLIC FILE_SET definitions TYPE HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include
         FILES ${PROJECT_SOURCE_DIR}/include/geminga/error_codes.def)
target_compile_features(geminga_library PUBLIC cxx_std_23)
foreach(module IN LISTS whole_modules)
  target_sources(geminga_library PRIVATE $<TARGET_OBJECTS:${module}>)
endforeach()
target_link_libraries(geminga_library PRIVATE ${whole_modules} geminga_flags)
set(version_script ${PROJECT_SOURCE_DIR}/cmake/geminga.map)
set_target_properties(geminga_library PROPERTIES
  LINKER_LANGUAGE CXX
  OUTPUT_NAME geminga
  EXPORT_NAME geminga
  VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}  # before 1.0 every minor version may break
  LINK_DEPENDS ${version_script}
  # `cmake --build ... --target all_verify_interface_header_sets`: each public header compiles alone.
  VERIFY_INTERFACE_HEADER_SETS ${GEMINGA_DEVELOPER}
  INTERFACE_HEADER_SETS_TO_VERIFY HEADERS)
target_link_options(geminga_library PRIVATE -Wl,--version-script=${version_script})
if(NOT GEMINGA_SANITIZE)  # a sanitizer's runtime comes with the program
  target_link_options(geminga_library PRIVATE -Wl,--no-undefined)
endif()

# --- installing ---------------------------------------------------------------------------------------------------------------
install(TARGETS geminga_library EXPORT GemingaTargets FILE_SET HEADERS FILE_SET definitions)
install(TARGETS geminga)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Geminga)
install(EXPORT GemingaTargets NAMESPACE Geminga:: DESTINATION ${package_dir})
# The library hides what it is made of, so its package needs no other.
file(WRITE ${PROJECT_BINARY_DIR}/GemingaConfig.cmake "include(\${CMAKE_CURRENT_LIST_DIR}/GemingaTargets.cmake)\n")
write_basic_package_version_file(${PROJECT_BINARY_DIR}/GemingaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/GemingaConfig.cmake ${PROJECT_BINARY_DIR}/GemingaConfigVersion.cmake
        DESTINATION ${package_dir})

# Relative to the file itself, so that the tree can be moved.
file(RELATIVE_PATH to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${PROJECT_SOURCE_DIR}/cmake/geminga.pc.in ${PROJECT_BINARY_DIR}/geminga.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/geminga.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
