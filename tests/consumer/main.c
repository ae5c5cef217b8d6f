/* An app in C99: asks for a model that is not there, and where a model is given continues a text with it. */
#include <hearth.h>
#include <stdio.h>
#include <string.h>

static int32_t on_event(const hearth_event *event, void *user) {
    size_t *written = (size_t *)user;
    if (event->kind == HEARTH_EVENT_TOKEN || event->kind == HEARTH_EVENT_FINISH) {
        fwrite(event->text, 1, event->text_length, stdout);
        *written += event->generated_tokens;
    }
    return 0;
}

static int failed(const char *what) {
    fprintf(stderr, "%s: %s\n", what, hearth_last_error());
    return 1;
}

static int generate(hearth_runtime *runtime, const char *path) {
    hearth_model *model = NULL;
    hearth_session *session = NULL;
    hearth_generate_options options;
    uint32_t finish = 0;
    size_t written = 0;
    int result = 1;
    hearth_generate_options_init(&options, sizeof options);
    options.max_tokens = 8;
    options.flags = HEARTH_GENERATE_IGNORE_EOS;
    if (hearth_model_open_path(&model, runtime, path, NULL) != HEARTH_OK) {
        failed("open");
    } else if (hearth_session_new(&session, model, NULL) != HEARTH_OK) {
        failed("session");
    } else if (hearth_session_append_text(session, "Once upon a time", 16, 0) != HEARTH_OK) {
        failed("append");
    } else if (hearth_session_generate(&finish, session, NULL, &options, on_event, &written) != HEARTH_OK) {
        failed("generate");
    } else if (finish != HEARTH_FINISH_LENGTH || hearth_session_length(session) < 9) {
        fprintf(stderr, "finished with reason %u after %u tokens\n", (unsigned)finish,
                (unsigned)hearth_session_length(session));
    } else {
        result = 0;
    }
    /* The model first: the session keeps it alive. */
    hearth_model_free(model);
    hearth_session_free(session);
    return result;
}

int main(int argc, char **argv) {
    hearth_runtime *runtime = NULL;
    hearth_model *model = NULL;
    int result = 0;
    if (hearth_runtime_new(&runtime, NULL) != HEARTH_OK) return failed("runtime");
    if (hearth_model_open_path(&model, runtime, "no/such/model.gguf", NULL) != HEARTH_ENOTFOUND || model != NULL ||
        strstr(hearth_last_error(), "no/such/model.gguf") == NULL) {
        result = failed("a missing model");
    }
    for (int i = 1; i < argc && result == 0; ++i) result = generate(runtime, argv[i]);
    printf("\nhearth %s, %s\n", hearth_version(), hearth_runtime_isa(runtime));
    hearth_runtime_free(runtime);
    return result;
}
