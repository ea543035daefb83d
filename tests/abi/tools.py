"""tools - sdk/abi/compare as a module, and TAP, for the tests of the ABI's stability."""
import importlib.machinery
import importlib.util
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RUN, FAILED = [], []
sys.dont_write_bytecode = True


def load(name):
    path = os.path.join(ROOT, "sdk", "abi", name)
    loader = importlib.machinery.SourceFileLoader("abi_" + name, path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def hint(text):
    for line in str(text).rstrip().split("\n"):
        print("# " + line)


def ok(good, name, *details):
    RUN.append(name)
    print(f"{'' if good else 'not '}ok {len(RUN)} - {name}", flush=True)
    if not good:
        FAILED.append(name)
        for detail in details:
            hint(detail)


def done():
    print(f"1..{len(RUN)}")
    sys.exit(1 if FAILED else 0)


compare = load("compare")
