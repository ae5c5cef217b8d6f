import ChatAppModel
import SwiftUI
import UniformTypeIdentifiers

struct ChatView: View {
    @Bindable var model: ChatViewModel
    @State private var choosing = false

    var body: some View {
        NavigationStack {
            ScrollView {
                LazyVStack(alignment: .leading, spacing: 12) {
                    ForEach(model.lines) { LineView(line: $0) }
                }
                .padding()
            }
            .defaultScrollAnchor(.bottom)
            .safeAreaInset(edge: .bottom) { composer }
            .navigationTitle("hearth")
            .toolbar { Button("Open model", systemImage: "folder") { choosing = true } }
            .overlay { status }
        }
        .fileImporter(isPresented: $choosing, allowedContentTypes: [.data]) { result in
            guard case .success(let url) = result else { return }
            Task {
                let scoped = url.startAccessingSecurityScopedResource()
                await model.open(path: url.path)
                if scoped { url.stopAccessingSecurityScopedResource() }
            }
        }
    }

    @ViewBuilder private var status: some View {
        switch model.state {
        case .empty:
            ContentUnavailableView("No model", systemImage: "flame", description: Text("Open a GGUF file."))
        case .loading(let fraction):
            ProgressView("Loading", value: fraction).padding()
        case .failed(let sentence):
            ContentUnavailableView("That did not work", systemImage: "exclamationmark.triangle", description: Text(sentence))
        case .ready, .replying:
            EmptyView()
        }
    }

    private var composer: some View {
        HStack {
            TextField("Message", text: $model.draft, axis: .vertical)
                .textFieldStyle(.roundedBorder)
                .onSubmit(model.send)
            if model.state == .replying {
                Button("Stop", systemImage: "stop.circle.fill", action: model.stop)
            } else {
                Button("Send", systemImage: "arrow.up.circle.fill", action: model.send).disabled(!model.canSend)
            }
        }
        .labelStyle(.iconOnly)
        .padding()
        .background(.bar)
    }
}

private struct LineView: View {
    let line: ChatViewModel.Line

    var body: some View {
        VStack(alignment: .leading, spacing: 4) {
            if !line.reasoning.isEmpty {
                Text(line.reasoning).font(.footnote).foregroundStyle(.secondary)
            }
            Text(line.text)
                .font(line.speaker == .tool ? .footnote.monospaced() : .body)
                .textSelection(.enabled)
        }
        .frame(maxWidth: .infinity, alignment: line.speaker == .user ? .trailing : .leading)
    }
}
