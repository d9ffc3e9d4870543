"""The IR of a Program: chunks, each a function, and the functions that call them.

LLVM takes longer than in proportion for a large function, so there are many. What one leaves to the
next lies in memory, the workspace; inputs are read where they are used.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ...ops import CUSTOM, TABLE
from .expand import Steps
from .forms import FAST, OUTLINED, form_of
from .ir import Block
from .loops import BLOCKS, PACK, ROW_LOOP, added, masked, shared_products, unrolled
from .machine import Target
from .place import Failures, Place

CHUNK = 800  # lines of IR in a function
LARGE = 1000  # LLVM is slow with fma at a point: in a program of more steps it is two operations
PLAIN = ("add", "sub", "mul")
RARE = {"erf", "erfc", "log1p", "expm1", "mod", "floordiv"}  # long: always called
HUGE = 10000  # rows of so many steps are compiled as a point is
SHORT = ("add", "sub", "mul", "div", "neg", "where", "sqrt")
LINES = dict.fromkeys(TABLE.keys() & FAST.keys() - {*SHORT}, 30)
ARGUMENTS = (
    "ptr noalias readonly %in, ptr noalias readonly %columns, i64 %row, ptr noalias %out, "
    "i64 %stride, ptr noalias %status, ptr noalias %ws, ptr noalias %panel"
)


class Writer:
    """Writes the IR of a variant.

    by_rows  whether it is for rows
    uniform  for each slot whether it is the same for all rows
    reduce   whether outputs are summed over rows
    """

    def __init__(self, steps: Steps, target: Target, strict: bool, lanes: int) -> None:
        self.program, self.target, self.strict, self.lanes = steps, target, strict, lanes
        self.uniform: list[bool] = []
        self.shared: dict[
            int, int
        ] = {}  # of the inputs that are shared, and of the others, the place
        self.columns: dict[int, int] = {}
        self.reduce = self.by_rows = False
        self.functions: list[str] = []
        self.declared: set[str] = set()
        self.callbacks: dict[str, Any] = {}
        self.failures = Failures()
        self.size = self.scratch = 0  # bytes
        self.products: dict[int, tuple[int, int]] = {}  # of outputs that are added up later
        self.factors: list[int] = []
        self.skipped: set[int] = set()
        self.is_large = len(steps.steps) > LARGE
        self.effort = self._effort()
        self.called = RARE if lanes == 1 or self.effort else OUTLINED  # with several lanes
        self.table: dict[str, int] = {}  # of functions that a point calls by their address
        self.constants: dict[str, int] = {}  # of a point, and where they stand
        self.kept: dict[int, int] = {}  # of slots that are the same for all rows: where they lie

    def _effort(self) -> int:
        """How hard LLVM should try for rows: little if it would take long, or if a large program
        has few products that are added, which alone run much faster if it tries."""
        steps = self.program.steps
        joined = sum([len(a) // 2 if op == "dot" else op[-5:] == "fused" for op, a in steps])
        return int(len(steps) <= HUGE and (not self.is_large or 4 * joined > len(steps)))

    def put_off(self) -> None:
        """Leaves sums over rows of products, of which many share factors, to another function."""
        if not self.strict:
            self.products = shared_products(self.program, self.uniform)
            self.factors = sorted({*sum(self.products.values(), ())})
            self.skipped = {self.program.outputs[o] for o in self.products}

    def items(self, uniform: bool) -> list[tuple[str, int]]:
        """What is to be done, in order: steps, guards, outputs."""
        n, steps, outputs, guards = self.program
        after: dict[int, list[tuple[str, int]]] = defaultdict(list)
        last = -1
        if not uniform:
            for g, (slot, _) in enumerate(guards):
                after[slot if slot.__class__ is int and not self.same(slot) else -1].append(
                    ("guard", g)
                )
            last = max((slot for slot, _ in guards if slot.__class__ is int), default=-1)
            for o, y in enumerate(outputs):
                at = y if y.__class__ is int and y >= n and not self.same(y) else -1
                if o in self.products:
                    continue
                after[max(at, last) if self.reduce and guards else at].append(("output", o))
            for s in self.factors:
                after[s if s >= n else -1].append(("factor", s))
        found = after.pop(-1, [])
        same = self.uniform or [False] * (n + len(steps))
        for s in range(n, n + len(steps)):
            if same[s] == uniform and s not in self.skipped:
                found.append(("step", s))
            if s in after:
                found += after[s]
        return found

    def same(self, slot: Any) -> bool:
        return bool(self.uniform) and self.uniform[slot]

    def uses(self, kind: str, i: int) -> Sequence[Any]:
        _, _, outputs, guards = self.program
        if kind == "step":
            return self.program.steps[i - self.program.inputs][1]
        return (i if kind == "factor" else outputs[i] if kind == "output" else guards[i][0],)

    def chunks(self, name: str, lanes: int, uniform: bool = False) -> list[str]:
        """Writes functions that do the items one after the other, and gives their names."""
        items, n, steps = self.items(uniform), self.program.inputs, self.program.steps
        last = [-1] * (n + len(steps))  # in which chunk a slot is used for the last time
        chunks: list[list[tuple[str, int]]] = [[]] if items else []
        called = self.called if lanes > 1 else OUTLINED
        weight, k = 0, 0
        for item in items:
            kind, i = item
            if kind == "step":
                op, args = steps[i - n]
                lines = 1 if op in called else LINES.get(op, 1)
                weight += len(args) if len(args) > lines else lines
            else:
                args, weight = tuple(self.uses(kind, i)), weight + 1
            if weight > CHUNK and chunks[k]:
                weight, k = 0, k + 1
                chunks.append([])
            chunks[k].append(item)
            for a in args:
                if a.__class__ is int:
                    last[a] = k
        self.where: dict[int, int] = {}  # of what lives on in the next chunks: where it lies
        free: list[int] = []
        ending: dict[int, list[int]] = defaultdict(list)
        names = []
        for k, chunk in enumerate(chunks):
            names.append(f"{name}.{k}")
            made = Chunk(self, lanes, uniform)
            for kind, i in chunk:
                if kind != "step":
                    getattr(made, kind)(i)
                    continue
                made.step(i)
                if uniform:
                    if last[i] > k or i in self.wanted:
                        self.kept[i] = self.take(8)
                        made.keep(i, self.kept[i])
                elif last[i] > k:
                    self.where[i] = free.pop() if free else self.take(8 * lanes)
                    ending[last[i]].append(i)
                    made.keep(i, self.where[i])
            free += [self.where.pop(s) for s in ending.pop(k, ())]
            self.finish(names[-1], made)
        return names

    def take(self, size: int) -> int:
        """A place in the workspace."""
        at = -(-self.size // size) * size
        self.size = at + size
        return at

    def finish(self, name: str, chunk: Chunk) -> None:
        self.declared |= chunk.block.declared
        self.scratch = max(self.scratch, 8 * chunk.place.used)
        self.functions.append(
            f"define internal void @{name}({ARGUMENTS}) noinline #0 {{\n"
            + ("%scratch = getelementptr i8, ptr %ws, i64 SCRATCH\n" if chunk.place.used else "")
            + "\n".join(chunk.block.lines)
            + "\nret void\n}"
        )

    @cached_property
    def wanted(self) -> set[int]:
        """The slots that are the same for all rows and are used where rows differ."""
        used = [a for item in self.items(False) for a in self.uses(*item)]
        return {a for a in used if a.__class__ is int and self.same(a)}

    def text(self, *more: str) -> str:
        self.size = -(-self.size // 64) * 64
        functions = "\n".join([*sorted(self.declared), *self.functions, *more])
        functions = functions.replace("i64 SCRATCH", f"i64 {self.size}")
        return f"{functions}\nattributes #0 = {{ {self.target.attributes} }}\n!0 = !{{}}\n"

    # The functions that call the chunks

    def point(self, names: Sequence[str]) -> str:
        given = (
            "ptr %in, ptr @functions, i64 0, ptr %out, i64 0, ptr %status, ptr %ws, ptr @numbers"
        )
        functions = ", ".join(f"ptr @{name}" for name in self.table)
        numbers = ", ".join(f"double {x}" for x in self.constants)
        calls = [f"call void @{name}({given})" for name in names]
        body = ["%status = alloca i32", "store i32 -1, ptr %status", *calls]
        body += ["%found = load i32, ptr %status", "ret i32 %found"]
        return self.text(
            f"@numbers = internal constant [{len(self.constants)} x double] [{numbers}]",
            f"@functions = internal constant [{len(self.table)} x ptr] [{functions}]",
            "define i32 @point(ptr %in, ptr %out, ptr %ws) #0 {\n" + "\n".join(body) + "\n}",
        )

    def rows(self, shared: Sequence[bool], reduce: bool) -> str:
        self.by_rows, self.reduce, self.uniform = True, reduce, [*shared]
        for i, same in enumerate(shared):
            found = self.shared if same else self.columns
            found[i] = len(found)
        for _, args in self.program.steps:
            self.uniform.append(all(a.__class__ is float or self.uniform[a] for a in args))
        if reduce:
            self.put_off()
        panel = 0
        if self.products:
            panel = self.take(64)
            self.size = panel + BLOCKS * len(self.factors) * 8 * self.lanes
        before = self.chunks("shared", 1, uniform=True) if any(self.uniform) else []
        names, lanes = self.chunks("chunk", self.lanes), self.lanes
        given = "ptr %in, ptr null, i64 0, ptr null, i64 0, ptr null, ptr %ws, ptr null"
        calls = [f"call void @{name}({given})" for name in before]
        start = ["define void @first(ptr %in, ptr %ws) #0 {", *calls, "ret void\n}"]
        parts = ["\n".join(start)]
        given = (
            "ptr %in, ptr %from, i64 %at, ptr %there, i64 %stride, ptr %state, ptr %ws, ptr %panel"
        )
        clear, status = "", f"<{lanes} x i32>"
        if self.program.guards:
            clear = f"store {status} splat (i32 -1), ptr %state, align 4"
        there = "%out" if self.reduce else "%place"
        calls = [f"call void @{name}({given})" for name in names]
        if self.products:
            parts.append(added(self.products, self.factors, lanes, self.target.fma))
        if self.products and self.program.guards:
            parts.append(masked(len(self.factors), lanes))
            calls.append("call void @masked(ptr %state, ptr %panel)")
        loop = PACK.format(count=len(self.columns), lanes=lanes, unrolled=unrolled(lanes))
        loop += ROW_LOOP.format(
            lanes=lanes, clear=clear, there=there, panel=panel, blocks=BLOCKS, last=BLOCKS - 1,
            flush="call void @added(ptr %out, ptr %first, i64 %full)" if self.products else "",
            rest="call void @added(ptr %out, ptr %first, i64 %block)" if self.products else "",
            calls="\n".join(calls)
        ).replace("ptr %there", f"ptr {there}")  # fmt: skip
        return self.text(*parts, loop)


class Chunk:
    """A function that is being written."""

    def __init__(self, writer: Writer, lanes: int, uniform: bool) -> None:
        self.writer, self.program, self.lanes, self.uniform = writer, writer.program, lanes, uniform
        by_rows = writer.by_rows
        fused = writer.target.fma and not (writer.is_large and lanes == 1 and not by_rows)
        b = self.block = Block(lanes, fused, writer.strict)
        table = writer.table if lanes == 1 and not by_rows else None
        self.place = Place(b, "%scratch", writer.callbacks, writer.failures,
                           writer.target, writer.strict, writer.is_large, table)  # fmt: skip
        self.names: dict[int, str] = {}

    def value(self, a: int | float) -> str:
        """The name of a number, or of a condition; read from memory where it was not made here."""
        if a.__class__ is not int:
            return self.block.number(a)
        name = self.names.get(a)
        if name is None:
            name = self.names[a] = self.read(a)
        return name

    def read(self, s: int) -> str:
        b, writer = self.block, self.writer
        if s >= self.program.inputs:
            if s in writer.kept:
                name = b.spread(b.read(b.at("%ws", writer.kept[s]), lanes=1))
            else:
                name = b.read(b.at("%ws", writer.where[s]))
            return self.truth(name) if self.program.is_condition(s) else name
        if s in writer.columns:
            i = writer.columns[s]
            column = b.let(f"load ptr, ptr {b.at('%columns', 8 * i)}, align 8, !invariant.load !0")
            return b.read(b.let(f"getelementptr double, ptr {column}, i64 %row"))
        return b.spread(b.read(b.at("%in", 8 * writer.shared.get(s, s)), lanes=1))

    def truth(self, name: str) -> str:
        return self.block.compare("une", name, self.block.number(0.0))

    def condition(self, a: int | float) -> str:
        if a.__class__ is not int:
            return self.block.splat("i1", "true" if a else "false")
        name = self.value(a)
        return name if self.program.is_condition(a) else self.truth(name)

    def step(self, s: int) -> None:
        op, args = self.program.steps[s - self.program.inputs]
        b, known = self.block, self.names
        if op in PLAIN:
            x, y = [self.value(a) for a in args]
            b.count += 1
            name = known[s] = f"%{b.count}"
            b.lines.append(f"{name} = f{op} {b.double} {x}, {y}")
            return
        if op == "where":
            names = [self.condition(args[0]), self.value(args[1]), self.value(args[2])]
        elif op in ("and", "or", "not"):
            names = [self.condition(a) for a in args]
        else:
            names = [self.value(a) for a in args]
        self.names[s] = self.done(op, names)

    def done(self, op: str, names: list[str]) -> str:
        """The result of an operation."""
        if self.place.table is not None and op in ("and", "or", "not"):
            return self.joined(op, names)
        called = OUTLINED if self.lanes == 1 else self.writer.called
        if op in called and op not in CUSTOM:
            return self.place.outlined(op, names)
        return form_of(op, self.writer.strict)(self.place, *names)

    def joined(self, op: str, names: list[str]) -> str:
        """A condition of conditions, by way of numbers: LLVM is slow with any other bits."""
        b, yes, no = self.block, self.block.number(1.0), self.block.number(0.0)
        x = b.select(names[0], *((no, yes) if op == "not" else (yes, no)))
        if op != "not":
            x = b.select(names[1], *((x, no) if op == "and" else (yes, x)))
        return self.truth(x)

    def factor(self, s: int) -> None:
        b, writer = self.block, self.writer
        place = BLOCKS * 8 * self.lanes * writer.factors.index(s)
        b.store(self.value(s), b.at("%panel", place))

    def keep(self, s: int, at: int) -> None:
        b, name = self.block, self.names[s]
        if self.program.is_condition(s):
            name = b.select(name, b.number(1.0), b.number(0.0))
        b.store(name, b.at("%ws", at))

    def guard(self, g: int) -> None:
        b = self.block
        slot, outcome = self.program.guards[g]
        holds = self.condition(slot)
        kind = b.type("i32")
        yes, no = b.splat("i32", str(g)), b.splat("i32", "-1")
        if outcome:
            yes, no = no, yes
        failed = b.select(holds, yes, no, "i32")
        before = b.let(f"load {kind}, ptr %status, align 4", again=True)
        earlier = b.let(f"icmp ult {kind} {before}, {failed}")
        b.do(f"store {kind} {b.select(earlier, before, failed, 'i32')}, ptr %status, align 4")

    def output(self, o: int) -> None:
        b, writer = self.block, self.writer
        value = self.value(self.program.outputs[o])
        if not writer.by_rows:
            b.store(value, b.at("%out", 8 * o))
        elif not writer.reduce:
            offset = b.let(f"mul i64 %stride, {o}")
            b.store(value, b.let(f"getelementptr double, ptr %out, i64 {offset}"))
        else:
            if self.program.guards:
                kind = b.type("i32")
                status = b.let(f"load {kind}, ptr %status, align 4")
                good = b.let(f"icmp eq {kind} {status}, {b.splat('i32', '-1')}")
                value = b.select(good, value, b.number(0.0))
            at = b.at("%out", 8 * self.lanes * o)
            b.store(b.add(b.load("double", at), value), at)
