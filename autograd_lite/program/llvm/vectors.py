"""The IR of a point whose program has much that is alike: loops over vectors, and what is left."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

from .alike import ALONG, CONSTANT, Loop, Plan, Run
from .chunks import ARGUMENTS, CHUNK, Chunk
from .ir import Block

if TYPE_CHECKING:
    from .chunks import Writer

# where the length is no multiple of the lanes, the last pack goes back a little: what was in that
# before is computed once more, but not added once more
LOOP = """define internal void @{name}({arguments}) noinline #0 {{
{scratch}br label %loop
loop:
%i = phi i64 [ 0, %0 ], [ %next, %loop ]
%new = phi i64 [ 0, %0 ], [ %on, %loop ]
{phis}
{body}
%on = add i64 %i, {lanes}
%over = icmp ugt i64 %on, {last}
%next = select i1 %over, i64 {last}, i64 %on
%done = icmp eq i64 %i, {last}
br i1 %done, label %end, label %loop
end:
{end}
ret void
}}"""
COPY = """%to{o} = getelementptr i8, ptr %out, i64 {at}
%from{o} = getelementptr i8, ptr {base}, i64 {start}
call void @llvm.memcpy.p0.p0.i64(ptr %to{o}, ptr %from{o}, i64 {size}, i1 false)
"""


def write_point(writer: Writer, plan: Plan, lanes: int) -> list[str]:
    """Writes the functions of a point, and gives their names."""
    return Vectors(writer, plan, lanes).names


class Vectors:
    def __init__(self, writer: Writer, plan: Plan, lanes: int) -> None:
        self.writer, self.plan, self.lanes = writer, plan, lanes
        self.steps, self.names = writer.program, list[str]()
        self.given = self._given()
        self.copied = {o + i for run, o in self.given.values() for i in range(len(run))}
        self.needed = self._needed()
        self.totals: dict[int, list[int]] = {s: [] for s in plan.totals}  # where the parts lie
        writer.size = 8 * plan.memory
        writer.where = {s: 8 * k for s, (space, k) in plan.place.items() if space == "ws"}
        for item in plan.items:
            if isinstance(item, Loop):
                self._loop(item)
            else:
                self._singles([("step", s) for s in item])
        self._singles([("guard", g) for g in range(len(self.steps.guards))])
        self._singles(self._outputs())

    def _given(self) -> dict[int, tuple[list[int], int]]:
        """The runs that are outputs side by side, by their first members, and where they begin."""
        outputs = [y if y.__class__ is int else None for y in self.steps.outputs]
        where = {y: o for o, y in reversed([*enumerate(outputs)])}
        found = {}
        for item in self.plan.items:
            for run in item.runs if isinstance(item, Loop) else ():
                o = where.get(run.members[0], len(outputs))
                if run.op != "total" and outputs[o : o + len(run.members)] == run.members:
                    found[run.members[0]] = run.members, o
        return found

    def _needed(self) -> set[int]:
        """The slots that are read from memory, somewhere else than where they are made."""
        n, outputs, home = self.steps.inputs, self.steps.outputs, dict[int, int]()
        for k, item in enumerate(self.plan.items):
            for run in item.runs if isinstance(item, Loop) else ():
                home.update(dict.fromkeys(run.members if run.op != "total" else (), k))
            home.update(dict.fromkeys(item if isinstance(item, list) else (), k))
        found = {y for o, y in enumerate(outputs) if y.__class__ is int and o not in self.copied}
        found |= {slot for slot, _ in self.steps.guards if slot.__class__ is int}
        for k, item in enumerate(self.plan.items):
            for run in item.runs if isinstance(item, Loop) else ():
                if run.op == "total":
                    found |= {a for a in run.members if home.get(a) != k}
        for s, (_, args) in enumerate(self.steps.steps, n):
            used = self._rest(s) if s in self.plan.totals else args
            found |= {a for a in used if a.__class__ is int and a >= n and home[a] != home[s]}
        return found

    def _rest(self, s: int) -> list[Any]:
        """The terms of a long sum that no loop adds up."""
        added = {a for run in self.plan.totals[s] for a in run.members}
        rest = []
        for a in self.steps.steps[s - self.steps.inputs][1]:
            if a in added and a.__class__ is int:
                added.remove(a)  # it may be there twice
            else:
                rest.append(a)
        return rest

    def _name(self) -> str:
        self.names.append(f"part.{len(self.names)}")
        return self.names[-1]

    def _singles(self, items: list[tuple[str, int]]) -> None:
        """Functions of single steps, guards and outputs."""
        made, weight = Chunk(self.writer, 1, False), 0
        for kind, i in items:
            if i in self.totals and kind == "step":
                parts = [made.block.read(made.block.at("%ws", at)) for at in self.totals[i]]
                parts += [made.value(a) for a in self._rest(i)]
                made.names[i] = reduce(made.block.add, parts)
            else:
                getattr(made, kind)(i)
            if kind == "step":
                _, args = self.steps.steps[i - self.steps.inputs]
                weight += max(1, len(args))
                made.keep(i, self.writer.where[i])
            else:
                weight += 1
            if weight > CHUNK:
                self.writer.finish(self._name(), made)
                made, weight = Chunk(self.writer, 1, False), 0
        if made.block.lines:
            self.writer.finish(self._name(), made)

    def _loop(self, loop: Loop) -> None:
        made, pack = Body(self.writer, self.lanes, self.plan), f"<{self.lanes} x double>"
        is_whole = loop.length % self.lanes == 0
        phis, parts = list[str](), list[int]()
        for run in loop.runs:
            first = run.members[0]
            if run.op == "total":
                k = len(phis)
                phis.append(f"%s{k} = phi {pack} [ zeroinitializer, %0 ], [ %t{k}, %loop ]")
                x = made.argument(*run.args[0])
                x = x if is_whole else made.block.select(made.is_new(), x, made.block.number(0.0))
                made.block.do(f"%t{k} = fadd {pack} %s{k}, {x}")
                parts.append(self.writer.take(8))
                self.totals[run.args[1][1]].append(parts[-1])
                continue
            made.run(run)
            if not self.needed.isdisjoint(run.members):
                made.store(first, *made.home(first))
            if first in self.given:
                made.store(first, "%out", 8 * self.given[first][1])
        end = Block()
        end.count = made.block.count
        for k, at in enumerate(parts):
            end.store(_halved(end, f"%t{k}", self.lanes), end.at("%ws", at))
        self.writer.declared |= made.block.declared
        self.writer.scratch = max(self.writer.scratch, 8 * made.place.used)
        scratch = "%scratch = getelementptr i8, ptr %ws, i64 SCRATCH\n" if made.place.used else ""
        self.writer.functions.append(
            LOOP.format(
                name=self._name(),
                arguments=ARGUMENTS,
                scratch=scratch,
                phis="\n".join(phis),
                body="\n".join(made.block.lines),
                end="\n".join(end.lines),
                lanes=self.lanes,
                last=loop.length - self.lanes,
            )
        )

    def _outputs(self) -> list[tuple[str, int]]:
        """Copies outputs that are neighbours, and gives the others."""
        outputs = [y if y.__class__ is int else None for y in self.steps.outputs]
        place: dict[int | None, tuple[str, int]] = dict(self.plan.place.items())
        rest: list[tuple[str, int]] = []
        copies = []
        start = 0
        while start < len(outputs):
            stop = start + 1
            if start in self.copied:
                start = stop
                continue
            space, k = place.get(outputs[start], ("", 0))
            while (
                stop < len(outputs)
                and stop not in self.copied
                and place.get(outputs[stop]) == (space, k + stop - start)
            ):
                stop += 1
            if stop - start < 2 * self.lanes:
                rest += [("output", o) for o in range(start, stop)]
            else:
                base = "%in" if space == "in" else "%ws"
                copies.append(COPY.format(o=start, at=8 * start, base=base, start=8 * k,
                                          size=8 * (stop - start)))  # fmt: skip
            start = stop
        if copies:
            self.writer.declared.add("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
            body = "".join(copies)
            head = f"define internal void @{self._name()}({ARGUMENTS}) noinline #0"
            self.writer.functions.append(f"{head} {{\n{body}ret void\n}}")
        return rest


def _halved(block: Block, name: str, lanes: int) -> str:
    """The sum of the lanes."""
    while lanes > 1:
        pack, lanes = f"<{lanes} x double>", lanes // 2
        halves = []
        for start in (0, lanes):
            places = ", ".join(f"i32 {i}" for i in range(start, start + lanes))
            given = f"{pack} {name}, {pack} poison, <{lanes} x i32> <{places}>"
            halves.append(block.let(f"shufflevector {given}"))
        name = block.let(f"fadd <{lanes} x double> {', '.join(halves)}")
    return block.let(f"extractelement <1 x double> {name}, i64 0")


class Body(Chunk):
    """The inside of a loop: the i-th member of each run and those after it, as many as lanes."""

    def __init__(self, writer: Writer, lanes: int, plan: Plan) -> None:
        super().__init__(writer, lanes, False)
        self.plan = plan
        self.made: dict[int, str] = {}  # by the first member

    def run(self, run: Run) -> None:
        names = [self.argument(kind, a) for kind, a in run.args]
        if run.op in ("where", "and", "or", "not"):
            conditions = 1 if run.op == "where" else len(names)
            for k in range(conditions):
                kind, a = run.args[k]
                if kind != CONSTANT and not self.program.is_condition(a):
                    names[k] = self.truth(names[k])
                elif kind == CONSTANT:
                    names[k] = self.block.splat("i1", "true" if a else "false")
        self.made[run.members[0]] = self.done(run.op, names)

    def argument(self, kind: str, a: int | float) -> str:
        b = self.block
        if kind == CONSTANT or a.__class__ is not int:
            return b.number(a)
        if kind == ALONG and a in self.made:
            return self.made[a]
        pointer = self.pointer(a, kind == ALONG)
        name = b.read(pointer) if kind == ALONG else b.spread(b.read(pointer, lanes=1))
        return self.truth(name) if self.program.is_condition(a) else name

    def home(self, a: int) -> tuple[str, int]:
        """Where a slot lies."""
        space, k = self.plan.place[a]
        return "%in" if space == "in" else "%ws", 8 * k

    def pointer(self, a: int, along: bool) -> str:
        b = self.block
        base = b.at(*self.home(a))
        return b.let(f"getelementptr double, ptr {base}, i64 %i") if along else base

    def store(self, s: int, memory: str, offset: int) -> None:
        b, name = self.block, self.made[s]
        if self.program.is_condition(s):
            name = b.select(name, b.number(1.0), b.number(0.0))
        b.store(name, b.let(f"getelementptr double, ptr {b.at(memory, offset)}, i64 %i"))

    def is_new(self) -> str:
        """Of each lane whether it was not there in the pack before."""
        b, kind = self.block, f"<{self.lanes} x i64>"
        known = b.let("sub i64 %new, %i")
        first = b.let(f"insertelement {kind} poison, i64 {known}, i64 0")
        zeros = f"<{self.lanes} x i32> zeroinitializer"
        splat = b.let(f"shufflevector {kind} {first}, {kind} poison, {zeros}")
        lanes = ", ".join(f"i64 {i}" for i in range(self.lanes))
        return b.let(f"icmp uge {kind} <{lanes}>, {splat}")
