// SPDX-License-Identifier: Apache-2.0
// memprof.h from C++: a pool with a domain of its own, and a phase that is not
// recorded.  `api-cxx bare` when not under memprof.
#include "memprof.h"

#include "tests/targets/tally.h"

#include <string>
#include <vector>

namespace
{

int failed;

void expect(const char *what, long long got, long long wanted)
{
    if (got == wanted)
        return;
    failed++;
    say_text("not met", what);
}

// Hands out pieces of one block of the heap, and says so.
class arena
{
  public:
    explicit arena(const char *name) : domain(memprof_domain(name)), memory(4096) {}

    void *take(std::size_t size)
    {
        void *piece = memory.data() + used;

        used += size;
        last = memprof_alloc(domain, piece, size);
        return piece;
    }
    void give(void *piece)
    {
        last = memprof_free(domain, piece);
    }
    int last = 0;

  private:
    int domain;
    std::vector<char> memory;
    std::size_t used = 0;
};

struct quiet {
    quiet()
    {
        memprof_stop();
    }
    ~quiet()
    {
        memprof_start();
    }
};

} // namespace

int main(int argc, char **)
{
    const int result = argc > 1 ? -1 : 0;
    arena names("C++ names");
    std::size_t before = 0, now = 0;

    expect("is_tracing", memprof_is_tracing(), result + 1);
    names.take(48);
    void *second = names.take(16);
    expect("alloc", names.last, result);
    names.give(second);
    expect("free", names.last, result);
    expect("get_traced_memory", memprof_get_traced_memory(&before, nullptr), result);
    {
        quiet nothing;
        std::string *text = new std::string(1000, 'x');
        expect("is_tracing", memprof_is_tracing(), 0);
        delete text;
    }
    memprof_get_traced_memory(&now, nullptr);
    expect("the quiet phase", static_cast<long long>(now), static_cast<long long>(before));
    int *one = new int(5);
    memprof_get_traced_memory(&now, nullptr);
    expect("after it", static_cast<long long>(now - before), result ? 0 : sizeof(int));
    expect("ignore", memprof_ignore(one), result);
    memprof_get_traced_memory(&now, nullptr);
    expect("ignored", static_cast<long long>(now), static_cast<long long>(before));
    expect("mark", memprof_mark("end"), result);
    expect("snapshot", memprof_snapshot("end"), result);
    delete one;
    say("domain.C++ names.live_bytes", 48);
    say("domain.C++ names.total_bytes", 64);
    say("failed", failed);
    return failed != 0;
}
