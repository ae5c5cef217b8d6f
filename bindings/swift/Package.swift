// swift-tools-version:6.0
import Foundation
import PackageDescription

// Where libhearth is, in this order:
//   1. HEARTH_LIBRARY_DIR, a folder with libhearth.so or libhearth.dylib;
//   2. on Apple platforms hearth.xcframework beside this file, which xcframework.sh makes;
//   3. build/release/capi of this checkout (`cmake --preset release && cmake --build build/release --target hearth_shared`);
//   4. an installed library, which pkg-config finds.
// 1 and 3 use flags that SwiftPM takes from root packages and packages by path only.
let package = Package(
    name: "hearth",
    platforms: [.macOS("13.3"), .iOS("16.3")],
    products: [
        .library(name: "Hearth", targets: ["Hearth"]),
        .library(name: "ChatAppModel", targets: ["ChatAppModel"]),
    ],
    targets: [
        interface(),
        .target(name: "Hearth", dependencies: ["CHearth"], linkerSettings: linking()),
        .executableTarget(name: "Story", dependencies: ["Hearth"], path: "Examples/Story"),
        .executableTarget(name: "Quickstart", dependencies: ["Hearth"], path: "Examples/Quickstart"),
        // The view model of the iOS sample, as the app compiles it; the tests run it.
        .target(name: "ChatAppModel", dependencies: ["Hearth"], path: "Examples/ChatApp/Model"),
        .testTarget(name: "HearthTests", dependencies: ["Hearth", "ChatAppModel"]),
    ],
    swiftLanguageModes: [.v6]
)

func libraryFolder() -> String? {
    if let named = Context.environment["HEARTH_LIBRARY_DIR"], !named.isEmpty { return named }
    if framework() { return nil }
    let built = URL(fileURLWithPath: Context.packageDirectory + "/../../build/release/capi").standardizedFileURL.path
    let names = ["libhearth.so", "libhearth.dylib"]
    return names.contains { FileManager.default.fileExists(atPath: built + "/" + $0) } ? built : nil
}

func framework() -> Bool {
    Context.environment["HEARTH_LIBRARY_DIR"] == nil
        && FileManager.default.fileExists(atPath: Context.packageDirectory + "/hearth.xcframework")
}

func interface() -> Target {
    framework()
        ? .binaryTarget(name: "CHearth", path: "hearth.xcframework")
        : .systemLibrary(name: "CHearth", pkgConfig: libraryFolder() == nil ? "hearth" : nil)
}

func linking() -> [LinkerSetting] {
    var settings: [LinkerSetting] = []
    if let folder = libraryFolder() {
        settings.append(.unsafeFlags(["-L", folder, "-Xlinker", "-rpath", "-Xlinker", folder]))
    }
    if framework() { settings.append(.linkedLibrary("c++")) }
    return settings
}
