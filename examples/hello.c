/* hello MODEL.gguf [PROMPT]: answers a prompt, in plain C99. */
#include <stdio.h>
#include <string.h>

#include "hearth.h"

/* Called for every event of the generation; a non-zero result stops it. */
static int32_t on_event(const hearth_event *event, void *user) {
    (void)user;
    if (event->text_length > 0 && fwrite(event->text, 1, event->text_length, stdout) != event->text_length) return 1;
    return fflush(stdout) != 0;
}

static hearth_status answer(hearth_session *session, const char *prompt) {
    hearth_sampling *sampling = NULL;
    hearth_generate_options options;
    uint32_t finish = 0;
    hearth_status status = hearth_session_append_text(session, prompt, strlen(prompt), 0);
    if (status == HEARTH_OK) status = hearth_sampling_new(&sampling);
    if (status == HEARTH_OK) status = hearth_sampling_set(sampling, "temperature", 0); /* the most probable token */
    if (status == HEARTH_OK) status = hearth_generate_options_init(&options, sizeof options);
    if (status == HEARTH_OK) {
        options.max_tokens = 100;
        status = hearth_session_generate(&finish, session, sampling, &options, on_event, NULL);
    }
    hearth_sampling_free(sampling);
    if (status == HEARTH_OK) putchar('\n');
    return status;
}

int main(int argc, char **argv) {
    hearth_runtime *runtime = NULL;
    hearth_model *model = NULL;
    hearth_session *session = NULL;
    hearth_status status;
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: %s MODEL.gguf [PROMPT]\n", argv[0]);
        return 2;
    }
    status = hearth_runtime_new(&runtime, NULL); /* null options: all cores, the best instruction set */
    if (status == HEARTH_OK) status = hearth_model_open_path(&model, runtime, argv[1], NULL);
    if (status == HEARTH_OK) status = hearth_session_new(&session, model, NULL);
    if (status == HEARTH_OK) status = answer(session, argc > 2 ? argv[2] : "Once upon a time");
    /* The sentence is this thread's until its next call, so it is told before anything is freed. */
    if (status != HEARTH_OK) fprintf(stderr, "%s: %s\n", argv[0], hearth_last_error());
    hearth_session_free(session);
    hearth_model_free(model);
    hearth_runtime_free(runtime);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror(argv[0]);
        return 1;
    }
    return status == HEARTH_OK ? 0 : 1;
}
