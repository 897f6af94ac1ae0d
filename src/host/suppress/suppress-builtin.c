// SPDX-License-Identifier: Apache-2.0
#include "src/host/suppress/suppress-builtin.h"

#define KEPT "reachable,possible"
#define FRAMES 4

struct builtin {
    const char *name, *why, *kinds;
    const char *frames[FRAMES];
};

static const struct builtin builtins[] = {
    {"thread's TLS and vector",
     "glibc keeps them with the stacks of ended threads, and finds them by its own list",
     KEPT,
     {"...", "fun:_dl_allocate_tls*"}},
    {"vector of a library's TLS",
     "made at first use and freed with the thread",
     KEPT,
     {"...", "fun:*tls_get_addr*"}},
    {"vector that grew at dlopen",
     "the one before it was not from malloc and cannot be freed",
     KEPT,
     {"...", "fun:_dl_resize_dtv"}},
    {"loader's list of modules",
     "ld.so frees none of it for what it loads at start",
     KEPT,
     {"...", "fun:_dl_new_object"}},
    {"loader's search paths", "kept for the next dlopen", KEPT, {"...", "fun:_dl_map_object*"}},
    {"loader's scopes",
     "kept until no thread can be reading them",
     KEPT,
     {"...", "fun:dl_open_worker*"}},
    {"message of dlerror",
     "kept until the thread asks for the next one",
     KEPT,
     {"...", "fun:_dlerror_run"}},
    {"buffers of stdio",
     "kept with their streams, which are flushed at exit but not closed",
     KEPT,
     {"...", "fun:_IO_file_doallocate"}},
    {"locales", "setlocale keeps what it has loaded", KEPT, {"...", "fun:_nl_*"}},
    {"names of locales", "kept with the locale", KEPT, {"...", "fun:setlocale"}},
    {"character set conversions",
     "gconv keeps its modules and steps",
     KEPT,
     {"...", "fun:__gconv_*"}},
    {"name service", "NSS keeps its configuration and modules", KEPT, {"...", "fun:*nss_*"}},
    {"resolver", "kept for each thread", KEPT, {"...", "fun:__res*"}},
    {"time zone", "tzset keeps the rules of the zone", KEPT, {"...", "fun:tzset_internal"}},
    {"environment",
     "setenv and putenv keep every string: somebody may have called getenv",
     KEPT,
     {"...", "fun:__add_to_environ"}},
    {"functions for exit",
     "atexit's list grows by blocks that are never freed",
     KEPT,
     {"...", "fun:__new_exitfn"}},
    {"exceptions' emergency pool",
     "libstdc++ makes it at start so that out of memory can be thrown",
     KEPT,
     {"...", "fun:*eh_alloc*"}},
    {"GLib's types",
     "types registered once stay registered",
     KEPT ",definite",
     {"...", "fun:type_node_any_new_W"}},
    {"GLib's type nodes",
     "types registered once stay registered",
     KEPT,
     {"...", "fun:g_type_register_*"}},
    {"GLib's interfaces of types",
     "types registered once stay registered",
     KEPT,
     {"...", "fun:g_type_add_interface_static"}},
    {"GLib's quarks",
     "numbers for strings that are never taken back",
     KEPT,
     {"...", "fun:g_quark_*"}},
    {"GLib's signals", "kept with their types", KEPT, {"...", "fun:g_signal_new*"}},
    {"OpenSSL's set-up",
     "freed by an atexit function, which may run after the search",
     KEPT,
     {"...", "fun:OPENSSL_init_crypto"}},
    {"OpenSSL's error queues", "one for each thread", KEPT, {"...", "fun:ERR_get_state"}},
    {"fontconfig's configuration",
     "FcFini frees it, and few programs call that",
     KEPT,
     {"...", "fun:FcInitLoadOwnConfig*"}},
    {"terminal's description", "ncurses keeps it until exit", KEPT, {"...", "obj:*/libtinfo.so*"}},
    {"ncurses' screens",
     "kept until exit, for who calls endwin and goes on",
     KEPT,
     {"...", "obj:*/libncurses*.so*"}},
    {"libgomp's threads",
     "the team is kept for the next parallel region",
     KEPT,
     {"...", "fun:gomp_init_num_threads"}},
    {"libgomp's team", "kept for the next parallel region", KEPT, {"...", "fun:gomp_team_start"}},
    {"Python's interned strings",
     "they live as long as the interpreter",
     KEPT,
     {"...", "fun:PyUnicode_InternInPlace"}},
    {"libX11's locale", "kept for the next window", KEPT, {"...", "fun:_XlcCreateLC*"}},
};

static void show(struct strbuf *out, const struct builtin *b)
{
    strbuf_addf(out, "# %s\n{\n   %s\n   Memcheck:Leak\n   match-leak-kinds: %s\n", b->why, b->name,
                b->kinds);
    for (unsigned i = 0; i < FRAMES && b->frames[i]; i++)
        strbuf_addf(out, "   %s\n", b->frames[i]);
    strbuf_add(out, "}\n");
}

void suppress_builtin_show(struct strbuf *out)
{
    for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++)
        show(out, &builtins[i]);
}

/* They go through the same reader as anybody's. */
int suppress_builtin_add(struct suppressions *s, struct error *e)
{
    struct strbuf text;
    int result;

    strbuf_init(&text);
    suppress_builtin_show(&text);
    result = text.failed ? error_set(e, ERROR_MEMORY, "out of memory while reading suppressions")
                         : suppressions_add(s, strbuf_text(&text), text.length, "", e);
    strbuf_release(&text);
    return result;
}
