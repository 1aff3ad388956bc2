# The allocation guard's interposed malloc: linked into programs and tests (target candor_guard), never into libcandor.
add_library(candor_guard_objects OBJECT ${CMAKE_SOURCE_DIR}/src/base/program/guard_wrap.c)
target_include_directories(candor_guard_objects PRIVATE ${CMAKE_SOURCE_DIR}/src)
add_library(candor_guard INTERFACE)
target_sources(candor_guard INTERFACE $<TARGET_OBJECTS:candor_guard_objects>)
foreach(fn malloc calloc realloc aligned_alloc posix_memalign)
  target_link_options(candor_guard INTERFACE LINKER:--wrap=${fn})
endforeach()
