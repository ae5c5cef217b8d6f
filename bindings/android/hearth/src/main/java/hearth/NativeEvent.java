package hearth;

/** A hearth_event, copied. */
final class NativeEvent {
    final int kind;
    final int reason;
    final int token;
    final int status;
    final int stop;
    final byte[] text;
    final byte[] message;
    /** prompt_tokens, prompt_total, generated_tokens, reused_tokens. */
    final int[] counts;
    /** prompt_seconds, generate_seconds. */
    final double[] seconds;
    /** Null without log probabilities. */
    final int[] logprobTokens;
    final float[] logprobs;

    NativeEvent(int kind, int reason, int token, int status, int stop, byte[] text, byte[] message, int[] counts,
                double[] seconds, int[] logprobTokens, float[] logprobs) {
        this.kind = kind;
        this.reason = reason;
        this.token = token;
        this.status = status;
        this.stop = stop;
        this.text = text;
        this.message = message;
        this.counts = counts;
        this.seconds = seconds;
        this.logprobTokens = logprobTokens;
        this.logprobs = logprobs;
    }
}
