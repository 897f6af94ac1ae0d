// SPDX-License-Identifier: Apache-2.0
/*
 * What C++ programs hold and lose: the library's containers, whose allocations are
 * counted by an allocator of this program, arrays with a count in front, second base
 * classes.  `leak-cxx` alone lists the cases.  Built for the old std::string too, whose
 * pointer is to the inside of its block.
 */
#include "leaks.h"

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#ifdef MUCH_DATA
/* In one mapping with the vtables, if these may be written to. */
extern unsigned char much_data[20 << 20];
unsigned char much_data[20 << 20] = {1};
#endif

namespace
{

struct expectation made; /* by `counting`, not freed */

NOINLINE void *counted_make(std::size_t bytes)
{
    void *block = make_block(bytes);

    made.blocks++;
    made.bytes += bytes;
    return block;
}

/* All of a container's memory through make_block. */
template <typename T> struct counting {
    using value_type = T;
    counting() = default;
    template <typename U> counting(const counting<U> &)
    {
    }
    T *allocate(std::size_t n)
    {
        return static_cast<T *>(counted_make(n * sizeof(T)));
    }
    void deallocate(T *block, std::size_t n)
    {
        made.blocks--;
        made.bytes -= n * sizeof(T);
        free(block);
    }
    template <typename U> bool operator==(const counting<U> &) const
    {
        return true;
    }
    template <typename U> bool operator!=(const counting<U> &) const
    {
        return false;
    }
};

using text = std::basic_string<char, std::char_traits<char>, counting<char>>;
using numbers = std::vector<int, counting<int>>;
using ordered = std::map<int, text, std::less<int>, counting<std::pair<const int, text>>>;
using hashed = std::unordered_map<int, text, std::hash<int>, std::equal_to<int>,
                                  counting<std::pair<const int, text>>>;

void *volatile held;

/* A container that lives in a block of its own, which is lost or held. */
template <typename T> T *make_in_block()
{
    return new (make_block(sizeof(T))) T();
}

void lose(struct expectation all, std::size_t object)
{
    expect(DEFINITE, 1, object);
    expect(INDIRECT, all.blocks, all.bytes);
}

void hold(void *block, struct expectation all, std::size_t object)
{
    held = block;
    expect(REACHABLE, all.blocks + 1, all.bytes + object);
}

text long_text(int i)
{
    return text(100, static_cast<char>('a' + i % 26));
}

template <typename T> void fill(T &map)
{
    for (int i = 0; i < 50; i++)
        map[i] = long_text(i);
}

void string_held()
{
    auto *s = make_in_block<text>();

    *s = long_text(1);
    hold(s, made, sizeof(*s));
}

void string_lost()
{
    auto *s = make_in_block<text>();

    *s = long_text(1);
    lose(made, sizeof(*s));
}

void vector_held()
{
    auto *v = make_in_block<numbers>();

    v->resize(1000);
    hold(v, made, sizeof(*v));
}

void vector_lost()
{
    auto *v = make_in_block<numbers>();

    v->resize(1000);
    lose(made, sizeof(*v));
}

void map_held()
{
    auto *m = make_in_block<ordered>();

    fill(*m);
    hold(m, made, sizeof(*m));
}

void map_lost()
{
    auto *m = make_in_block<ordered>();

    fill(*m);
    lose(made, sizeof(*m));
}

void unordered_map_held()
{
    auto *m = make_in_block<hashed>();

    fill(*m);
    hold(m, made, sizeof(*m));
}

void unordered_map_lost()
{
    auto *m = make_in_block<hashed>();

    fill(*m);
    lose(made, sizeof(*m));
}

struct knot {
    std::shared_ptr<knot> other;
    char more[40];
};

/* Two objects that hold each other by shared_ptr. */
void shared_cycle()
{
    auto first = std::allocate_shared<knot>(counting<knot>()),
         second = std::allocate_shared<knot>(counting<knot>());

    first->other = second;
    second->other = first;
    expect(DEFINITE, 1, made.bytes / 2);
    expect(INDIRECT, 1, made.bytes / 2);
}

std::shared_ptr<knot> global_knot;

/* A shared_ptr points to the inside of its block, and its control block to the start. */
void shared_held()
{
    global_knot = std::allocate_shared<knot>(counting<knot>());
    /* freed by its destructor at exit */
}

void shared_held_for_ever()
{
    held = new (make_block(sizeof(std::shared_ptr<knot>)))
        std::shared_ptr<knot>(std::allocate_shared<knot>(counting<knot>()));
    expect(REACHABLE, 2, made.bytes + sizeof(std::shared_ptr<knot>));
}

struct with_destructor {
    long number;
    with_destructor() : number(0x1111111111111111)
    {
    }
    ~with_destructor()
    {
        KEEP(this);
    }
    void *operator new[](std::size_t bytes)
    {
        return make_block(bytes);
    }
    void operator delete[](void *block)
    {
        free(block);
    }
};

/* new[] gives out an address behind the count. */
void array_with_count()
{
    held = new with_destructor[25];
    expect(REACHABLE, 1, 25 * sizeof(with_destructor) + sizeof(std::size_t));
}

void array_with_count_lost()
{
    KEEP(new with_destructor[25]);
    expect(DEFINITE, 1, 25 * sizeof(with_destructor) + sizeof(std::size_t));
}

struct first_base {
    virtual ~first_base()
    {
    }
    long a = 0;
};
struct second_base {
    virtual ~second_base()
    {
    }
    long b = 0;
};
struct both : first_base, second_base {
    long c = 0;
};

void second_base_held()
{
    held = static_cast<second_base *>(make_in_block<both>());
    expect(REACHABLE, 1, sizeof(both));
}

const struct {
    const char *name;
    void (*make)();
} cases[] = {
    {"string-held", string_held},
    {"string-lost", string_lost},
    {"vector-held", vector_held},
    {"vector-lost", vector_lost},
    {"map-held", map_held},
    {"map-lost", map_lost},
    {"unordered-map-held", unordered_map_held},
    {"unordered-map-lost", unordered_map_lost},
    {"shared-cycle", shared_cycle},
    {"shared-held", shared_held},
    {"shared-held-for-ever", shared_held_for_ever},
    {"array-with-count", array_with_count},
    {"array-with-count-lost", array_with_count_lost},
    {"second-base-held", second_base_held},
};

} // namespace

int main(int argc, char **argv)
{
    for (const auto &c : cases) {
        if (argc < 2) {
            put(c.name, strlen(c.name));
            put("\n", 1);
        } else if (strcmp(argv[1], c.name) == 0) {
            c.make();
            expect_state();
        }
    }
    return 0;
}
