# Instruction sets are flags of single files: src/kern/x86/<isa>_*.c. Everything else runs on any x86-64 (or any CPU).
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  file(GLOB avx2 ${CMAKE_SOURCE_DIR}/src/kern/x86/avx2_*.c)
  file(GLOB avx512 ${CMAKE_SOURCE_DIR}/src/kern/x86/avx512_*.c)
  file(GLOB avx512bf ${CMAKE_SOURCE_DIR}/src/kern/x86/avx512bf_*.c ${CMAKE_SOURCE_DIR}/tests/emulated_tiles.c)
  set(flags512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mf16c -mprefer-vector-width=512)
  set_source_files_properties(${avx512} PROPERTIES COMPILE_OPTIONS "${flags512}")
  set_source_files_properties(${avx512bf} PROPERTIES COMPILE_OPTIONS "${flags512};-mavx512bf16")
  set_source_files_properties(${CMAKE_SOURCE_DIR}/src/kern/x86/amx_matmul.c PROPERTIES
    COMPILE_OPTIONS "${flags512};-mavx512bf16;-mamx-tile;-mamx-bf16")
  file(GLOB avx512vnni ${CMAKE_SOURCE_DIR}/src/kern/x86/avx512vnni_*.c ${CMAKE_SOURCE_DIR}/tests/emulated_tiles_q8.c)
  set_source_files_properties(${avx512vnni} PROPERTIES COMPILE_OPTIONS "${flags512};-mavx512vnni;-mavx512vbmi")
  set_source_files_properties(${CMAKE_SOURCE_DIR}/src/kern/x86/amx_q8.c PROPERTIES
    COMPILE_OPTIONS "${flags512};-mavx512vnni;-mavx512vbmi;-mamx-tile;-mamx-int8")
  set_source_files_properties(${avx2} PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mf16c")
endif()

# Storage formats repeat another program's arithmetic to the bit: no fused a b + c where the source says a b, then + c.
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/kern/fmt_block.c ${CMAKE_SOURCE_DIR}/src/kern/fmt_super.c
                            ${CMAKE_SOURCE_DIR}/src/kern/fmt_levels.c
  PROPERTIES COMPILE_OPTIONS "-ffp-contract=off")
