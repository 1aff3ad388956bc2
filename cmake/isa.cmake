# Instruction sets are flags of single files: src/kern/x86/<isa>_*.c. Everything else runs on any x86-64 (or any CPU).
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  file(GLOB avx2 ${CMAKE_SOURCE_DIR}/src/kern/x86/avx2_*.c)
  file(GLOB avx512 ${CMAKE_SOURCE_DIR}/src/kern/x86/avx512_*.c)
  set_source_files_properties(${avx2} PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mf16c")
  set_source_files_properties(${avx512} PROPERTIES
    COMPILE_OPTIONS "-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx2;-mfma;-mf16c;-mprefer-vector-width=512")
endif()
