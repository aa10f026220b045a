"""How many deliberate mistakes the tests catch: `python -m tests.mutants [--each N] [--seed S]`.

One mistake at a time is made in rules and in what they stand on — a comparison, a sign, a constant,
a bound, a word of logic — in a copy of the tree, and a fast selection of the tests is run there.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy  # noqa: E402, F401
import pyomo.environ  # noqa: E402, F401
import pyomo.repn  # noqa: E402, F401
import pytest  # noqa: E402
import scipy.optimize  # noqa: E402, F401
import scipy.spatial  # noqa: E402, F401

from models.measures import NAMES  # noqa: E402

ROOT = Path(__file__).parents[1]
ELSEWHERE = {
    "models/data.py": "the columns of the sheets as declared; tests/workbook and the README ask",
    "models/fields.py": "how a column is declared; likewise",
    "models/measure.py": "what a measure is made of: nothing is computed",
    "models/rule.py": "what a rule is made of: nothing is computed",
}
"""Files of models/ of which no mistakes are made, with the reason."""
FILES = tuple(
    path
    for path in sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("models/**/*.py"))
    if path not in ELSEWHERE
)
WORKERS, LIMIT_S = 2, 180
"""How many run at a time, and the processor time that each may take: others may be busy too."""
SMALLEST = 1e-3
"""Constants nearer to 0 are tolerances: a slightly different one is no mistake."""

CONTRACT = """
from models.rules import RULES
from tests.test_rules_contract import disagreements

def test_rows_hold_exactly_when_the_audit_finds_nothing():
    found, _ = disagreements(RULES, range(45), 5)
    assert not found, found[0]
"""
SURVIVAL, LASTING = "tests/rules/test_survival.py", "tests/rules/test_diversity_service.py"
OBJECTIVES, LOSSES = "tests/models/test_objectives.py", "tests/models/test_losses.py"
FIRST = {
    "__init__": ("tests/models/test_measures.py",),
    "_diversity_terms": ("tests/rules/test_diversity_share.py",),
    "_node_audit": ("tests/rules/test_memory.py",),
    "_panel_audit": ("tests/rules/test_verification.py",),
    "lasting": (LASTING,),
    **dict.fromkeys(("objectives", *NAMES), (OBJECTIVES,)),
    "checking": ("tests/models/test_checking.py", SURVIVAL),
    "recourse": (SURVIVAL,),
    "classes": ("tests/models/test_classes.py", "tests/models/test_ways.py"),
    "costs": ("tests/rules/test_budget.py", OBJECTIVES),
    "expected_loss": ("tests/models/test_expected_loss.py", LOSSES, OBJECTIVES),
    "failover": (SURVIVAL, "tests/checks/test_protection.py"),
    "firmness": ("tests/rules/test_diversity_collapse.py",),
    **dict.fromkeys(("worst_loss", "loads", "unavoidable"), (LOSSES, OBJECTIVES)),
    "mixes": ("tests/models/test_mixes.py", "tests/rules/test_memory.py"),
    "packing": ("tests/models/test_packing.py", "tests/rules/test_memory.py"),
    "panels": ("tests/rules/test_verification.py",),
    "paths": ("tests/models/test_ways.py", "tests/models/test_classes.py"),
    "phases": (
        "tests/models/test_phases.py",
        "tests/solver/test_phased.py",
        "tests/rules/test_growth.py",
    ),
    "service": tuple(f"tests/{name}.py" for name in ("models/test_service", "rules/test_demand")),
    "stands": ("tests/models/test_ways.py", "tests/models/test_replay.py"),
    "translate": ("tests/models/test_translate.py", OBJECTIVES),
    "streams": ("tests/models/test_streams.py", "tests/rules/test_verification.py"),
}
"""The tests that are likeliest to catch a mistake in a file, where it has none of its own name."""
FEWER = "tests/test_fewer.py"
"""The contract test on fewer networks, written into the copy."""
TESTS = ("tests/rules", FEWER, OBJECTIVES, "tests/models/test_ways.py")
"""The fast selection, in order; what is likeliest to catch the mistake comes first."""

EQUIVALENT = {
    "models/classes.py weight_of_place: self.of * max(1, len(self.places)) + self.place → "
    "self.of * max(1, len(self.places)) - self.place": "another numbering of the same pairs",
    "models/rules/_diversity_terms.py groups: 0 → 1": "a mark that tells shared groups apart",
    "models/rules/_diversity_terms.py _nodes: 0.0 → 1": "without a nominal amount it is 1 anyway",
    "models/rules/_diversity_terms.py _sites: 0.0 → 1": "without a nominal amount it is 1 anyway",
    "models/rules/_diversity_terms.py _warm: 0.0 → 1": "without a nominal amount it is 1 anyway",
    "models/rules/_diversity_terms.py _warm: 0.0 → 1 #2": "nominal amounts price shares; warm "
    "replicas are only ever counted",
    "models/mixes.py _all_fit: 1 → 2 #3": "lists one point more, where they are too many anyway",
    "models/packing.py packing: gb > size → gb >= size": "what counts as what it is is left out",
    "models/packing.py _chain: count > capacity → count >= capacity": "all there is, as a "
    "count, is a multiple of the one before",
    "models/paths.py _new: 1 → 2": "to reshape, −2 is as unknown a length as −1",
    "models/paths.py _free: 1 → 2": "−2 is as unknown a way as −1",
    "models/paths.py _free: 0 → 1": "a way that is asked for again is the same",
    "models/paths.py _free: ways[sites] < 0 → ways[sites] <= 0": "a way that is asked for again is "
    "the same",
    "models/rules/_node_audit.py nodes_needed: found.at_least == found.at_most or found.at_most <= "
    "standing → found.at_least == found.at_most and found.at_most <= standing": "proves what is "
    "known, or narrows down what is enough anyway",
    "models/rules/_panel_audit.py _extend: offers.index(chosen[-1]) + 1 → "
    "offers.index(chosen[-1]) - 1": "lists a panel in several orders: the mixtures are the same",
    "models/rules/diversity_distinct.py constrain: 0 → 1": "only the order of the rows",
    "models/rules/reach.py constrain: not sites or committee.reach_ms is None → "
    "not sites and committee.reach_ms is None": "without sites nothing follows; sites have a reach",
    "models/rules/_node_audit.py nodes_needed: found.at_most <= standing → "
    "found.at_most < standing": "narrows down what is enough anyway",
    "models/rules/memory.py slot_gb: size <= largest → size < largest": "looks again at "
    "a model of the same size",
    "models/panels.py decompose: executed <= 0 → executed < 0": "where nothing is executed no rate "
    "is above the tolerance, so there is no panel anyway",
    "models/panels.py covering_weights: 1.0 → 0.0": "who has no weight has no rate either",
    "models/panels.py _caps: min(limits) < min(policy.verifiers, len(found)) → "
    "min(limits) <= min(policy.verifiers, len(found))": "a cap that no panel can exceed",
    "models/panels.py _caps: min(policy.verifiers, len(found)) → "
    "max(policy.verifiers, len(found))": "more caps that no panel can exceed",
    "models/panels.py panels_of: 9 → 10": "how alike panels are that are decomposed once",
    "models/classes.py find: 1 → 2": "−2 is as unknown a job as −1",
    "models/panels.py covering_weights: total <= 0 → total < 0": "what the weights reach "
    "sums to 0 too",
    "models/checking.py _at_most_two_nested: True → False": "whichever of two colours is first",
    "models/service.py on_every_way: left <= network.hangs_on(offer) → "
    "left < network.hangs_on(offer)": "looks again at what takes nothing away",
    "models/stopping.py _gates_of: len(alternatives) > 1 → "
    "len(alternatives) >= 1": "a gate of one alternative goes down with it",
    "models/stopping.py solved: 1 → 2": "to fail twice costs more and takes no more",
    "models/stopping.py solved: value > 0.5 → value >= 0.5": "it is a whole number",
    "models/split.py least_transport: 1.0 → 0.0": "where nothing goes nothing is moved either way",
    "models/translate.py _place_routing: 1 → 2": "−2 is as unknown a demand row as −1",
    "models/translate.py _place_routing: 1 → 2 #2": "−2 is as unknown a flow as −1",
    "models/covers.py _ways: 0 → 1": "without packings nothing is asked of replicas either",
    "models/checking.py _groups: members <= others → members < others": "no two have the same",
    "models/checking.py worth: written.group_row >= 0 → written.group_row > 0": "the rows of "
    "groups come after two others",
    "models/checking.py worth: cost < 0 → cost <= 0": "nothing is made up for where it is 0",
    "models/checking.py write: 0 → 1 #3": "their columns come after that of what is executed",
    "models/checking.py worth: 0 → 1": "the rows of groups come after two others",
    "models/checking.py write: column[self.member] >= 0 → column[self.member] > 0": "their columns "
    "come after that of what is executed",
    "models/checking.py write: 1 → 2 #3": "marks who has no row, as any number below 0 does",
    "models/concentration.py concentration: doubtful and network.settings.suspected != suspected → "
    "doubtful or network.settings.suspected != suspected": "only reads again what is the same",
    "models/concentration.py _coordination: 0 → 1": "all losses stand on the same seats",
    "models/collapse.py which: values[position] > 0.5 → "
    "values[position] >= 0.5": "it is a whole number",
    "models/collapse.py __init__: least > 0 → least >= 0": "it is half a one off any whole number",
    "models/collapse.py solved: 0 → 1": "without columns there is nothing to name at the point",
    "models/expressions.py row: lower is not None → lower is None": "between one limit and the "
    "same one again it is an equality too",
    "models/expressions.py row: upper is not None → upper is None": "between one limit and the "
    "same one again it is an equality too",
    "models/headroom.py _size: 1.0 → 0.0": "only sizes of replicas and slots are looked at",
    "models/headroom.py _broken: 9 → 10": "a tolerance",
    "models/hitting_sets.py largest_union: count <= 0 → count < 0": "none of them hit nothing",
    "models/hitting_sets.py largest_union: len(ranked) > count → "
    "len(ranked) >= count": "all of them, however they are found",
    "models/hitting_sets.py largest_union: count <= 0 or not ranked → "
    "count <= 0 and (not ranked)": "none of them, or of none, are none in what follows too",
    "models/measures/worst_loss.py _largest: other < item → other <= item": "it is another",
    "models/rules/diversity_collapse.py _promised: 1 → 2": "nothing is more than either",
    "models/rules/diversity_share.py constrain: 0.0 → 1 #2": "no row asks that a total be small",
    "models/rules/throughput.py constrain: 0.0 → 1 #5": "an offer without a figure has no loads",
    "models/rules/survival.py _hardest: gone <= more → gone < more": "looks twice at what takes "
    "the same",
    "models/cut_sets.py _useful: 1 → 2 #2": "only the order in which dependencies are listed",
    "models/cut_sets.py heaviest: chosen[number[item]] > 0.5 → "
    "chosen[number[item]] >= 0.5": "it is a whole number",
    "models/collapse.py _gate: 1 → 2 #2": "leaves out a column, which no row names",
    "models/decisions.py index: 1 → 2": "the keys of two parts are tuples already",
    "models/distances.py unit_vectors: 1 → 2": "to reshape, −2 is as unknown a length as −1",
    "models/hitting_sets.py _solved: found.x[number[item]] > 0.5 → "
    "found.x[number[item]] >= 0.5": "it is a whole number",
    "models/alone.py rows: known <= failed → known < failed": "no set is looked at twice",
    "models/alone.py rows: 0 → 1": "of one alone there is no order",
    "models/alone.py rows: 0 → 1 #2": "of one alone there is no order",
    "models/alone.py rows: -len(self.left.down(more)) → len(self.left.down(more))": "only the "
    "order in which sets of one size are looked at",
    "models/alone.py _further: len(failed) < self.most → len(failed) <= self.most": "with one "
    "more they are too many anyway",
    "models/alone.py _is_there: amount(what) >= held - PRESENT → "
    "amount(what) > held - PRESENT": "a tolerance",
    "models/failure_states.py __init__: len(set(exposure.any_of)) > 1 → "
    "len(set(exposure.any_of)) >= 1": "what needs one thing goes with it in every effect already",
    "models/outage.py __init__: 0.0 → 1": "of one row alone, what must be served and what "
    "is served are one",
    "models/replay.py __init__: row.key in growing → row.key not in growing": "tells the same two "
    "kinds of rows apart",
    "models/replay.py _capacity_rows: 0.0 → 1 #2": "an offer without a figure has no loads",
    "models/replay.py _verification_rows: 0.0 → 1 #6": "who may verify has a figure",
    "models/replay.py _recourse: len(self._ways) >= MOST_KEPT → "
    "len(self._ways) > MOST_KEPT": "keeps one more",
    "models/replay.py _recourse: len(self._known) >= MOST_KEPT → "
    "len(self._known) > MOST_KEPT": "keeps one more",
    "models/replay.py _best: 0.0 → 1": "what is below 1 counts as 1 anyway",
    "models/replay.py _best: rates * shares → rates / shares": "periods share nothing, so that no "
    "weight chooses between them",
    "models/rules/verification.py constrain: 0.0 → 1 #8": "who verifies nothing is in no stream",
    "models/rules/diversity_share.py audit: 1.0 → 0.0": "no share of nothing is exceeded",
}
"""Mutants that change nothing that matters, with the reason."""


@dataclass(frozen=True)
class Mutant:
    """One deliberate mistake: where, what it is called, and what stands for which node."""

    path: str
    line: int
    label: str
    tree: ast.AST
    old: ast.AST
    new: ast.AST

    @property
    def source(self) -> str:
        """Return the whole file with the mistake in it."""
        tree = copy.deepcopy(self.tree, {id(self.old): self.old})  # the node itself stays
        return ast.unparse(_Replace(self.old, self.new).visit(tree))


SWAPS: dict[type, type] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "lower": "upper", "upper": "lower"}


def changed(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the node with one mistake in it; nothing where it offers none."""
    new = copy.deepcopy(node)
    match new:
        case ast.Compare(ops=[op]) if type(op) in SWAPS and not _is_tolerant(new):
            new.ops = [SWAPS[type(op)]()]
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in SWAPS:
            if any(isinstance(part, ast.JoinedStr) for part in ast.walk(new)):
                return
            new.op = SWAPS[type(op)]()
        case ast.BoolOp(op=op):
            new.op = SWAPS[type(op)]()
        case ast.Constant(value=bool(value)):
            new.value = not value
        case ast.Constant(value=int(value) | float(value)) if value == 0 or abs(value) >= SMALLEST:
            new.value = {0.0: 1, 1.0: 2 if isinstance(value, int) else 0.0}.get(value, value + 1)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            new = operand
        case ast.Call(func=ast.Name(id=name)) if name in CALLS:
            new.func = ast.Name(CALLS[name], ast.Load())
        case ast.Call(keywords=[*_, ast.keyword(arg="lower" | "upper")]):
            for keyword in new.keywords:
                keyword.arg = CALLS.get(keyword.arg or "", keyword.arg)
            both = {keyword.arg: ast.unparse(keyword.value) for keyword in new.keywords}
            if both.get("lower") == both.get("upper"):
                return
        case _:
            return
    yield ast.copy_location(new, node)


TOLERANCES = ("TOLERANCE", "COVERED", "DUST", "NEARLY", "BROKEN", "SMALLEST_SHARE")


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def _is_tolerant(node: ast.AST) -> bool:
    """Return whether a tolerance takes part: then < and ≤ are the same, and so is ten times it."""
    return any(
        (isinstance(part, ast.Name) and part.id in TOLERANCES)
        or (
            isinstance(part, ast.Constant)
            and isinstance(part.value, float)
            and 0 < abs(part.value) < SMALLEST
        )
        for part in ast.walk(node)
    )


def parts(function: ast.AST) -> Iterator[ast.AST]:
    """Yield what computes in a function: no annotations, no texts, nothing in other functions."""
    for field, value in ast.iter_fields(function):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.keyword) and child.arg in ("strict", "dense"):
                continue  # asked of zip and Var for safety's sake: nothing depends on it
            if (
                isinstance(child, ast.BinOp)
                and isinstance(child.op, ast.Mult)
                and _is_tolerant(child)
            ):
                continue  # how wide a tolerance is
            if isinstance(child, ast.AST) and not isinstance(
                child, (ast.JoinedStr, ast.FunctionDef)
            ):
                yield child
                yield from parts(child)


def mutants(path: str) -> list[Mutant]:
    """Return every mutant of a file, in the order of its source."""
    tree = ast.parse((ROOT / path).read_text())
    found = []
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef) or function.name == "explain":
            continue
        for node in parts(function):
            for new in changed(node):
                label = f"{path} {function.name}: {_short(node)} → {_short(new)}"
                line: int = node.lineno  # type: ignore[attr-defined]
                found.append(Mutant(path, line, label, tree, node, new))
    found.sort(key=lambda mutant: (mutant.line, mutant.label))
    seen: Counter[str] = Counter()
    for position, mutant in enumerate(found):
        seen[mutant.label] += 1
        if seen[mutant.label] > 1:
            found[position] = replace(mutant, label=f"{mutant.label} #{seen[mutant.label]}")
    return found


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 70 else f"{text[:40]} … {text[-28:]}"


def first(path: str) -> tuple[str, ...]:
    """Return the tests that are likeliest to catch a mistake in the file."""
    stem = Path(path).stem
    own = (f"tests/{folder}/test_{stem}.py" for folder in ("rules", "models"))
    return FIRST.get(stem) or tuple(test for test in own if (ROOT / test).exists())


def start(tree: Path, path: str) -> int:
    """Return the process that runs the tests in the tree: a fork, for the libraries are loaded."""
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S))
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    sys.dont_write_bytecode = bool(path)  # without a mutant, what is compiled is kept for later
    for name in [name for name in sys.modules if name.partition(".")[0] in ("models", "tests")]:
        del sys.modules[name]
    common = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", os.devnull)
    code = 1
    try:
        for tests in (first(path), TESTS) if path else (TESTS,):
            code = pytest.main([*common, "--rootdir", str(tree), *tests])
            if code:
                break
    finally:
        os._exit(code)


def outcomes(chosen: list[Mutant], trees: list[Path]) -> Iterator[tuple[Mutant, str]]:
    """Yield what becomes of every mutant: caught, survived or timeout (which is caught too)."""
    waiting, running = chosen[::-1], dict[int, tuple[Mutant, Path, str]]()
    while waiting or running:
        while waiting and trees:
            mutant, tree = waiting.pop(), trees.pop()
            original = (tree / mutant.path).read_text()
            (tree / mutant.path).write_text(mutant.source)
            running[start(tree, mutant.path)] = (mutant, tree, original)
        process, code = os.wait()
        mutant, tree, original = running.pop(process)
        (tree / mutant.path).write_text(original)
        trees.append(tree)
        late = os.WIFSIGNALED(code)
        yield mutant, "timeout" if late else "caught" if code else "survived"


def copied(directory: Path) -> Path:
    """Return a copy of what the tests need, with the contract test on fewer networks."""
    for package in ("models", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, directory / package, ignore=ignored)
    (directory / FEWER).write_text(CONTRACT)
    return directory


def main() -> int:
    """Print what became of each mutant and the share caught; 1 if it is below 95 %."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--each", type=int, default=4, help="mutants per file")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", nargs="+", default=[""], help="files whose name contains any")
    given = options.parse_args()
    draw = random.Random(given.seed)
    chosen: list[Mutant] = []
    for path in FILES:
        if any(part in path for part in given.only):
            listed = mutants(path)
            chosen += draw.sample(listed, min(given.each, len(listed)))
    counted = [mutant for mutant in chosen if mutant.label not in EQUIVALENT]
    began, survived = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as name:
        trees = [copied(Path(name) / "0")]
        if os.waitpid(start(trees[0], ""), 0)[1]:
            print("the tests fail without any mutant: nothing can be said")
            return 2
        for number in range(1, WORKERS):
            trees.append(Path(shutil.copytree(trees[0], Path(name) / str(number))))
        for mutant, outcome in outcomes(counted, trees):
            survived += outcome == "survived"
            text = mutant.label.partition(" ")[2]
            print(f"{outcome:9} {mutant.path}:{mutant.line} {text}", flush=True)
    total = len(counted)
    print(
        f"{total - survived} of {total} mutants are caught, {1 - survived / (total or 1):.1%}; "
        f"{len(chosen) - total} more are equivalent; {time.monotonic() - began:,.0f} s"
    )
    return 0 if survived <= 0.05 * total else 1


if __name__ == "__main__":
    sys.exit(main())
