# The installed package, used as a stranger would use it.
set(prefix ${PROJECT_BINARY_DIR}/consumer/prefix)
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/consumer)  # the model may be written before the package is installed
add_test(NAME consumer_install COMMAND ${CMAKE_COMMAND} -DBUILD=${PROJECT_BINARY_DIR} -DPREFIX=${prefix}
                                       -P ${CMAKE_CURRENT_LIST_DIR}/install.cmake)
set_tests_properties(consumer_install PROPERTIES FIXTURES_SETUP installed LABELS consumer)
set(model)
if(TARGET tiny_model)
  set(model ${PROJECT_BINARY_DIR}/consumer/tiny.gguf)
  add_test(NAME consumer_model COMMAND tiny_model ${model})
  set_tests_properties(consumer_model PROPERTIES FIXTURES_SETUP installed LABELS consumer)
endif()
foreach(how IN ITEMS cmake make)
  foreach(kind IN ITEMS shared static)
    add_test(NAME consumer_${how}_${kind}
             COMMAND ${CMAKE_CURRENT_LIST_DIR}/build_and_run.sh ${how} ${kind} ${prefix}
                     ${PROJECT_BINARY_DIR}/consumer/${how}_${kind} ${CMAKE_C_COMPILER} ${CMAKE_CXX_COMPILER} ${model})
    set_tests_properties(consumer_${how}_${kind} PROPERTIES FIXTURES_REQUIRED installed LABELS consumer)
  endforeach()
endforeach()
