#!/usr/bin/env python3
"""Draws docs/house.svg from the #include lines of the tree: a box a room, an arrow where one room really uses another (arrows
that follow from others are left out). house_picture.py --check fails when the committed picture is not the one of the tree."""
import importlib.util
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PICTURE = os.path.join(ROOT, "docs", "house.svg")
WHAT = {
    "base": "bytes, errors, text", "crypto": "named wrappers, secrets, vault", "wire": "RLP, Snappy", "p2p": "RLPx, p2p/5, peers",
    "whisper": "shh/6: envelopes, work, pool", "relay": "the network of one node", "ledger": "coins, scripts, blocks", "identity": "certificate, link, first contact",
    "conversation": "ratchet, one-time keys, cells", "files": "chunked, sealed blobs", "io": "loop, sockets, disk", "rpc": "methods, JSON-RPC",
    "node": "where cores meet io", "sim": "the other world", "sottod": "the daemon", "sotto": "the command line", "sotto-lab": "experiments",
    "sotto-portmap": "asks routers",
}
WIDTH, HEIGHT, LANE, GAP_X, GAP_Y, MARGIN = 226, 54, 8, 26, 46, 20      # LANE: what a passing arrow takes of a row


def includes():
    """{room: rooms it uses}; each program of apps/ is a room of its own here."""
    graph = {}
    for top in ("src", "apps", "sim"):
        for folder, _, files in os.walk(os.path.join(ROOT, top)):
            parts = os.path.relpath(folder, ROOT).split(os.sep)
            sources = [f for f in files if f.endswith((".c", ".h"))]
            if top == "sim":
                parts.insert(0, "")                        # the room stands at the top, not under src/
            if len(parts) < 2 or "test" in parts or not sources:
                continue
            uses = graph.setdefault(parts[1], set())
            for name in sources:
                with open(os.path.join(folder, name), encoding="utf-8") as f:
                    uses |= {m for m in re.findall(r'^\s*#\s*include\s*"([a-z0-9-]+)/', f.read(), re.M)}
    return {room: {u for u in uses if u in graph and u != room} for room, uses in graph.items()}


def below(graph, room, seen=None):
    seen = set() if seen is None else seen
    for use in graph[room]:
        if use not in seen:
            seen.add(use)
            below(graph, use, seen)
    return seen


def layers(graph, order, house):
    """Rows from the top; a room stands below all that use it, and never above the rank of tests/house/house.py."""
    level = {}
    for room in sorted(graph, key=order.index):
        floor = 10 * house.RANK.get(room, house.RANK["apps"])
        level[room] = max([floor] + [level[use] + 1 for use in graph[room] if use in level and level[use] >= floor])
    numbers = sorted(set(level.values()), reverse=True)
    row_of = {room: numbers.index(value) for room, value in level.items()}
    rows = [[room for room in sorted(graph, key=order.index) if row_of[room] == y] for y in range(len(numbers))]
    return rows, row_of


def arrows(graph, order):
    """The arrows that do not follow from others."""
    for room in sorted(graph, key=order.index):
        reach = [below(graph, use) for use in graph[room]]
        for use in sorted(graph[room], key=order.index):
            if not any(use in others for others in reach):
                yield room, use


def spread(rows, chains):
    """Orders each row by the middle of its neighbours above and below, a few times over. Way points of long arrows are part of rows."""
    near = {}
    for chain in chains:
        for a, b in zip(chain, chain[1:]):
            near.setdefault(a, []).append(b)
            near.setdefault(b, []).append(a)
    for _ in range(12):
        at = {}
        for row in rows:
            width = sum(WIDTH if isinstance(n, str) else LANE for n in row) + GAP_X * (len(row) - 1)
            x = -width / 2
            for n in row:
                size = WIDTH if isinstance(n, str) else LANE
                at[n] = x + size / 2
                x += size + GAP_X
        for row in rows:
            row.sort(key=lambda n: sum(at[m] for m in near[n]) / len(near[n]) if near.get(n) else at[n])
    return at


def draw(graph):
    spec = importlib.util.spec_from_file_location("house", os.path.join(ROOT, "tests", "house", "house.py"))
    house = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(house)
    order = ["base", "crypto", "wire", *house.CORES, "rpc", "io", "node", "sim", "sottod", "sotto", "sotto-portmap", "sotto-lab"]
    rows, row_of = layers(graph, order, house)
    chains = []
    for room, use in arrows(graph, order):
        points = [(room, use, y) for y in range(row_of[room] + 1, row_of[use])]
        for point in points:
            rows[point[2]].append(point)
        chains.append([room, *points, use])
    at = spread(rows, chains)
    left = min(x - (WIDTH if isinstance(n, str) else LANE) / 2 for n, x in at.items())
    full = max(x + (WIDTH if isinstance(n, str) else LANE) / 2 for n, x in at.items()) - left + 2 * MARGIN
    tall = len(rows) * HEIGHT + (len(rows) - 1) * GAP_Y + 2 * MARGIN
    middle = {n: round(x - left + MARGIN) for n, x in at.items()}
    top = {n: MARGIN + y * (HEIGHT + GAP_Y) for y, row in enumerate(rows) for n in row}
    full = round(full)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {full:g} {tall:g}" width="{full:g}" height="{tall:g}" font-family="sans-serif">',
           "<title>The house: who uses whom. Drawn from the #include lines by tools/house_picture.py</title>",
           '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
           '<path d="M0 0 8 4 0 8z" fill="#607080"/></marker></defs>',
           f'<rect width="{full:g}" height="{tall:g}" fill="#ffffff"/>']
    for chain in chains:
        path, (x, y) = "", (middle[chain[0]], top[chain[0]] + HEIGHT)
        path = f"M{x} {y}"
        for n in chain[1:]:
            x2, y2 = middle[n], top[n]
            path += f"C{x} {y + GAP_Y // 2} {x2} {y2 - GAP_Y // 2} {x2} {y2}"
            x, y = x2, y2
            if not isinstance(n, str):
                y += HEIGHT
                path += f"V{y}"
        out.append(f'<path d="{path}" fill="none" stroke="#607080" stroke-width="1.4" marker-end="url(#tip)"/>')
    for room in sorted(graph, key=order.index):
        x, y = middle[room] - WIDTH // 2, top[room]
        pure = room in house.PURE
        out.append(f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="7" fill="{"#e8f3ec" if pure else "#fdf1e2"}" '
                   f'stroke="{"#4c8a63" if pure else "#b98235"}"/>')
        out.append(f'<text x="{x + WIDTH / 2:g}" y="{y + 22:g}" text-anchor="middle" font-size="15" font-weight="bold" fill="#1d2730">{room}</text>')
        out.append(f'<text x="{x + WIDTH / 2:g}" y="{y + 41:g}" text-anchor="middle" font-size="12" fill="#3c4852">{WHAT.get(room, "")}</text>')
    return "\n".join(out) + "\n</svg>\n"


def main():
    picture = draw(includes())
    if "--check" in sys.argv[1:]:
        with open(PICTURE, encoding="utf-8") as f:
            if f.read() != picture:
                print("docs/house.svg is not the picture of this tree: run tools/house_picture.py")
                return 1
        print("docs/house.svg is current")
        return 0
    with open(PICTURE, "w", encoding="utf-8") as f:
        f.write(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
