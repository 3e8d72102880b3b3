#!/usr/bin/env python3
"""tidy.py - the house rules that a machine can check.

Every rule here is one a reviewer would otherwise have to remember.  A rule
that cannot be checked belongs in docs/style.md, not here.

usage: tidy.py [--rule NAME]... ROOT
"""
import collections
import pathlib
import re
import sys

# Who may include whom.  Read a line as "the left side may use the right side".
LAYERS = {
    "base":   set(),
    "crypto": {"base"},
    "crdt":   {"base", "crypto"},
    "access": {"base", "crypto"},
    "store":  {"base", "crypto"},
    "sync":   {"base", "crypto", "crdt", "access", "store"},
    "net":    {"base", "crypto"},
    "mirror": {"base", "crypto", "crdt"},
    "backup": {"base", "crypto"},
    # The wire alone: nothing that has to do with a document's contents.
    "relay":  {"base", "crypto", "store", "sync/session.h", "sync/message.h", "sync/relay_message.h",
               "sync/envelope.h", "sync/range.h", "sync/endpoint.h"},
    "daemon": {"base", "crypto", "crdt", "access", "store", "sync", "relay", "net", "mirror", "backup"},
    "cli":    {"base"},
    "tests":  None,  # anything
}
VENDOR = {"sodium.h": {"crypto"}, "nettle/": {"crypto"}, "lmdb.h": {"store"}, "nng/": {"net"}, "curl/": {"net"},
          "pthread.h": {"net", "daemon"}, "zlib.h": {"crdt", "daemon"}, "qrencode.h": {"cli"}}
PURE = {"crdt", "access", "sync", "relay", "backup"}  # no clock, no entropy, no I/O
IMPURE_CALLS = r"\b(time|gettimeofday|clock_gettime|rand|random|arc4random\w*|" \
               r"randombytes\w*|getenv|open|read|write|fopen|printf|fprintf)\s*\("
BANNED = {
    r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|strncpy|strncat)\s*\(": "strlcpy or snprintf",
    r"\b(atoi|atol|atoll|strtol|strtoul)\s*\(": "strtonum",
    r"\balloca\s*\(": "an arena or a fixed array",
    r"\b(realloc)\s*\(": "reallocarray",
    r"\b(BUF_SCOPED|BUF_SECRET|ARENA_SCOPED)\s+\w+;": "= { 0 }: its clean-up may run before its init",
    r"//.*\bTODO\b|/\*.*\b(TODO|FIXME|XXX)\b": "an issue, or do it now",
}
VAGUE = {"util", "utils", "helper", "helpers", "misc", "common", "manager", "stuff"}
FILE_MAX, HEADER_MAX, FUNC_MAX, PARAM_MAX, CLONE_TOKENS = 800, 300, 70, 6, 60

Found = collections.namedtuple("Found", "path line rule text")


def module_of(path, root):
    return path.relative_to(root).parts[0]


def strip(text):
    """Blank out comments and strings, keeping line numbers."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group())
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
                  blank, text, flags=re.S)


def functions(lines):
    """Yield (name, first, last) for each definition; KNF puts braces in column 0."""
    start = None
    for i, line in enumerate(lines):
        if line.startswith("{"):
            start = i
        elif line.startswith("}") and start is not None:
            head = " ".join(lines[max(0, start - 8):start])
            m = re.findall(r"(\w+)\s*\(", head)
            if m and ";" not in lines[start - 1]:
                yield m[-1] if "(" not in lines[start - 1] else \
                    re.findall(r"(\w+)\s*\(", lines[start - 1])[0], start, i
            start = None


def rule_layers(path, root, text, code):
    mod = module_of(path, root)
    if mod not in LAYERS:
        yield 1, f"{mod}/ is in no row of the table of folders"
    allowed = LAYERS.get(mod)
    for n, line in enumerate(text.splitlines(), 1):
        m = re.match(r'\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', line)
        if not m:
            continue
        if m[1]:
            dep = m[1].split("/")[0]
            if "/" not in m[1] or ".." in m[1]:
                yield n, f'write "{mod}/{m[1]}": includes start at the root'
            elif allowed is not None and dep != mod and dep not in allowed and m[1] not in allowed:
                yield n, f"{mod} may not use {dep}"
        else:
            for prefix, homes in VENDOR.items():
                if m[2].startswith(prefix) and mod not in homes | {"tests"}:
                    yield n, f"<{m[2]}> belongs behind {', '.join(homes)}"


def rule_pure(path, root, text, code):
    if module_of(path, root) in PURE:
        for m in re.finditer(IMPURE_CALLS, code):
            yield code.count("\n", 0, m.start()) + 1, \
                f"{m[1]}() in a pure module: take it as an argument"


def rule_banned(path, root, text, code):
    for pattern, instead in BANNED.items():
        source = text if "TODO" in pattern else code
        for m in re.finditer(pattern, source):
            yield source.count("\n", 0, m.start()) + 1, f"use {instead}"


def rule_size(path, root, text, code):
    limit = HEADER_MAX if path.suffix == ".h" else FILE_MAX
    lines = code.splitlines()
    if len(lines) > limit:
        yield 1, f"{len(lines)} lines; the limit is {limit}"
    for name, first, last in functions(lines):
        if last - first - 1 > FUNC_MAX:
            yield first + 1, f"{name} has {last - first - 1} lines; the limit is {FUNC_MAX}"


def rule_names(path, root, text, code):
    if path.stem in VAGUE:
        yield 1, f"'{path.stem}' says nothing about what is inside"


def rule_wrapper(path, root, text, code):
    """A function that only forwards its own arguments, unchanged and in order."""
    for m in re.finditer(r"^(static\s)?[^\n;{}]*\n?(\w+)\(([^)]*)\)\n\{\s*(?:return\s*\(?)?(\w+)\(([^;{}]*)\)\)?;\s*\}",
                         code, re.M):
        params = [re.sub(r".*?(\w+)\s*(\[\w*\])?$", r"\1", p.strip()) for p in m[3].split(",") if p.strip() != "void"]
        args = [a.strip() for a in m[5].split(",") if a.strip()]
        if params == args:
            yield code.count("\n", 0, m.start()) + 1, f"{m[2]} only calls {m[4]}"


def rule_echo(path, root, text, code):
    """A one-line comment whose words are all in the statement it precedes."""
    lines = text.splitlines()
    stop = {"the", "a", "an", "of", "to", "and", "for", "is", "in", "if", "this", "we", "it", "on"}
    for i, line in enumerate(lines[:-1]):
        m = re.match(r"\s+(?:/\*+\s*(.*?)\s*\*/|//\s*(.*))$", line)
        if not m:
            continue
        words = {w for w in re.findall(r"[a-z]{2,}", (m[1] or m[2]).lower())} - stop
        nxt = re.sub(r"([a-z])([A-Z])", r"\1 \2", lines[i + 1]).lower()
        parts = set(re.findall(r"[a-z]{2,}", nxt.replace("_", " ")))
        if len(words) >= 2 and all(any(p.startswith(w[:4]) for p in parts) for w in words):
            yield i + 1, "the comment repeats the code"


def clones(files, root):
    """Runs of CLONE_TOKENS tokens that occur twice once names are erased."""
    keep = set("if else for while do switch case return goto break continue sizeof".split())
    seen, hits = {}, []
    for path, code in files:
        toks = []
        for n, line in enumerate(code.splitlines(), 1):
            if line.lstrip().startswith("#"):
                continue
            for t in re.findall(r"[A-Za-z_]\w*|\d\w*|[^\s\w]", line):
                toks.append((t if t in keep or not re.match(r"\w", t) else
                             t if re.match(r"[a-z_]+$", t) and len(t) > 3 else "x", n))
        i, last = 0, -1
        while i + CLONE_TOKENS <= len(toks):
            key = tuple(t for t, _ in toks[i:i + CLONE_TOKENS])
            if key in seen and len(set(key)) > 12:
                other = seen[key]
                if toks[i][1] > last and (other[0] != path or abs(other[1] - toks[i][1]) > 5):
                    hits.append(Found(path, toks[i][1], "clone",
                                      f"same shape as {other[0].relative_to(root)}:{other[1]}"))
                    last = toks[min(i + CLONE_TOKENS, len(toks) - 1)][1]
                    i += CLONE_TOKENS
                    continue
            seen.setdefault(key, (path, toks[i][1]))
            i += 1
    return hits


RULES = [rule_layers, rule_pure, rule_banned, rule_size, rule_names, rule_wrapper, rule_echo]


def main(argv):
    only = set()
    while len(argv) > 2 and argv[1] == "--rule":
        only.add(argv[2])
        argv = argv[:1] + argv[3:]
    root = pathlib.Path(argv[1]).resolve()
    found, files = [], []
    for path in sorted(root.rglob("*.[ch]")):
        if {"build", ".git"} & set(path.relative_to(root).parts):
            continue
        text = path.read_text(errors="replace")
        code = strip(text)
        files.append((path, code))
        for rule in RULES:
            name = rule.__name__[5:]
            if not only or name in only:
                found += [Found(path, n, name, t) for n, t in rule(path, root, text, code)]
    if not only or "clone" in only:
        found += clones([f for f in files if module_of(f[0], root) != "tests"], root)
    for f in found:
        print(f"{f.path.relative_to(root)}:{f.line}: {f.rule}: {f.text}")
    return 1 if found else 0


sys.exit(main(sys.argv))
