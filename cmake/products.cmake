# What is shipped: libcandor (base … decode, static and shared), the program, the public headers and two ways to find them
# (pkg-config and a CMake package).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(lib_rooms base stats kern weights text model run task probe decode)
set(lib_objects)
foreach(r ${lib_rooms})
  if(TARGET room_${r})
    list(APPEND lib_objects $<TARGET_OBJECTS:room_${r}>)
  endif()
endforeach()
set(lib_links PkgConfig::JANSSON PkgConfig::PCRE2 PkgConfig::ICU csv Threads::Threads m)

# The static library hands its dependencies on (whoever links it needs them, our own program and tests included); the shared one
# keeps them to itself.
add_library(candor_static STATIC ${lib_objects})
add_library(candor_shared SHARED ${lib_objects})
target_link_libraries(candor_static PUBLIC ${lib_links})
target_link_libraries(candor_shared PRIVATE ${lib_links})
foreach(t candor_static candor_shared)
  set_target_properties(${t} PROPERTIES OUTPUT_NAME candor LINKER_LANGUAGE C)
  target_include_directories(${t} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/src>
    $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()
set_target_properties(candor_shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0 EXPORT_NAME candor)
target_link_options(candor_shared PRIVATE LINKER:--version-script=${CMAKE_SOURCE_DIR}/cmake/candor.map)
set_target_properties(candor_shared PROPERTIES LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/candor.map)

# Asking models elsewhere is the program's, not the library's: whoever links libcandor needs no libcurl.
add_library(candor_remote STATIC $<TARGET_OBJECTS:room_remote>)
target_link_libraries(candor_remote PUBLIC candor_static PkgConfig::CURL)

# Nor tests, mixed models and power, which stand on r-mathlib (GPL) and NLopt.
file(GLOB infer_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/stats/infer/*.c ${CMAKE_SOURCE_DIR}/src/stats/dist_*.c)
add_library(candor_infer STATIC ${infer_sources})
target_link_libraries(candor_infer PUBLIC candor_static PRIVATE Rmath PkgConfig::NLOPT csv)

# Nor studies of groups and their languages.
add_library(candor_study STATIC $<TARGET_OBJECTS:room_study>)
target_link_libraries(candor_study PUBLIC candor_remote candor_infer candor_static PkgConfig::YAML PkgConfig::ZSTD PkgConfig::NETTLE)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/studies DESTINATION ${CMAKE_INSTALL_DATADIR}/candor FILES_MATCHING PATTERN "*.yaml" PATTERN "*.json")

# Neither does it need report pages.
add_library(candor_lab STATIC $<TARGET_OBJECTS:room_lab>)
target_link_libraries(candor_lab PUBLIC candor_static)

if(TARGET room_cli)
  add_executable(candor $<TARGET_OBJECTS:room_cli>)
  target_link_libraries(candor PRIVATE candor_study candor_infer candor_remote candor_lab candor_static candor_guard)
  install(TARGETS candor RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# Two export sets, so that a program that uses the shared library need not have the dependencies' headers installed.
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/candor)
install(TARGETS candor_shared EXPORT candorTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS candor_static EXPORT candorStaticTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT candorTargets NAMESPACE candor:: DESTINATION ${package_dir})
install(EXPORT candorStaticTargets NAMESPACE candor:: DESTINATION ${package_dir})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/candor DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/candorConfig.cmake.in ${CMAKE_BINARY_DIR}/candorConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/candorConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/candorConfig.cmake ${CMAKE_BINARY_DIR}/candorConfigVersion.cmake DESTINATION ${package_dir})
file(RELATIVE_PATH pc_prefix /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
configure_file(${CMAKE_SOURCE_DIR}/cmake/candor.pc.in ${CMAKE_BINARY_DIR}/candor.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/candor.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/decode/libcandor.c PROPERTIES COMPILE_DEFINITIONS
  CANDOR_VERSION="${PROJECT_VERSION}")
