"""Writes the page of what the last run of test_blocks_oracle has proved.

Arguments: the file that NW_COVERAGE named, and the page to write. A mark stands where at least one
drawn case with that option off its default was equal to PyTorch's: its output (f), its gradients
(b), its state after the run (s) and its initial state bit for bit (i).
"""
import json
import sys

DTYPES = ["float32", "float64", "float16", "bfloat16", "complex64", "complex128"]
MARKS = [("forward", "f"), ("backward", "b"), ("state", "s"), ("init", "i")]


def read(path):
    """Block -> option -> dtype -> counts, the last line of each winning."""
    blocks = {}
    for line in open(path, encoding="utf-8"):
        entry = json.loads(line)
        option = blocks.setdefault(entry["block"], {}).setdefault(entry["option"], {})
        option[entry["dtype"]] = entry
    return blocks


def cell(entry):
    return "".join(mark for name, mark in MARKS if entry and entry[name] > 0)


def page(blocks):
    out = [
        "# What is proved against PyTorch",
        "",
        "Generated from the last run of the tests (`packaging/test.sh`); nothing here is written by "
        "hand. Each block is run on drawn arguments, sizes, memory layouts and dtypes next to a live "
        "PyTorch. A letter stands where drawn cases with that option off its default were equal: "
        "**f** output, **b** gradients, **s** state after the run, **i** initial state, bit for bit. "
        "Where PyTorch has no kernel for a dtype on the CPU there is nothing to compare with.",
        "",
        f"{len(blocks)} blocks, {sum(map(len, blocks.values())) - len(blocks)} options.",
        "",
    ]
    for block, options in blocks.items():
        cases = sum(entry["forward"] for entry in options.get("", {}).values())
        dtypes = [d for d in DTYPES if any(d in entries for entries in options.values())]
        out += [f"## {block}", "", f"{cases} equal cases in the last run.", ""]
        out.append("| option | " + " | ".join(dtypes) + " |")
        out.append("| --- |" + " --- |" * len(dtypes))
        for option, entries in options.items():
            cells = [cell(entries.get(dtype)) for dtype in dtypes]
            out.append(f"| {option or '*any*'} | " + " | ".join(cells) + " |")
        out.append("")
    return "\n".join(out)


if __name__ == "__main__":
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(page(read(sys.argv[1])))
