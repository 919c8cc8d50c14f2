#!/usr/bin/env python3
"""Can somebody who keeps every envelope tell which two belong to one conversation?

The simulator runs 20 pairs of people who send each other 2,000 messages and records every envelope on every wire. First the plain rules: no topic and no one-time address ever comes
twice, every cell has one size. Then two classifiers of scikit-learn (logistic regression and boosted trees) learn on half of the conversations what
two envelopes of one conversation have in common, from every clear field, every byte and the time of first appearance; asked about the other half they
must do no better than chance. The control is the same world with one planted bug, a topic that does not change: there the same test must cry out.

Left out: on which link an envelope appeared first. An observer of all links sees where it enters the network; that is the business of the relay schedule.

    unlinkability.py --sim PROGRAM [--planted PROGRAM] [--seed N]     makes the recordings itself
    unlinkability.py --envelopes FILE --truth FILE [--expect chance|linked] [--seed N]

Lines of --envelopes: {"time_us", "ttl", "expiry", "topic", "cell", "nonce", ...}, one for each hop; of --truth: {"topic", "cell_hash", "sender", "receiver"}.
Exit 0: as expected; 1: not; 77: scikit-learn is not there."""
import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile

os.environ.setdefault("OMP_WAIT_POLICY", "passive")        # shared machines: no spinning threads

try:
    import numpy
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
except ImportError:
    if os.path.realpath(sys.executable) != os.path.realpath("/usr/bin/python3") and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    print("skipped: needs python3-sklearn")
    sys.exit(77)

PAIRS, MESSAGES = 20, 2000                # of people; sent by all of them
PAIRS_LEARNED = 8000                     # pairs of envelopes, half of one conversation, half not
PAIRS_ASKED = 8000
BOOTSTRAP = 2000
CELL_SIZE = 1024                         # bytes behind the topic
INTERVAL = (0.05, 99.95)                 # percentiles: 99.9 %, for this is asked twice in every run


class Record:
    def __init__(self, envelopes, truth):
        with open(truth, encoding="utf-8") as lines:
            marks = {(m["topic"], m["cell_hash"]): tuple(sorted((m["sender"], m["receiver"]))) for m in map(json.loads, lines)}
        first = {}
        with open(envelopes, encoding="utf-8") as lines:
            for row in map(json.loads, lines):                      # one line a hop, in order of time: the first is when it appeared
                first.setdefault((row["topic"], row["cell"]), row)
        owner = {key: marks.get((key[0], hashlib.sha256(bytes.fromhex(key[1])).hexdigest()[:16])) for key in first}
        if None in owner.values():
            sys.exit(f"{truth}: knows nothing of {sum(o is None for o in owner.values())} envelopes of {envelopes}")
        names = sorted(set(owner.values()))
        self.rows = list(first.values())
        self.pair = numpy.array([names.index(o) for o in owner.values()])
        self.time = numpy.array([r["time_us"] for r in self.rows], dtype=float) / 1e6
        self.stamp = numpy.array([[r["expiry"], r["ttl"], r["expiry"] - r["ttl"]] for r in self.rows], dtype=float)
        self.nonce = numpy.log2(numpy.array([float(int(r["nonce"], 16)) + 1.0 for r in self.rows]))
        self.raw = numpy.array([list(bytes.fromhex(r["topic"] + r["cell"])) for r in self.rows], dtype=numpy.uint8)
        self.order = numpy.arange(len(self.rows), dtype=float)

    def plain_rules(self):
        """What needs no classifier: sizes, topics, addresses. Returns what is broken."""
        broken = []
        sizes = {len(r["cell"]) // 2 for r in self.rows}
        if sizes != {CELL_SIZE}:
            broken.append(f"cells of sizes {sorted(sizes)}")
        topics = [r["topic"] for r in self.rows]
        if len(set(topics)) != len(topics):
            broken.append(f"{len(topics) - len(set(topics))} topics come again")
        tags = [r["topic"] + r["cell"][:24] for r in self.rows]      # the tag: 16 bytes, of which the topic shows 4
        if len(set(tags)) != len(tags):
            broken.append(f"{len(tags) - len(set(tags))} addresses come again")
        heads = [r["cell"][:32] for r in self.rows]
        if len(set(heads)) != len(heads):
            broken.append(f"{len(heads) - len(set(heads))} cells begin alike")
        return broken

    def features(self, left, right):
        """All that is public of two envelopes, as differences."""
        a, b = self.raw[left], self.raw[right]
        differ = numpy.unpackbits(numpy.bitwise_xor(a, b), axis=1).reshape(len(left), a.shape[1], 8).sum(axis=2)      # bits that differ, per byte
        parts = [differ, (a == b).sum(axis=1, keepdims=True), differ[:, :4].sum(axis=1, keepdims=True),
                 differ[:, 4:20].sum(axis=1, keepdims=True), differ[:, 20:52].sum(axis=1, keepdims=True),
                 differ[:, 52:140].sum(axis=1, keepdims=True), differ[:, 140:].sum(axis=1, keepdims=True)]
        clock = numpy.abs(numpy.column_stack([self.time[left] - self.time[right], self.order[left] - self.order[right],
                                              self.nonce[left] - self.nonce[right]]))
        stamps = numpy.abs(self.stamp[left] - self.stamp[right])
        return numpy.hstack([*parts, clock, numpy.log1p(clock), stamps]).astype(numpy.float32)


def pairs(record, conversations, count, rng):
    """Half of one conversation, half of two, all of the given conversations."""
    inside = [numpy.flatnonzero(record.pair == c) for c in conversations]
    inside = [i for i in inside if len(i) > 1]
    if len(inside) < 2:
        sys.exit("fewer than two conversations with two envelopes: nothing to tell apart")
    left, right, label, owner = [], [], [], []
    for _ in range(count // 2):
        c = rng.integers(len(inside))
        i, j = rng.choice(inside[c], 2, replace=False)
        left.append(i), right.append(j), label.append(1), owner.append(c)
        c, d = rng.choice(len(inside), 2, replace=False)
        left.append(rng.choice(inside[c])), right.append(rng.choice(inside[d])), label.append(0), owner.append(c)
    return numpy.array(left), numpy.array(right), numpy.array(label), numpy.array(owner)


def interval(label, score, owner, rng):
    """Bootstrap over conversations: pairs of one conversation are not independent of each other."""
    groups = [numpy.flatnonzero(owner == c) for c in numpy.unique(owner)]
    found = []
    for _ in range(BOOTSTRAP):
        chosen = numpy.concatenate([groups[g] for g in rng.integers(len(groups), size=len(groups))])
        if 0 < label[chosen].sum() < len(chosen):
            found.append(roc_auc_score(label[chosen], score[chosen]))
    return numpy.percentile(found, INTERVAL)


def judge(record, seed):
    rng = numpy.random.default_rng(seed)
    conversations = rng.permutation(numpy.unique(record.pair))
    half = len(conversations) // 2
    left, right, label, _ = pairs(record, conversations[:half], PAIRS_LEARNED, rng)
    learned = record.features(left, right), label
    left, right, label, owner = pairs(record, conversations[half:], PAIRS_ASKED, rng)
    asked = record.features(left, right)
    figures = {}
    for name, model in (("logistic regression", make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, C=0.01))),
                        ("boosted trees", HistGradientBoostingClassifier(max_iter=60, random_state=seed))):
        model.fit(*learned)
        score = model.predict_proba(asked)[:, 1]
        low, high = interval(label, score, owner, rng)
        figures[name] = (roc_auc_score(label, score), low, high, float(((score > 0.5) == label).mean()))
    return figures


def report(title, record, expect, seed):
    broken = record.plain_rules()
    figures = judge(record, seed)
    print(f"{title}: {len(record.rows)} envelopes, {len(set(record.pair))} conversations, seed {seed}")
    print(f"  plain rules: {'; '.join(broken) if broken else 'no topic, address or beginning twice, one size'}")
    linked = bool(broken)
    for name, (auc, low, high, right) in figures.items():
        chance = low <= 0.5 <= high
        linked = linked or not chance
        print(f"  {name:<20} area under the curve {auc:.4f} [{low:.4f}, {high:.4f}], right {100 * right:.2f} %: "
              f"{'no better than chance' if chance else 'NOT chance'}")
    if expect == "linked":
        caught = all(low > 0.5 for _, low, _, _ in figures.values()) and bool(broken)
        print(f"  control: {'caught' if caught else 'NOT caught, so the test proves nothing'}")
        return caught
    return not linked


def simulate(program, folder, seed, plant=None):
    paths = [os.path.join(folder, f"{plant or 'product'}-{kind}.jsonl") for kind in ("envelopes", "truth")]
    env = dict(os.environ)
    if plant:
        env["SOTTO_PLANT"] = plant
    ran = subprocess.run([program, "sim", "--world", "crowd", "--quiet", "--pairs", str(PAIRS), "--messages", str(MESSAGES // (2 * PAIRS)), "--seed", str(seed),
                          "--count", "1", "--record", paths[0], "--truth", paths[1]], env=env, capture_output=True, text=True)
    if ran.returncode != 0 and not plant:
        sys.exit(f"the recording failed (seed {seed}):\n{ran.stdout}{ran.stderr}")
    return Record(*paths)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--envelopes")
    parser.add_argument("--truth")
    parser.add_argument("--expect", choices=("chance", "linked"), default="chance")
    parser.add_argument("--sim", help="sotto-lab of the product")
    parser.add_argument("--planted", help="sotto-lab of the build with planted bugs")
    parser.add_argument("--plant", default="TOPIC_FIXED", help="the bug of the control")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.envelopes:
        sys.exit(not report(options.envelopes, Record(options.envelopes, options.truth), options.expect, options.seed))
    if not options.sim:
        parser.error("needs --envelopes and --truth, or --sim")
    with tempfile.TemporaryDirectory() as folder:
        good = report("product", simulate(options.sim, folder, options.seed), "chance", options.seed)
        if options.planted:
            good = report("control", simulate(options.planted, folder, options.seed, options.plant), "linked", options.seed) and good
    sys.exit(not good)


if __name__ == "__main__":
    main()
