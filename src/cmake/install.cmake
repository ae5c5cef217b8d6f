# What `cmake --install` puts where: both libraries, hearth.h, the C++ headers, a CMake package, a pkg-config file, and the
# command line where it is built.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/hearth)
foreach(kind IN LISTS HEARTH_LIBRARIES)
  install(TARGETS hearth_${kind} EXPORT hearth_${kind}
          LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
          RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(EXPORT hearth_${kind} NAMESPACE hearth:: DESTINATION ${package_dir} FILE hearth_${kind}.cmake)
endforeach()
file(GLOB headers ${PROJECT_SOURCE_DIR}/capi/hearth*.h)
install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ ${PROJECT_BINARY_DIR}/src/generated/
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp" PATTERN "*.inc")

if(HEARTH_BUILD_EXAMPLES)
  install(TARGETS hearth_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
# What the static library is linked with stands beside it in a bundle, else it is looked for where hearth is used.
set(bundle_dir ${CMAKE_INSTALL_LIBDIR}/hearth)
if(HEARTH_BUNDLE)
  get_property(archives GLOBAL PROPERTY HEARTH_ARCHIVES)
  install(FILES ${archives} DESTINATION ${bundle_dir})
endif()

configure_package_config_file(${PROJECT_SOURCE_DIR}/src/cmake/hearthConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/hearthConfig.cmake INSTALL_DESTINATION ${package_dir}
                              PATH_VARS bundle_dir)
# Before 1.0 a minor version may break what stands outside of hearth.h.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/hearthConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/hearthConfig.cmake ${PROJECT_BINARY_DIR}/hearthConfigVersion.cmake
        DESTINATION ${package_dir})

set(modules libpcre2-8 libutf8proc)
set(HEARTH_PC_LIBS_PRIVATE "-lm -lpthread")
if(HEARTH_BUNDLE)
  string(PREPEND HEARTH_PC_LIBS_PRIVATE "-L\${libdir}/hearth -lpcre2-8 -lutf8proc ")
  set(modules)
endif()
if(HEARTH_TBB)
  list(PREPEND modules tbb)
endif()
string(JOIN ", " HEARTH_PC_REQUIRES ${modules})
if(APPLE)
  string(APPEND HEARTH_PC_LIBS_PRIVATE " -lc++")
else()
  string(APPEND HEARTH_PC_LIBS_PRIVATE " -lstdc++")
endif()
# Relative to the .pc file, so that an installed tree can be moved; absolute destinations stay as they are.
foreach(dir IN ITEMS LIBDIR INCLUDEDIR)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${dir}}")
    set(HEARTH_PC_${dir} "${CMAKE_INSTALL_${dir}}")
  else()
    set(HEARTH_PC_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}}")
  endif()
endforeach()
file(RELATIVE_PATH HEARTH_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" HEARTH_PC_PREFIX "${HEARTH_PC_PREFIX}")
configure_file(${PROJECT_SOURCE_DIR}/src/cmake/hearth.pc.in ${PROJECT_BINARY_DIR}/hearth.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/hearth.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
