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

// No virtual destructor: the compiler passes the size of a Base.
__attribute__((noinline)) static void end(Base *p)
{
    delete p;
}

int main()
{
    end(make());
    return 0;
}
