// SPDX-License-Identifier: Apache-2.0
// A block given to operator delete with another size than operator new made it with.
#include <cstddef>
#include <new>

struct Base {
    char bytes[24];
};
struct Derived : Base {
    char more[40];
};

__attribute__((noinline)) static Base *make()
{
    return new Derived;
}

// As compilers do for `delete p` where the class has no virtual destructor, if they pass sizes at
// all.
void operator delete(void *, std::size_t) noexcept;

__attribute__((noinline)) static void end(Base *p)
{
    operator delete(p, sizeof *p);
}

int main()
{
    end(make());
    return 0;
}
