// swift-tools-version:5.9
import PackageDescription

let package = Package(
    name: "EdgeKWS",
    platforms: [.iOS(.v15)],
    products: [.library(name: "EdgeKWS", targets: ["EdgeKWS"])],
    dependencies: [.package(url: "https://github.com/google-ai-edge/mediapipe", from: "1.0.0")],
    targets: [
        .target(
            name: "EdgeKWS",
            dependencies: [.product(name: "MediaPipeTasksAudio", package: "mediapipe")],
            resources: [.copy("edgekws.tflite")]
        )
    ]
)
