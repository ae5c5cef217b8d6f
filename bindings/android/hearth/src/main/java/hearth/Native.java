package hearth;

/**
 * What libhearth_jni.so gives: functions of hearth.h, with text as UTF-8 and objects as numbers that are never used twice.
 * A number that stands for nothing (any more) gives IllegalStateException; a status that is not HEARTH_OK gives
 * {@link HearthException}. Any function may be called from any thread.
 */
final class Native {
    static {
        System.loadLibrary("hearth_jni");
    }

    private Native() {}

    /** How far loading is, in bytes of weights. */
    interface Progress {
        /** False stops it. */
        boolean onProgress(long done, long total);
    }

    /** Messages of a runtime, from any thread. */
    interface Log {
        void onLog(int level, byte[] text);
    }

    static native String version();
    static native String statusName(int status);

    static native long modelOpen(byte[] path, int threads, long memoryBudget, byte[] isa, Progress progress, Log log);
    static native void modelClose(long model);
    static native byte[] modelInspect(long model);
    static native String modelIsa(long model);
    /** Vocabulary, context as trained, bytes of weights, width of a pooled embedding, 1 where it writes text, its pooling. */
    static native long[] modelNumbers(long model);
    static native int[] tokenize(long model, byte[] text, int flags);
    static native byte[] detokenize(long model, int[] tokens, boolean special);
    static native byte[] chatRender(long model, byte[] input);
    static native int[] chatTokens(long model, byte[] input);
    /** [texts.length, width] in one array. */
    static native float[] embed(long model, byte[][] texts, int pooling, int flags, int dimensions);

    static native long sessionNew(long model, int context, int kv);
    static native void sessionClose(long session);
    static native long sessionFork(long session);
    static native void sessionAppendText(long session, byte[] text, int flags);
    static native void sessionAppendTokens(long session, int[] tokens);
    static native void sessionReplace(long session, int at, int removed, int[] tokens);
    static native void sessionTruncate(long session, int length);
    /** Tokens that it holds, tokens that it can hold, bytes of its cache. */
    static native long[] sessionNumbers(long session);
    static native int[] sessionTokens(long session);
    /** The logits of the last token. */
    static native float[] sessionEval(long session);
    static native byte[] sessionSave(long session);
    static native void sessionRestore(long session, byte[] bytes);
    static native void sessionSavePath(long session, byte[] path);
    static native void sessionRestorePath(long session, byte[] path);
    static native void sessionCancel(long session);

    /**
     * Begins to generate. keys and values are those of hearth_sampling_set; `constraint` is a schema (1), a pattern (2) or a
     * grammar (3), as `constraintKind` says; numbers are max_tokens, flags, top_logprobs and deadline_ms.
     */
    static native long generationNew(long session, byte[][] keys, double[] values, byte[][] stop, int constraintKind,
                                     byte[] constraint, int[] numbers);
    /** One pass; false where nothing is left to compute. */
    static native boolean generationStep(long generation);
    /** The next event, or null. */
    static native NativeEvent generationNext(long generation);
    static native void generationClose(long generation);
}
