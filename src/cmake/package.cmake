# The archive that `cpack` makes: the installation, and with HEARTH_BUNDLE also what somebody needs who has nothing else:
# documentation, examples, the model that comes with hearth, and the licences of what is compiled in.
set(CPACK_PACKAGE_NAME hearth)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_FILE_NAME hearth-${PROJECT_VERSION}-${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_GENERATOR TGZ)
set(CPACK_STRIP_FILES ON)
include(CPack)

# hearth_notice(NAME PACKAGE): appends the licence of a library to the notices; Debian's packages have it at one place, a
# fetched source in a file of its own.
function(hearth_notice name package)
  set(candidates ${HEARTH_LICENSE_${name}} /usr/share/doc/${package}/copyright)
  foreach(file IN ITEMS LICENCE LICENCE.md LICENSE LICENSE.md LICENSE.MIT COPYING)
    list(APPEND candidates ${${name}_SOURCE_DIR}/${file})
  endforeach()
  foreach(file IN LISTS candidates)
    if(EXISTS ${file} AND NOT IS_DIRECTORY ${file})
      file(READ ${file} text)
      file(APPEND ${notices} "==== ${name} ====\n\n${text}\n")
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "hearth: no licence of ${name} is found, which a package must have (looked for ${candidates}): "
                      "set HEARTH_LICENSE_${name} to its file")
endfunction()

if(HEARTH_BUNDLE)
  set(notices ${PROJECT_BINARY_DIR}/THIRD-PARTY.txt)
  file(WRITE ${notices} "Of these libraries, parts are compiled into hearth or stand beside it.\n\n")
  hearth_notice(libpcre2-8 libpcre2-dev)
  hearth_notice(libutf8proc libutf8proc-dev)
  hearth_notice(xxhash libxxhash-dev)
  hearth_notice(nlohmann_json nlohmann-json3-dev)
  if(HEARTH_BUILD_EXAMPLES)
    hearth_notice(cli11 libcli11-dev)
  endif()
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md ${notices}
          DESTINATION ${CMAKE_INSTALL_DOCDIR})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
  set(data_dir ${CMAKE_INSTALL_DATADIR}/hearth)
  install(FILES ${PROJECT_SOURCE_DIR}/examples/hello.c ${PROJECT_SOURCE_DIR}/examples/hello.cpp
          DESTINATION ${data_dir}/examples)
  install(FILES ${PROJECT_SOURCE_DIR}/examples/models/hearth-tiny.gguf DESTINATION ${data_dir}/models)
endif()
