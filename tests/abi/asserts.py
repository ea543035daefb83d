"""asserts - a dump of the ABI as C that compiles only where every figure of it is true.

  asserts.py DUMP.txt >layout.c
"""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tools import compare  # noqa: E402

HEAD = """/* layout.c - every offset, size, type and constant of ABI {abi} on LP64. Compiling is the
 * test: what breaks a line here breaks every plugin that was ever built. */
#include <stdio.h>

{includes}

#define AT(type, member, offset, bytes, what)                                              \\
    _Static_assert(offsetof(struct type, member) == (offset) &&                            \\
                       sizeof(((struct type *)0)->member) == (bytes),                      \\
                   "ABI broken: place of struct " #type "." #member);                      \\
    _Static_assert(_Generic(((struct type *)0)->member, what : 1, default : 0),            \\
                   "ABI broken: type of struct " #type "." #member)
#define SIZE(type, bytes) \\
    _Static_assert(sizeof(struct type) == (bytes), "ABI broken: size of struct " #type)
#define IS(name, value) _Static_assert((name) == (value), "ABI broken: " #name)
#define CALLBACK(name, what) \\
    _Static_assert(_Generic((name)0, what : 1, default : 0), "ABI broken: " #name)

_Static_assert(sizeof(void *) == 8 && sizeof(long) == 8, "these figures are of LP64");
"""
TAIL = """
int main(void)
{{
    puts("ok 1 - {n} figures of ABI {abi}\\n1..1");
    return 0;
}}
"""


def main(path):
    dump = compare.read(path)
    with open(path, encoding="utf-8") as f:
        headers = [line[2:].strip() for line in f if line.startswith("# contactor/")]
    lines = []
    for name, (size, _) in dump.structs.items():
        lines += [f"AT({name}, {member}, {offset}, {n}, {what});"
                  for offset, n, member, what in dump.members(name)]
        lines += [f"SIZE({name}, {size});", ""]
    for enum in dump.enums:
        lines += [f"IS({name}, {value});" for name, _, value in enum] + [""]
    lines += [f"CALLBACK({name.split()[1]}, {value});" for name, value in dump.others.items()
              if name.startswith("callback ")]
    abi = ".".join(str(n) for n in dump.abi)
    print(HEAD.format(abi=abi, includes="\n".join(f'#include "{h}"' for h in headers)))
    print("\n".join(lines))
    print(TAIL.format(abi=abi, n=len([line for line in lines if line])), end="")


main(sys.argv[1])
