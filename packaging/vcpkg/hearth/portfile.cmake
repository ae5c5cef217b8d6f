# An overlay port for the checkout that it stands in: vcpkg install hearth --overlay-ports=packaging/vcpkg
get_filename_component(SOURCE_PATH "${CURRENT_PORT_DIR}/../../.." ABSOLUTE)

string(COMPARE EQUAL "${VCPKG_LIBRARY_LINKAGE}" "dynamic" dynamic)
if(dynamic)
    set(libraries shared)
else()
    set(libraries static)
endif()
vcpkg_check_features(OUT_FEATURE_OPTIONS features
    FEATURES
        tbb HEARTH_TBB
        minimal HEARTH_MINIMAL
)
vcpkg_find_acquire_program(PKGCONFIG)

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        ${features}
        -DHEARTH_LIBRARIES=${libraries}
        -DHEARTH_INSTALL=ON
        -DHEARTH_BUILD_TESTS=OFF
        -DHEARTH_BUILD_EXAMPLES=OFF
        "-DPKG_CONFIG_EXECUTABLE=${PKGCONFIG}"
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(PACKAGE_NAME hearth CONFIG_PATH lib/cmake/hearth)
vcpkg_fixup_pkgconfig()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include")

vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
file(INSTALL "${CURRENT_PORT_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
