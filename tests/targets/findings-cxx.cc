// SPDX-License-Identifier: Apache-2.0
/*
 * C++ programs that are worth a finding, and some that look alike and are not.  The
 * argument chooses; the function that is to blame is called `culprit`.
 */
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace
{

struct Node {
    std::shared_ptr<Node> other;
    char text[100] = {};
};

/* Each keeps the other: neither is ever destroyed. */
void culprit()
{
    auto one = std::make_shared<Node>(), other = std::make_shared<Node>();

    one->other = other;
    other->other = one;
}

void cycle()
{
    for (int i = 0; i < 100; i++)
        culprit();
}

/* A vector that grows by doubling, and strings in it. */
void vector()
{
    std::vector<std::string> words;

    for (int i = 0; i < 30000; i++)
        words.push_back("a word that does not fit into the string itself " + std::to_string(i));
}

void map()
{
    std::map<int, std::string> table;

    for (int i = 0; i < 20000; i++)
        table[i * 7919 % 20011] = std::string(40, 'x');
    for (int i = 0; i < 20000; i += 2)
        table.erase(i);
}

/* Shared, and let go of in the right order: the way back is weak. */
void shared()
{
    struct Leaf {
        std::weak_ptr<Leaf> parent;
        std::vector<std::shared_ptr<Leaf>> children;
    };

    for (int i = 0; i < 1000; i++) {
        auto root = std::make_shared<Leaf>();

        root->children.push_back(std::make_shared<Leaf>());
        root->children[0]->parent = root;
    }
}

} // namespace

int main(int argc, char **argv)
{
    const struct {
        const char *name;
        void (*run)();
    } programs[] = {{"cycle", cycle}, {"vector", vector}, {"map", map}, {"shared", shared}};

    for (const auto &program : programs) {
        if (argc > 1 && std::strcmp(argv[1], program.name) == 0) {
            program.run();
            return 0;
        }
    }
    return 2;
}
