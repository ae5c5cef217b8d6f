# What `cmake --install` puts where: both libraries, hearth.h, the C++ headers, a CMake package and a pkg-config file.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/hearth)
foreach(kind IN ITEMS shared static)
  install(TARGETS hearth_${kind} EXPORT hearth_${kind}
          LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
          RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(EXPORT hearth_${kind} NAMESPACE hearth:: DESTINATION ${package_dir} FILE hearth_${kind}.cmake)
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/capi/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "hearth*.h")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ ${PROJECT_BINARY_DIR}/src/generated/
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp" PATTERN "*.inc")

configure_package_config_file(${PROJECT_SOURCE_DIR}/src/cmake/hearthConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/hearthConfig.cmake INSTALL_DESTINATION ${package_dir})
# Before 1.0 a minor version may break what stands outside of hearth.h.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/hearthConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/hearthConfig.cmake ${PROJECT_BINARY_DIR}/hearthConfigVersion.cmake
        DESTINATION ${package_dir})

set(HEARTH_PC_TBB)
if(HEARTH_TBB)
  set(HEARTH_PC_TBB "tbb, ")
endif()
set(HEARTH_PC_LIBS_PRIVATE "-lm -lpthread")
if(APPLE)
  string(PREPEND HEARTH_PC_LIBS_PRIVATE "-lc++ ")
else()
  string(PREPEND HEARTH_PC_LIBS_PRIVATE "-lstdc++ ")
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
