# bench/*.c: programs that measure; built on request only (ninja bench_kern), never part of ctest.
file(GLOB bench_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/*.c)
list(FILTER bench_sources EXCLUDE REGEX "/ceiling_[^/]*$")
foreach(src ${bench_sources})
  get_filename_component(name ${src} NAME_WE)
  add_executable(${name} EXCLUDE_FROM_ALL ${src})
  target_link_libraries(${name} PRIVATE candor_static)
endforeach()
target_link_libraries(bench_archive PRIVATE candor_study)
target_link_libraries(bench_study_remote PRIVATE candor_study PkgConfig::CURL)

# candor-ceiling: what `candor bench` holds our matrix products against. Needs oneDNN's C interface of version 2 (Debian: libdnnl-dev);
# without it there is no share of a ceiling, and nothing else is missing.
find_path(DNNL_INCLUDE dnnl.h)
find_library(DNNL_LIBRARY dnnl)
if(DNNL_INCLUDE AND EXISTS ${DNNL_INCLUDE}/oneapi/dnnl/dnnl_version.h)
  file(STRINGS ${DNNL_INCLUDE}/oneapi/dnnl/dnnl_version.h dnnl_version REGEX "define DNNL_VERSION_MAJOR +2$")
endif()
if(DNNL_LIBRARY AND dnnl_version)
  add_executable(candor-ceiling ${CMAKE_SOURCE_DIR}/bench/ceiling_onednn.c)
  target_include_directories(candor-ceiling PRIVATE ${DNNL_INCLUDE})
  target_link_libraries(candor-ceiling PRIVATE ${DNNL_LIBRARY})
  install(TARGETS candor-ceiling RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
