import ChatAppModel
import Hearth
import SwiftUI

@main
struct ChatApp: App {
    @State private var model = ChatViewModel(
        tools: [try? clock].compactMap { $0 },
        options: ChatOptions(maxTokens: 512, sampling: Sampling(temperature: 0.7)))

    var body: some Scene {
        WindowGroup {
            ChatView(model: model)
                .task {
                    // A model that was copied into the app, under "Copy Bundle Resources".
                    if let path = Bundle.main.path(forResource: "hearth-tiny", ofType: "gguf") { await model.open(path: path) }
                }
        }
    }

    private struct Zone: Codable, Sendable { let zone: String }

    private static var clock: Tool {
        get throws {
            try Tool("time_in", "Tells the time in a time zone, such as Europe/Rome.") { (asked: Zone) in
                guard let zone = TimeZone(identifier: asked.zone) else { return "There is no time zone \(asked.zone)." }
                var style = Date.FormatStyle(date: .omitted, time: .shortened)
                style.timeZone = zone
                return Date.now.formatted(style)
            }
        }
    }
}
