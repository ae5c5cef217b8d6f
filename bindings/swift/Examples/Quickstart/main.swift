import Foundation
import Hearth

struct Weather: Codable, Sendable { let town: String; let degrees: Int }

let path = CommandLine.arguments.count > 1 ? CommandLine.arguments[1] : "model.gguf"
do {
    let model = try await Model.load(path: path) { print("loading: \(Int(100 * $0.fraction)) %") }

    // Text as it comes. Cancelling the task stops it within the pass.
    let session = try model.session()
    try session.append("Once upon a time")
    for try await event in session.generate(GenerateOptions(maxTokens: 32)) {
        print(event.text, terminator: "")
    }

    // A value: what is written is valid for the type's schema, whatever the model.
    let options = GenerateOptions(maxTokens: 200, sampling: Sampling(temperature: 0.7, seed: 1))
    let schema = JSONSchema.object(["town": .oneOf(["Rome", "Oslo"]), "degrees": .integer(-40...50)])
    print(try await model.generate("The weather as JSON: ", as: Weather.self, schema: schema, options))
} catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(1)
}
