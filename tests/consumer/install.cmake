# A test's view of `cmake --install`: a fresh prefix with exactly the files that belong there.
file(REMOVE_RECURSE ${PREFIX})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX} COMMAND_ERROR_IS_FATAL ANY)
file(GLOB_RECURSE files RELATIVE ${PREFIX} ${PREFIX}/*)
foreach(expected IN ITEMS "include/hearth\\.h" "include/hearth/base/status\\.hpp" "include/hearth/isas\\.inc"
        "lib[^;]*/libhearth\\.a" "lib[^;]*/libhearth\\.(so\\.0|0\\.dylib)" "lib[^;]*/cmake/hearth/hearthConfig\\.cmake"
        "lib[^;]*/pkgconfig/hearth\\.pc")
  if(NOT ";${files};" MATCHES ";${expected};")
    message(FATAL_ERROR "nothing installed matches ${expected}; there are: ${files}")
  endif()
endforeach()
foreach(file IN LISTS files)
  if(file MATCHES "guard\\.h|\\.cpp$|nlohmann|doctest")
    message(FATAL_ERROR "${file} does not belong into an installation")
  endif()
endforeach()
