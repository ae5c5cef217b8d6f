"""The Conan 2 recipe of hearth, for the checkout that it stands in: `conan create packaging/conan`.

Dependencies come from ConanCenter, or with -o "hearth/*:system_deps=True" from the system, as the library finds them there.
"""
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir
from conan.tools.gnu import PkgConfigDeps


class HearthConan(ConanFile):
    name = "hearth"
    description = "Runs language models on the device their user owns"
    license = "MIT"
    topics = ("llm", "inference", "gguf", "embedded")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "fPIC": [True, False], "with_tbb": [True, False], "minimal": [True, False],
               "system_deps": [True, False]}
    default_options = {"shared": True, "fPIC": True, "with_tbb": True, "minimal": False, "system_deps": False}
    implements = ["auto_shared_fpic"]

    @property
    def _root(self):
        return os.path.join(self.recipe_folder, os.pardir, os.pardir)

    def set_version(self):
        self.version = self.version or re.search(r"project\(hearth VERSION ([0-9.]+)",
                                                 load(self, os.path.join(self._root, "CMakeLists.txt")))[1]

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "LICENSE", "include/*", "src/*", "capi/*"):
            copy(self, pattern, src=self._root, dst=self.export_sources_folder)

    def layout(self):
        cmake_layout(self)

    def validate(self):
        check_min_cppstd(self, 20)

    def requirements(self):
        if self.options.system_deps:
            return
        if self.options.with_tbb:
            self.requires("onetbb/[>=2021.10 <2023]")
        self.requires("pcre2/[>=10.42 <11]")
        self.requires("utf8proc/[>=2.8 <3]")
        self.requires("xxhash/[>=0.8.1 <0.9]")
        self.requires("nlohmann_json/[>=3.11 <4]")

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["HEARTH_LIBRARIES"] = "shared" if self.options.shared else "static"
        toolchain.cache_variables["HEARTH_TBB"] = bool(self.options.with_tbb)
        toolchain.cache_variables["HEARTH_MINIMAL"] = bool(self.options.minimal)
        toolchain.cache_variables["HEARTH_BUILD_TESTS"] = False
        toolchain.cache_variables["HEARTH_BUILD_EXAMPLES"] = False
        toolchain.generate()
        if not self.options.system_deps:
            CMakeDeps(self).generate()
            PkgConfigDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", src=self.source_folder, dst=os.path.join(self.package_folder, "licenses"))
        CMake(self).install()
        rmdir(self, os.path.join(self.package_folder, "lib", "cmake"))
        rmdir(self, os.path.join(self.package_folder, "lib", "pkgconfig"))

    def package_info(self):
        self.cpp_info.libs = ["hearth"]
        self.cpp_info.set_property("cmake_file_name", "hearth")
        self.cpp_info.set_property("cmake_target_name", "hearth::hearth")
        self.cpp_info.set_property("pkg_config_name", "hearth")
        if not self.options.shared:
            self.cpp_info.system_libs = ["m", "pthread"] if self.settings.os in ("Linux", "FreeBSD") else []
            if self.options.system_deps:
                self.cpp_info.system_libs += ["pcre2-8", "utf8proc"] + (["tbb"] if self.options.with_tbb else [])
