/* Asks the library about itself, and for a model that is not there. */
#include <hearth.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    hearth_runtime *runtime = NULL;
    hearth_model *model = NULL;
    if (hearth_runtime_new(&runtime, NULL) != HEARTH_OK) return 1;
    if (hearth_model_open_path(&model, runtime, "missing.gguf", NULL) != HEARTH_ENOTFOUND) return 1;
    if (strstr(hearth_last_error(), "missing.gguf") == NULL) return 1;
    printf("hearth %s, %s\n", hearth_version(), hearth_runtime_isa(runtime));
    hearth_runtime_free(runtime);
    return 0;
}
