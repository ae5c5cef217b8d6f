import CHearth
import Dispatch

/// One or more sessions being continued. When it goes, what runs is ended and the sessions are free, in that moment: what
/// its queue still holds for an instant is the driver alone.
final class GenerationRun: Sendable {
    private let driver: GenerationDriver

    /// - Parameter watch: sees the events as C gives them, on the queue.
    init(
        _ model: Model, _ jobs: [(SessionHandle, GenerateOptions)],
        watch: ((UnsafePointer<hearth_event>) throws -> Void)? = nil
    ) {
        driver = GenerationDriver(model, jobs, watch: watch)
    }

    deinit { driver.release() }

    /// The next event; nil behind the end.
    func next() async throws -> BatchEvent? {
        defer { withExtendedLifetime(self) {} }
        return try await driver.next()
    }
}

/// A C generator, driven from a queue of its own while somebody waits for an event.
private final class GenerationDriver: @unchecked Sendable {
    private struct State {
        var generator: OpaquePointer?
        var cancelled = false
        var pending: [BatchEvent] = []
        var taken = 0  // of pending
        var failure: (any Error)?
        var running: [Int] = []  // sessions that this run holds
        var began = false
    }

    private let model: Model
    private let jobs: [(handle: SessionHandle, options: GenerateOptions)]
    private let watch: ((UnsafePointer<hearth_event>) throws -> Void)?
    private let queue = DispatchQueue(label: "hearth.generation", qos: .userInitiated)
    private let state = Locked(State())

    init(
        _ model: Model, _ jobs: [(SessionHandle, GenerateOptions)],
        watch: ((UnsafePointer<hearth_event>) throws -> Void)?
    ) {
        self.model = model
        self.jobs = jobs.map { (handle: $0.0, options: $0.1) }
        self.watch = watch
    }

    func next() async throws -> BatchEvent? {
        if Task.isCancelled { cancel() }
        if let event = try take() { return try seen(event) }
        let event: BatchEvent? = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                queue.async { continuation.resume(with: Result { try self.advance() }) }
            }
        } onCancel: {
            cancel()
        }
        return try event.map(seen)
    }

    /// Whoever cancelled the task wants no event that says so.
    private func seen(_ event: BatchEvent) throws -> BatchEvent {
        if case .finish(let finish) = event.event, finish.reason == .cancelled, Task.isCancelled { throw CancellationError() }
        return event
    }

    private func cancel() {
        state.withLock {
            $0.cancelled = true
            if let generator = $0.generator { _ = hearth_generator_cancel(generator, nil) }
        }
    }

    private func take() throws -> BatchEvent? {
        try state.withLock {
            if $0.taken < $0.pending.count {
                $0.taken += 1
                return $0.pending[$0.taken - 1]
            }
            $0.pending.removeAll(keepingCapacity: true)
            $0.taken = 0
            if let failure = $0.failure {
                $0.failure = nil
                throw failure
            }
            return nil
        }
    }

    /// Passes until there is an event. On the queue.
    private func advance() throws -> BatchEvent? {
        do {
            if !state.withLock({ $0.began }) { try start() }
            while true {
                if let event = try take() { return event }
                guard let generator = state.withLock({ $0.generator }) else { return nil }
                let status = hearth_generator_step(generator)
                if status == HEARTH_EAGAIN {
                    release()
                } else {
                    try check(status)
                    try drain(generator)
                    if state.withLock({ $0.running.isEmpty }) { release() }
                }
            }
        } catch {
            release()
            throw error
        }
    }

    private func start() throws {
        state.withLock { $0.began = true }
        for (i, job) in jobs.enumerated() {
            guard job.handle.model === model else {
                throw HearthError.invalidArgument("session \(i) belongs to another model than the one that shall continue it")
            }
            try job.handle.begin()
            state.withLock { $0.running.append(i) }
        }
        var out: OpaquePointer?
        try check(hearth_generator_new(&out, model.pointer))
        let generator = try made(out, "generator")
        state.withLock { $0.generator = generator }
        for (i, job) in jobs.enumerated() {
            try job.options.withC(tag: UnsafeMutableRawPointer(bitPattern: i + 1)) { options in
                try job.options.sampling.withPointer(job.options.constraint) {
                    try check(hearth_generator_submit(generator, job.handle.pointer, $0, options))
                }
            }
        }
        // A cancellation before the sessions were submitted met nothing that ran.
        state.withLock { if $0.cancelled { _ = hearth_generator_cancel(generator, nil) } }
    }

    private func drain(_ generator: OpaquePointer) throws {
        var event = hearth_event()
        event.struct_size = MemoryLayout<hearth_event>.size
        while true {
            let status = hearth_generator_next_event(&event, generator)
            if status == HEARTH_EAGAIN { return }
            try check(status)
            try watch?(&event)
            let index = UInt(bitPattern: event.tag) - 1
            guard let index = Int(exactly: index), jobs.indices.contains(index) else {
                throw HearthError.internalError("a generator reports an event of a session that it was not given")
            }
            try note(index, event)
        }
    }

    private func note(_ index: Int, _ event: hearth_event) throws {
        var swift: GenerationEvent?
        switch event.kind {
        case HEARTH_EVENT_PREFILL:
            swift = .prefill(done: Int(event.prompt_tokens), total: Int(event.prompt_total))
        case HEARTH_EVENT_TOKEN:
            swift = .token(token(event))
        case HEARTH_EVENT_FINISH:
            free(index)
            if event.reason == HEARTH_FINISH_ERROR {
                let error = HearthError(status: event.status, message: String(cString: event.message))
                state.withLock { $0.failure = $0.failure ?? error }
            } else {
                swift = .finish(finish(event))
            }
        default: break  // of a newer library
        }
        if let swift { state.withLock { $0.pending.append(BatchEvent(index: index, event: swift)) } }
    }

    private func token(_ event: hearth_event) -> GeneratedToken {
        var logprobs: [TokenLogprob] = []
        if let found = event.logprobs {
            logprobs = UnsafeBufferPointer(start: found, count: Int(event.logprob_count)).map {
                TokenLogprob(token: $0.token, logprob: $0.logprob)
            }
        }
        let logits = event.logits.map { Array(UnsafeBufferPointer(start: $0, count: model.vocabularySize)) }
        return GeneratedToken(
            id: event.token, text: string(event.text, event.text_length), logprob: logprobs.first?.logprob,
            top: Array(logprobs.dropFirst()), logits: logits)
    }

    private func finish(_ event: hearth_event) -> Finish {
        let reason: Finish.Reason =
            switch event.reason {
            case HEARTH_FINISH_LENGTH: .length
            case HEARTH_FINISH_CONTEXT: .context
            case HEARTH_FINISH_CANCELLED: .cancelled
            case HEARTH_FINISH_DEADLINE: .deadline
            default: .stop
            }
        return Finish(
            reason: reason, text: string(event.text, event.text_length), token: event.token < 0 ? nil : event.token,
            stop: event.stop < 0 ? nil : Int(event.stop), promptTokens: Int(event.prompt_tokens),
            reusedTokens: Int(event.reused_tokens), generatedTokens: Int(event.generated_tokens),
            promptSeconds: event.prompt_seconds, generateSeconds: event.generate_seconds, waitSeconds: event.wait_seconds,
            passes: Int(event.passes), preemptions: Int(event.preemptions), draftedTokens: Int(event.drafted_tokens),
            acceptedTokens: Int(event.accepted_tokens), draftSpeedup: event.draft_speedup)
    }

    /// The session has ended and is free for others.
    private func free(_ index: Int) {
        let held = state.withLock {
            let held = $0.running.contains(index)
            $0.running.removeAll { $0 == index }
            return held
        }
        if held { jobs[index].handle.end() }
    }

    /// Ends what still runs, as if cancelled, and gives all sessions back. Never while it advances.
    func release() {
        let (generator, running) = state.withLock {
            let all = ($0.generator, $0.running)
            $0.generator = nil
            $0.running = []
            return all
        }
        hearth_generator_free(generator)
        for i in running { jobs[i].handle.end() }
    }
}
