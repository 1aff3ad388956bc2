# tests/test_*.c: Criterion programs, one per file; tests/plain_*.c: plain programs (also for TSan, where Criterion crashes): they
# exit 0, or 77 for "skipped". A name that ends in _slow gets the label slow, every other the label fast.
# Tests run in the repository's root and read CANDOR_TEST_DATA (the reference data) from the environment; those that need it skip
# without it. Individual results lie in results/*.tap of the build tree; scripts/run_tests.sh counts them.
enable_testing()
set(results ${CMAKE_BINARY_DIR}/results)
file(MAKE_DIRECTORY ${results})
pkg_check_modules(CRITERION IMPORTED_TARGET criterion)
if(CRITERION_FOUND AND NOT CANDOR_SANITIZE MATCHES "thread")
  file(GLOB criterion_tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/test_*.c)
endif()
file(GLOB plain_tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/plain_*.c)

# Guards against hanging, in seconds: of one test of a program, of a whole program. No measure of speed: a sanitizer on a busy machine of two
# cores takes twenty times as long. Tests that bound a cost give a number of their own.
set(hang_s 300)
if(CANDOR_SANITIZE)
  set(hang_s 2400)
endif()
math(EXPR hang_program_s "2 * ${hang_s}")

# candor_test(NAME LABEL COMMAND...)
function(candor_test name label)
  add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${hang_program_s} SKIP_RETURN_CODE 77 LABELS ${label})
endfunction()

foreach(src ${criterion_tests} ${plain_tests})
  get_filename_component(name ${src} NAME_WE)
  set(label fast)
  if(name MATCHES "_slow$")
    set(label slow)
  endif()
  add_executable(${name} ${src})
  if(name MATCHES "_remote")
    target_link_libraries(${name} PRIVATE candor_remote)
  endif()
  if(name MATCHES "_study")
    target_link_libraries(${name} PRIVATE candor_study)
  endif()
  if(name MATCHES "_page")
    target_link_libraries(${name} PRIVATE candor_lab)
  endif()
  if(name MATCHES "_infer")
    target_link_libraries(${name} PRIVATE candor_infer)
  endif()
  target_compile_definitions(${name} PRIVATE HANG_S=${hang_s})
  target_link_libraries(${name} PRIVATE candor_static candor_guard)
  if(src IN_LIST criterion_tests)
    target_link_libraries(${name} PRIVATE PkgConfig::CRITERION)
    candor_test(${name} ${label} ${name} --tap=${results}/${name}.tap)
  else()
    candor_test(${name} ${label} ${name})
  endif()
endforeach()

# The AMX loops, on emulated tiles wherever the CPU has AVX512_BF16.
if(TARGET test_bf16 AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_sources(test_bf16 PRIVATE ${CMAKE_SOURCE_DIR}/tests/emulated_tiles.c)
  target_compile_definitions(test_bf16 PRIVATE TEST_TILES)
endif()

if(TARGET test_q8 AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_sources(test_q8 PRIVATE ${CMAKE_SOURCE_DIR}/tests/emulated_tiles_q8.c)
  target_compile_definitions(test_q8 PRIVATE TEST_TILES)
endif()

# What carries the questions about traces to a model lies in the program.
if(TARGET test_judged_remote)
  target_sources(test_judged_remote PRIVATE ${CMAKE_SOURCE_DIR}/src/cli/judging.c)
endif()

# Checks of the source and of what is installed: once, in the ordinary build.
if(NOT CANDOR_SANITIZE)
  foreach(check rooms headers banned public)
    candor_test(check_${check} fast ${CMAKE_SOURCE_DIR}/scripts/check_rooms.sh ${check})
  endforeach()
  if(TARGET candor)
    candor_test(check_support fast ${CMAKE_SOURCE_DIR}/scripts/check_support.sh $<TARGET_FILE:candor>)
  endif()
  candor_test(install_test fast ${CMAKE_SOURCE_DIR}/tests/install_test.sh ${CMAKE_BINARY_DIR})
endif()

# The command line, case by case, also under the address sanitizer: a test for each file, so that they run side by side and each has a guard
# of its own.
if(TARGET candor AND NOT CANDOR_SANITIZE MATCHES "thread")
  file(GLOB cli_cases CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/cli/*.cases)
  foreach(cases ${cli_cases})
    get_filename_component(name ${cases} NAME_WE)
    candor_test(cli_${name} fast sh -c "tests/cli/run.sh $<TARGET_FILE:candor> ${cases} >${results}/cli_${name}.tap")
  endforeach()
endif()

# Against llama.cpp, where its npm package is installed (tests/peers/README.md): label peer, so that the label fast leaves it out.
if(TARGET candor AND NOT CANDOR_SANITIZE)
  foreach(tool models texts compare)
    add_executable(peer_${tool} ${CMAKE_SOURCE_DIR}/tests/peers/${tool}.c)
    target_link_libraries(peer_${tool} PRIVATE candor_static)
  endforeach()
  target_sources(peer_models PRIVATE ${CMAKE_SOURCE_DIR}/tests/peers/vocab.c)
  candor_test(peers peer sh -c
    "${CMAKE_SOURCE_DIR}/tests/peers/run.sh $<TARGET_FILE:candor> $<TARGET_FILE_DIR:peer_models> >${results}/peers.tap")
endif()

# Report pages in a browser: a page with every chart, driven through headless Chromium (tests/pages/README.md).
if(NOT CANDOR_SANITIZE MATCHES "thread")
  add_executable(page_sample ${CMAKE_SOURCE_DIR}/tests/pages/sample.c ${CMAKE_SOURCE_DIR}/tests/pages/sample_plots.c
                             ${CMAKE_SOURCE_DIR}/tests/pages/sample_study.c)
  target_link_libraries(page_sample PRIVATE candor_lab candor_static)
endif()
if(NOT CANDOR_SANITIZE)
  candor_test(pages fast sh -c
    "${CMAKE_SOURCE_DIR}/tests/pages/run.sh $<TARGET_FILE:page_sample> ${pages_cache} ${results} >${results}/pages.tap")
endif()
