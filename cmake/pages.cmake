# Report pages: src/lab/web, bundled by esbuild and embedded in room lab (scripts/pages.sh). Without Node.js, npm or a network the program
# is built all the same, and says at run time how to get them.
option(CANDOR_PAGES "embed report pages (asks Node.js and npm; the program builds without them too)" ON)

# Packages and bundles are shared by the build folders of this source tree.
cmake_path(IS_PREFIX CMAKE_SOURCE_DIR "${CMAKE_BINARY_DIR}" NORMALIZE in_tree)
if(in_tree)
  set(pages_cache ${CMAKE_SOURCE_DIR}/build/pages)
else()
  set(pages_cache ${CMAKE_BINARY_DIR}/pages-cache)
endif()
set(pages_out ${CMAKE_BINARY_DIR}/pages)
set(pages_script ${CMAKE_SOURCE_DIR}/scripts/pages.sh)
file(GLOB_RECURSE pages_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/lab/web/*)

# What was made without pages, or with another choice, is made again by the next configuration, so that installing Node.js helps.
if(EXISTS ${pages_out}/bundle.c)
  file(STRINGS ${pages_out}/bundle.c pages_missing REGEX "\\.missing")
  if((pages_missing AND CANDOR_PAGES) OR NOT (pages_missing OR CANDOR_PAGES))
    file(REMOVE ${pages_out}/bundle.c)
  endif()
endif()

add_custom_command(OUTPUT ${pages_out}/bundle.c
  COMMAND ${pages_script} ${pages_out} ${pages_cache} $<$<NOT:$<BOOL:${CANDOR_PAGES}>>:off>
  DEPENDS ${pages_sources} ${pages_script} ${CMAKE_SOURCE_DIR}/scripts/npm_folder.sh
  BYPRODUCTS ${pages_out}/page.js ${pages_out}/page.css
  COMMENT "report pages" VERBATIM COMMAND_EXPAND_LISTS)
target_sources(room_lab PRIVATE ${pages_out}/bundle.c)
