# A floor is an object library: it sees the public headers, its own private ones, and links the floors it may use.
# Sources are found by their folder, so that a new codec, family or sampler is one file and its line in an .inc.
set_property(GLOBAL PROPERTY HEARTH_FLOORS "")

# hearth_join(target source…): compiles sources at once where that is possible, so that headers, of which most of the time
# goes into the standard library's, are read and instantiated once for all of them. Names are then seen from further away
# than where they are meant to be, for which two warnings have no use; with HEARTH_JOIN=OFF, and where there is no Python to
# find what can stand together, every source is compiled by itself, with them.
function(hearth_join target)
  find_package(Python3 3.9 QUIET COMPONENTS Interpreter)
  if(NOT HEARTH_JOIN OR NOT Python3_Interpreter_FOUND)
    return()
  endif()
  set(script ${PROJECT_SOURCE_DIR}/src/cmake/join.py)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${script} ${ARGN})
  execute_process(COMMAND ${Python3_EXECUTABLE} -B ${script} ${PROJECT_SOURCE_DIR} ${ARGN}
                  OUTPUT_VARIABLE groups COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]+" groups "${groups}")
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  set(number 0)
  foreach(group IN LISTS groups)
    math(EXPR number "${number} + 1")
    string(REPLACE "|" ";" group "${group}")
    set_source_files_properties(${group} PROPERTIES UNITY_GROUP ${number})
  endforeach()
  # GCC 12 warns of overlaps in std::string that cannot be (its bug 105651).
  target_compile_options(${target} PRIVATE -Wno-shadow $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage -Wno-restrict>)
endfunction()

# COMPUTES: the floor has loops over many numbers, for which Release's -O3 is worth its time to compile; the others do with -O2.
# SMALL: with HEARTH_SMALL the floor is compiled at that level, but for the sources FAST, whose time users would notice.
# With HEARTH_MINIMAL size comes first in all floors, and computing in the kernels only.
function(hearth_floor name)
  cmake_parse_arguments(F "COMPUTES" "SMALL" "SOURCES;USES;LINK;FAST" ${ARGN})
  if(NOT F_SOURCES)
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/${name}_empty.cpp "")
    set(F_SOURCES ${CMAKE_CURRENT_BINARY_DIR}/${name}_empty.cpp)
  endif()
  add_library(hearth_${name} OBJECT ${F_SOURCES})
  target_include_directories(hearth_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include PRIVATE ${PROJECT_SOURCE_DIR}/src)
  foreach(floor IN LISTS F_USES)
    target_link_libraries(hearth_${name} PUBLIC hearth_${floor})
  endforeach()
  target_link_libraries(hearth_${name} PRIVATE ${F_LINK})
  if(NOT F_COMPUTES)
    target_compile_options(hearth_${name} PRIVATE $<$<CONFIG:Release>:-O2>)
  endif()
  if(F_SMALL)
    hearth_small(hearth_${name} ${F_SMALL} ${F_FAST})
  endif()
  hearth_join(hearth_${name} ${F_SOURCES})
  set_property(GLOBAL APPEND PROPERTY HEARTH_FLOORS hearth_${name})
endfunction()

function(hearth_small target level)
  if(HEARTH_SMALL AND NOT HEARTH_SANITIZE)
    if(HEARTH_MINIMAL)
      set(level -Os)
    endif()
    # Clang still inlines at -Os what GCC does not (a fifth of the whole library); and it tells for each instruction, not for
    # each call only, how to unwind from there.
    if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
      string(REPLACE -Os -Oz level ${level})
      target_compile_options(${target} PRIVATE -fno-asynchronous-unwind-tables)
    endif()
    target_compile_options(${target} PRIVATE $<$<NOT:$<CONFIG:Debug>>:${level}> -ffunction-sections -fdata-sections)
    if(NOT HEARTH_MINIMAL)
      set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS -O2)
    endif()
  endif()
endfunction()

# hearth_add_isa(avx512 PROCESSOR x86 BASE avx2 DIR x86_avx512 FLAGS … CPU feature …): one instruction set. Its folder is
# compiled with FLAGS; CPU names the features as __builtin_cpu_supports does (x86) or HWCAP does (arm). What it has no
# kernel for runs with the kernels of BASE, a line above it, whose features it contains. Of those that a CPU can run the
# last line is chosen.
set_property(GLOBAL PROPERTY HEARTH_ISA_INC "")
function(hearth_add_isa name)
  cmake_parse_arguments(I "" "PROCESSOR;BASE;DIR" "FLAGS;CPU" ${ARGN})
  string(JOIN " " features ${I_CPU})
  if(NOT I_BASE)
    set(I_BASE ${name})
  endif()
  set(built 0)
  if(I_PROCESSOR STREQUAL "any" OR (I_PROCESSOR STREQUAL HEARTH_PROCESSOR AND (NOT HEARTH_ISAS OR name IN_LIST HEARTH_ISAS)))
    set(built 1)
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/kernels/${I_DIR}/*.cpp)
    add_library(hearth_kernels_${name} OBJECT ${sources})
    target_include_directories(hearth_kernels_${name} PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src
                               ${CMAKE_CURRENT_BINARY_DIR}/generated)
    # Kernels take no part in exceptions or RTTI and are optimised in every build: -O0 would leave weak copies of
    # intrinsics' wrappers behind and make the sanitizer builds unusably slow. Under sanitizers more than -O1 takes
    # minutes more to compile than it saves.
    set(optimise -O3)
    if(HEARTH_SANITIZE)
      set(optimise -O1)
      # The scalar kernels, which are the same source, are watched for undefined behaviour; watching each set's as well
      # trebles what they take to compile.
      if(NOT name STREQUAL "scalar")
        list(APPEND optimise -fno-sanitize=undefined)
      endif()
    endif()
    if(HEARTH_SMALL AND NOT HEARTH_SANITIZE)
      # Nothing is thrown through a kernel, and no table is read for one.
      list(APPEND optimise -fno-asynchronous-unwind-tables -fno-unwind-tables -ffunction-sections)
      if(HEARTH_MINIMAL AND name STREQUAL "scalar" AND HEARTH_ISAS)
        list(APPEND optimise -Os)
      endif()
      if(HEARTH_MINIMAL)
        list(APPEND optimise -DHEARTH_FEWEST_KERNELS)
      endif()
    endif()
    target_compile_options(hearth_kernels_${name} PRIVATE ${I_FLAGS} ${optimise} -fno-exceptions -fno-rtti
                           -fno-math-errno -fno-trapping-math)
    # GCC turns a chain of integer additions into a tree whose leaves it then spills; and before it has given out registers
    # it draws loads ahead as if there were enough of them (on Arm, where it does that: half of all instructions of a tile
    # of K-quants moved registers to the stack and back).
    target_compile_options(hearth_kernels_${name} PRIVATE
                           $<$<CXX_COMPILER_ID:GNU>:-fno-tree-ter -fno-tree-reassoc -fno-schedule-insns>)
    set_property(GLOBAL APPEND PROPERTY HEARTH_FLOORS hearth_kernels_${name})
    set_property(GLOBAL APPEND PROPERTY HEARTH_KERNEL_OBJECTS hearth_kernels_${name})
  endif()
  set_property(GLOBAL APPEND_STRING PROPERTY HEARTH_ISA_INC
               "HEARTH_ISA(${name}, \"${features}\", ${I_PROCESSOR}, ${I_BASE}, ${built})\n")
endfunction()

# What the linker can do for the size of a library. Relative relocations take a twentieth of the space when they are packed;
# loaders know that from glibc 2.36 and Android 9 (API 28) on. No function of hearth is compared with another one, so that
# those with the same code can be one.
function(hearth_link_small target)
  if(NOT HEARTH_SMALL OR HEARTH_SANITIZE)
    return()
  endif()
  if(APPLE)
    target_link_options(${target} PRIVATE -Wl,-dead_strip)
  elseif(ANDROID OR HEARTH_LINK_AS_ANDROID)
    # Devices with pages of 16 KB load no library that is aligned to less.
    target_link_options(${target} PRIVATE -Wl,--gc-sections -Wl,--icf=all -Wl,--pack-dyn-relocs=relr
                        -Wl,-z,max-page-size=16384)
    if(NOT ANDROID)
      find_program(HEARTH_LLD ld.lld REQUIRED)
      file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/lld)
      file(CREATE_LINK ${HEARTH_LLD} ${CMAKE_BINARY_DIR}/lld/ld.lld SYMBOLIC)  # where a cross compiler looks for it
      target_link_options(${target} PRIVATE -fuse-ld=lld -B${CMAKE_BINARY_DIR}/lld)
    endif()
  else()
    target_link_options(${target} PRIVATE -Wl,--gc-sections -Wl,-z,pack-relative-relocs -Wl,-z,noseparate-code)
  endif()
endfunction()
