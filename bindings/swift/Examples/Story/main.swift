import Hearth

let model = try await Model.load(path: CommandLine.arguments.dropFirst().first ?? "model.gguf")
let session = try model.session()
try session.append("Once upon a time")
for try await event in session.generate(GenerateOptions(maxTokens: 32)) {
    print(event.text, terminator: "")
}
